import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { EvaluatorRegistry, EvaluatorRole } from '../controller/evaluator-registry.ts';
import type { RolloutManager } from '../controller/rollout-manager.ts';
import { heartbeatIntervalMs } from '../wire/control.ts';

export interface RulesetStreamOptions {
  readonly manager: RolloutManager;
  readonly evaluators: EvaluatorRegistry;
  readonly clock: Clock;
  readonly closing?: AbortSignal;
  readonly evaluator: string;
  readonly role: EvaluatorRole;
  readonly upstreams?: readonly string[] | undefined;
  readonly answers?: boolean | undefined;
}

/**
 * Server-sent events: the whole ruleset at once and at every change, and a heartbeat every two seconds. A reader
 * that is slow gets the newest ruleset next, never a queue of old ones. Ends, and is refused with STORE_UNAVAILABLE,
 * while a rollback cannot be put on record: whoever hears nothing serves control when the lease is over.
 */
export function rulesetStream(context: Context, options: RulesetStreamOptions): Response {
  const { manager, evaluators, clock, closing } = options;
  refuseUnheard(manager);
  return streamSSE(context, async (stream) => {
    const disconnect = evaluators.connected(options.evaluator, options.role, options);
    let wake: () => void = () => {};
    let ended = closing?.aborted === true;
    const end = (): void => {
      ended = true;
      wake();
    };
    const stopListening = manager.onRuleset(() => wake());
    closing?.addEventListener('abort', end, { once: true });
    stream.onAbort(end);
    try {
      let sentRevision = -1;
      while (!ended && manager.mayBeHeard) {
        const ruleset = manager.ruleset();
        const { revision } = ruleset;
        if (revision > sentRevision)
          await stream.writeSSE({ event: 'ruleset', data: JSON.stringify(ruleset), id: `${revision}` });
        else await stream.writeSSE({ event: 'heartbeat', data: JSON.stringify({ revision }) });
        sentRevision = revision;
        await new Promise<void>((resolve) => {
          if (ended || manager.ruleset().revision > revision) return resolve();
          const stop = clock.after(heartbeatIntervalMs, resolve);
          wake = () => {
            stop();
            resolve();
          };
        });
      }
    } finally {
      stopListening();
      closing?.removeEventListener('abort', end);
      disconnect();
    }
  });
}

/** Nothing that renews a lease leaves while a rollback waits for the store. */
export function refuseUnheard({ mayBeHeard }: Pick<RolloutManager, 'mayBeHeard'>): void {
  if (mayBeHeard) return;
  throw new CrossfadeError(
    'STORE_UNAVAILABLE',
    'Expected a store that takes the rollback that was decided, got one that does not. Leases end and control is served; mend the store, the rollback is told again by itself.',
  );
}
