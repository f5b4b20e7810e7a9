import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { createParser } from 'eventsource-parser';
import type { HistoryEntry } from '../controller/rollout-status.ts';
import { asJson, refusalOf } from './refusal.ts';

export interface WatchOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly rollout?: string | undefined;
  /** Sequence of the last event that is known; absent: from now on. */
  readonly after?: number | undefined;
}

/** Wait before a stream that was lost is opened again, ms. */
const againMs = 1_000;

/** One event with a whole plan in it is under 1 MiB, with lists of keys under 17. */
const eventCharsMax = 32 * 1024 * 1024;

/** Follows the audit of a control plane; see `ControlClient.watch`. */
export async function* watchEvents(options: WatchOptions): AsyncGenerator<HistoryEntry, void> {
  const { signal, clock } = options;
  let { after } = options;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    if (!isFirst) await pause(clock, signal);
    const response = await open(options, after).catch((error: unknown) => {
      if (isFirst || !isUnreachable(error)) throw error;
      return null;
    });
    if (response === null) continue;
    try {
      for await (const { event, entry } of entriesOf(response)) {
        after = entry.sequence;
        if (event === 'from') continue;
        yield entry;
        if (signal.aborted) return;
      }
    } catch (error) {
      // Cut off: it goes on behind the last event that was seen.
      if (error instanceof CrossfadeError) throw error;
    }
  }
}

async function open(options: WatchOptions, after: number | undefined): Promise<Response | null> {
  const { url, token, signal, rollout } = options;
  const query = new URLSearchParams();
  if (rollout !== undefined) query.set('rollout', rollout);
  if (after !== undefined) query.set('after', String(after));
  const headers = { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await options.fetch(new URL(`/v1/events?${query.toString()}`, url), { headers, signal });
  } catch (cause) {
    if (signal.aborted) return null;
    throw new CrossfadeError(
      'CONTROL_PLANE_UNREACHABLE',
      `Expected a running system at ${url}, got no answer (${messageOf(cause)}). Start one with: crossfade up`,
      { cause },
    );
  }
  if (response.ok) return response;
  throw refusalOf(url, response.status, await response.text());
}

function isUnreachable(error: unknown): boolean {
  return error instanceof CrossfadeError && error.code === 'CONTROL_PLANE_UNREACHABLE';
}

interface Streamed {
  readonly event: string | undefined;
  /** Of `from` the sequence alone. */
  readonly entry: HistoryEntry;
}

async function* entriesOf(response: Response): AsyncGenerator<Streamed, void> {
  const ready: Streamed[] = [];
  const parser = createParser({
    maxBufferSize: eventCharsMax,
    onEvent: ({ event, data }) => {
      const entry = asJson(data);
      if (entry !== undefined) ready.push({ event, entry: entry as HistoryEntry });
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* ready.splice(0);
  }
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(againMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
