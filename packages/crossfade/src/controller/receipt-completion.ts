import type { Clock } from '@crossfade/sdk/core/clock';
import type { Actor, DrainedSession } from '../rollout/commands.ts';
import { hasEnded } from '../rollout/state.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import type { RolloutManager } from './rollout-manager.ts';

const controlPlane: Actor = { kind: 'automatic', name: 'control plane' };

/**
 * Wait between two looks, ms: gateways say themselves how sessions ended, and this is for those that could not. A receipt
 * may be waiting for just these, and each look that finds something before its gateway says so is an event more.
 */
const betweenMs = 10_000;

/** Records asked for in one look; the next one goes on behind them. */
const lookupsMax = 500;

export interface ReceiptCompletionOptions {
  readonly manager: RolloutManager;
  readonly sessions: Pick<SessionStore, 'record'>;
  readonly clock: Clock;
}

/**
 * Completes receipts by session records. A gateway that is killed after it stored a session and before it said so has
 * nothing left of it in its journal, but brings the record.
 */
export class ReceiptCompletion {
  readonly #options: ReceiptCompletionOptions;
  #notBeforeMs = -Infinity;
  #from = 0;

  constructor(options: ReceiptCompletionOptions) {
    this.#options = options;
  }

  /** One bounded look when it is time. */
  async turn(): Promise<void> {
    const { manager, sessions, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#notBeforeMs) return;
    this.#notBeforeMs = nowMs + betweenMs;
    const running = manager
      .states()
      .flatMap(({ name, rollback }) =>
        Object.values(rollback?.sessions ?? {}).flatMap((session) =>
          hasEnded(session) ? [] : { name, session },
        ),
      );
    if (this.#from >= running.length) this.#from = 0;
    const looked = running.slice(this.#from, this.#from + lookupsMax);
    this.#from += lookupsMax;
    const ended = new Map<string, { name: string; gateway: string; sessions: DrainedSession[] }>();
    for (const { name, session } of looked) {
      const { sessionId, gateway } = session;
      const record = await sessions.record(sessionId);
      if (record === undefined) continue;
      const key = JSON.stringify([name, gateway]);
      const report = ended.get(key) ?? { name, gateway, sessions: [] };
      ended.set(key, report);
      report.sessions.push(endOf(record));
    }
    for (const { name, ...report } of ended.values()) {
      const reason = 'found in the session records';
      await manager.tell(name, { type: 'drain-report', ...report, actor: controlPlane, reason });
    }
  }
}

/** What became of a session, as far as its record says. */
export function endOf({ sessionId, drain, user }: SessionRecord): DrainedSession {
  return {
    sessionId,
    outcome: drain?.outcome ?? (user.rescuedBy === null ? 'finished' : 'rescued'),
    ended: true,
    samplesLost: Math.max(0, user.samplesOffered - user.samplesCovered),
    duplicateEntries: user.duplicateEntries,
  };
}
