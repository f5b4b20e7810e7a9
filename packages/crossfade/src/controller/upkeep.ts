import type { Clock } from '@crossfade/sdk/core/clock';
import { isOver, type RolloutState } from '../rollout/state.ts';
import type { RolloutStore, SessionStore } from '../store/store.ts';

/** Wait between two turns once nothing old is left, ms. */
const betweenMs = 3_600_000;

/** Rows of each kind that one turn takes out: about 20 ms of the store. A backlog goes on with the next look. */
export const upkeepRowsMax = 500;

const dayMs = 86_400_000;

/**
 * Reports of sessions are kept this long when no rollout that runs may ask for them. A completed rollout is judged on from
 * its sums; only if these are lost does a reading begin anew, and then with what is left.
 */
export const reportDays = 90;

/** A notice that was sent or dropped is kept this long, for whoever asks what a person was told. */
export const settledNoticeDays = 30;

export interface UpkeepOptions {
  readonly store: Pick<RolloutStore, 'forgetOutbox'>;
  readonly sessions: Pick<SessionStore, 'dropSignals' | 'dropRecords'>;
  readonly clock: Clock;
}

/**
 * Takes out of the stores what nobody reads any more, so that the disk does not fill: signals of rollouts that are over,
 * old records and signals of what does not run, and notices that are settled. Reports of a rollout that is not over stay
 * however old they are: a reading that begins anew from the store must come to the same sums.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #notBeforeMs = -Infinity;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** One bounded turn when it is time; nothing while a rollback is under way. `watched`: names that are judged. */
  async turn(states: readonly RolloutState[], watched: ReadonlySet<string>): Promise<void> {
    const { store, sessions, clock } = this.#options;
    const monotonicMs = clock.monotonicMs();
    if (monotonicMs < this.#notBeforeMs || states.some(({ phase }) => phase === 'rolling-back')) return;
    // Before the work: a store that refuses is asked again in an hour, not every second.
    this.#notBeforeMs = monotonicMs + betweenMs;
    const nowMs = clock.nowMs();
    const running = states.filter((state) => !isOver(state)).map(({ name }) => name);
    const needed = states.filter((state) => watched.has(state.name) || !isOver(state));
    const longestMaturityMs = needed.reduce((longest, { plan }) => Math.max(longest, plan.maturityMs), 0);
    const signals = await sessions.dropSignals({
      exceptRollouts: needed.map(({ name }) => name),
      receivedBeforeMs: nowMs - longestMaturityMs - dayMs,
      limit: upkeepRowsMax,
    });
    const old = {
      exceptRollouts: running,
      receivedBeforeMs: nowMs - reportDays * dayMs,
      limit: upkeepRowsMax,
    };
    const oldSignals = await sessions.dropSignals(old);
    const records = await sessions.dropRecords(old);
    const notices = await store.forgetOutbox(nowMs - settledNoticeDays * dayMs, upkeepRowsMax);
    if ([signals, oldSignals, records, notices].includes(upkeepRowsMax)) this.#notBeforeMs = monotonicMs;
  }
}
