import type { Clock } from '@crossfade/sdk/core/clock';
import type { Budget, RolloutState } from '../rollout/state.ts';
import type { Reading } from './reading.ts';

/**
 * Where the evidence of rollouts comes from. The built-in one reads session records (`evidence.ts`); another may ask a
 * metrics system and fold what it answers. A source judges nothing: what it measured goes into the log with the verdict,
 * so that the same verdict can be made of it again.
 */
export interface MetricSource {
  /**
   * All that is known of a rollout by now. Rejects when it cannot say so: then the verdict is `source-error`, nothing is
   * promoted, and the next call goes on where this one stopped. Never called again for a rollout before it has settled.
   */
  read(state: RolloutState, budget: Budget, nowMs: number): Promise<Reading>;
  /** Makes what was read survive a restart, as often as it thinks right. */
  keep(name: string, nowMs: number): Promise<void>;
  /** A rollout that is over needs no evidence. */
  forget(name: string): Promise<void>;
  /** Rollouts it holds evidence of. */
  names(): readonly string[];
}

/** A look is made every second: a source that takes longer than this cannot answer, ms. */
const readLimitMs = 10_000;

/** The same source, with a limit: one that hangs is one that cannot answer, and keeps no other rollout waiting. */
export function inTime(source: MetricSource, clock: Clock): MetricSource {
  const running = new Set<string>();
  return {
    async read(state, budget, nowMs) {
      const { name } = state;
      if (running.has(name)) throw new Error(`Expected an answer within ${readLimitMs} ms, got none yet.`);
      running.add(name);
      const reading = source.read(state, budget, nowMs).finally(() => running.delete(name));
      return new Promise((resolve, reject) => {
        const late = (): void => reject(new Error(`Expected an answer within ${readLimitMs} ms, got none.`));
        const cancel = clock.after(readLimitMs, late);
        reading.finally(cancel).then(resolve, reject);
      });
    },
    keep: (name, nowMs) => source.keep(name, nowMs),
    forget: (name) => source.forget(name),
    names: () => source.names(),
  };
}
