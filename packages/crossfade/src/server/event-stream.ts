import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { RolloutManager } from '../controller/rollout-manager.ts';

/** How often a stream without events says that it lives, ms. */
const beatMs = 10_000;

export interface EventStreamOptions {
  readonly manager: RolloutManager;
  readonly clock: Clock;
  readonly closing?: AbortSignal | undefined;
  readonly rollout?: string | undefined;
  readonly after?: number | undefined;
}

/**
 * Server-sent events: `from` with the sequence it starts behind, then each event of the audit once, in order, from `after` (or from now) on; its sequence is the id, so
 * that a reader who was cut off goes on behind the last one it saw. A slow reader is waited for.
 */
export function eventStream(context: Context, options: EventStreamOptions): Response {
  const { manager, clock, closing, rollout } = options;
  const after = options.after ?? manager.sequence;
  return streamSSE(context, async (stream) => {
    const end = new AbortController();
    const abort = (): void => end.abort();
    stream.onAbort(abort);
    closing?.addEventListener('abort', abort, { once: true });
    if (closing?.aborted === true) abort();
    let cancel: Cancel = () => {};
    const beat = (): void => {
      void stream.write(': beat\n\n');
      cancel = clock.after(beatMs, beat);
    };
    beat();
    try {
      // So that a reader who is cut off before the first event knows where to go on.
      await stream.writeSSE({ event: 'from', data: JSON.stringify({ sequence: after }) });
      for await (const event of manager.subscribe({ signal: end.signal, after })) {
        if (rollout !== undefined && event.rollout !== rollout) continue;
        await stream.writeSSE({ event: event.type, data: JSON.stringify(event), id: String(event.sequence) });
      }
    } finally {
      cancel();
      closing?.removeEventListener('abort', abort);
    }
  });
}
