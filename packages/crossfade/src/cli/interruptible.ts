const names = ['SIGINT', 'SIGTERM'] as const;
export type Interruption = (typeof names)[number];

/**
 * Work that Ctrl-C or SIGTERM ends in order: the first of each aborts its signal, with what `reasonOf` answers or the
 * name alone; one more ends the process as it always does. Nothing listens once the work is over, whatever its end.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  reasonOf: (name: Interruption) => unknown = (name) => name,
): Promise<T> {
  const controller = new AbortController();
  const abort = (name: Interruption): void => controller.abort(reasonOf(name));
  for (const name of names) process.once(name, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of names) process.off(name, abort);
  }
}
