import type { SessionSignal } from '../transcript/session-record.ts';
import type { LiveSession } from './live-session.ts';
import type { SessionLedgers } from './session-ledgers.ts';

/** The stretch of a session that is reported while it runs; the judge counts the same one. */
export const earlyWindowMs = 120_000;

/** What is said of a session is read from these. */
export type SignalledSession = Pick<LiveSession, 'sessionId' | 'assignment' | 'startedAtMs' | 'endSample'> & {
  readonly ledgers: Pick<SessionLedgers, 'armFailedSoFar'>;
};

/**
 * Says of sessions of a rollout that they began, and, of those that live so long, how their first two minutes went. A
 * shorter session says it with its record. What is said twice counts once, so a gateway that comes back says it again.
 */
export class EarlySignals {
  readonly #emit: (signal: SessionSignal) => void;
  /** Sessions inside their first two minutes, in the order in which they began. */
  readonly #open = new Map<string, SignalledSession>();

  constructor(emit: (signal: SessionSignal) => void) {
    this.#emit = emit;
  }

  began(session: SignalledSession): void {
    if (session.assignment.rollout === undefined) return;
    this.#open.set(session.sessionId, session);
    this.#say('started', session);
  }

  ended(sessionId: string): void {
    this.#open.delete(sessionId);
  }

  /** Called a few times a second, with wall time. */
  tick(nowMs: number): void {
    for (const [sessionId, session] of this.#open) {
      if (nowMs - session.startedAtMs < earlyWindowMs) return;
      this.#open.delete(sessionId);
      this.#say('early', session);
    }
  }

  #say(
    kind: SessionSignal['kind'],
    { sessionId, assignment, startedAtMs, ledgers, endSample }: SignalledSession,
  ): void {
    const { arm, rollout, userHash, reason, rule } = assignment;
    if (rollout === undefined) return;
    this.#emit({
      kind,
      sessionId,
      arm,
      rollout: { name: rollout.name, epoch: rollout.epoch },
      userHash,
      reason,
      ...(rule === undefined ? {} : { rule }),
      startedAtMs,
      ...(kind === 'early' ? { failed: ledgers.armFailedSoFar(endSample) } : {}),
    });
  }
}
