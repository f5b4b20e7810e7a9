/** Carries out orders to leave a candidate, and says what became of each session that was open. */
import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { SessionRecord } from '../transcript/session-record.ts';
import type { DrainedSession } from '../wire/control.ts';
import type { LiveSession } from './live-session.ts';

export interface DrainProgress {
  readonly sessions: readonly DrainedSession[];
  /** No session of the candidate is left on it. */
  readonly done: boolean;
}

interface RunningDrain {
  readonly order: Drain;
  /** Sessions that are not over: what they lost, if anything, is known at their end. */
  readonly running: Map<string, LiveSession>;
  readonly outcomes: Map<string, DrainedSession>;
  /** Whether the ruleset still has the order. */
  isListed: boolean;
}

export class Drains {
  readonly #report: (drainId: string, progress: DrainProgress) => void;
  readonly #drains = new Map<string, RunningDrain>();
  /** Until then nobody knows which orders are listed, and no drain is over. */
  #hasOrders = false;

  constructor(report: (drainId: string, progress: DrainProgress) => void) {
    this.#report = report;
  }

  /**
   * Takes the orders of a ruleset. One that is known changes nothing; a harder one takes over what the milder one
   * knows. One that is gone takes no more sessions, and is forgotten when those it has are over: a receipt is closed
   * when all have moved, and their ends complete it.
   */
  apply(orders: readonly Drain[], sessions: readonly LiveSession[]): void {
    for (const order of orders) {
      const drain = this.#drainOf(order);
      if (drain.isListed) continue;
      drain.isListed = true;
      for (const session of sessions) if (concerns(order, session)) this.#begin(drain, session);
      this.#say(drain);
    }
    this.#hasOrders = true;
    const current = new Set(orders.map((order) => order.id));
    for (const [id, drain] of this.#drains) {
      drain.isListed = current.has(id);
      this.#forgetIfOver(id, drain);
    }
  }

  /** A session that a restart brought back and that had its order: its end is awaited, listed or not. */
  restored(session: LiveSession): void {
    if (session.departure !== null) this.#begin(this.#drainOf(session.departure.order), session);
  }

  /** A session that an evaluator with an older ruleset still put on the candidate. */
  joined(session: LiveSession): void {
    for (const drain of this.#drains.values()) {
      if (!drain.isListed || !concerns(drain.order, session)) continue;
      this.#begin(drain, session);
      this.#say(drain);
    }
  }

  /** A session moved, showed something after it, or ended. `record` is there when it ended. */
  progressed(session: LiveSession, record: SessionRecord | null): void {
    const { sessionId } = session;
    for (const [id, drain] of this.#drains) {
      if (!drain.running.has(sessionId)) continue;
      drain.outcomes.set(sessionId, drainedSession(session, record));
      if (record !== null) drain.running.delete(sessionId);
      this.#say(drain);
      this.#forgetIfOver(id, drain);
    }
  }

  /** The drain of this order: known, taken over from a milder order of the same rollout, or new and not listed yet. */
  #drainOf(order: Drain): RunningDrain {
    const known = this.#drains.get(order.id);
    if (known !== undefined) return known;
    const milder = [...this.#drains.values()].find((drain) => isOfSameRollback(drain.order, order));
    if (milder !== undefined) this.#drains.delete(milder.order.id);
    const { running, outcomes } = milder ?? { running: new Map(), outcomes: new Map() };
    const drain = { order, running, outcomes, isListed: false };
    this.#drains.set(order.id, drain);
    return drain;
  }

  #begin(drain: RunningDrain, session: LiveSession): void {
    drain.running.set(session.sessionId, session);
    session.leave(drain.order);
    drain.outcomes.set(session.sessionId, drainedSession(session, null));
  }

  #say({ order, outcomes }: RunningDrain): void {
    const sessions = [...outcomes.values()];
    this.#report(order.id, { sessions, done: sessions.every(({ outcome }) => outcome !== 'open') });
  }

  #forgetIfOver(id: string, { isListed, running }: RunningDrain): void {
    if (this.#hasOrders && !isListed && running.size === 0) this.#drains.delete(id);
  }
}

function drainedSession({ sessionId, departure }: LiveSession, record: SessionRecord | null): DrainedSession {
  const pauseMs = departure?.pauseMs ?? null;
  return {
    sessionId,
    outcome: departure?.outcome ?? 'open',
    ended: record !== null,
    samplesLost: record === null ? 0 : record.user.samplesOffered - record.user.samplesCovered,
    duplicateEntries: record === null ? 0 : record.user.duplicateEntries,
    ...(pauseMs === null ? {} : { pauseMs }),
  };
}

function isOfSameRollback(one: Drain, other: Drain): boolean {
  return one.rollout === other.rollout && one.flag === other.flag && one.variant === other.variant;
}

function concerns(order: Drain, session: LiveSession): boolean {
  const { assignment } = session;
  return (
    session.phase !== 'ended' &&
    assignment.arm === 'candidate' &&
    assignment.flag === order.flag &&
    assignment.variant === order.variant &&
    assignment.rollout?.name === order.rollout
  );
}
