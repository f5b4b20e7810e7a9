/** Carries out orders to leave a candidate, and says what became of each session that was open. */
import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome, SessionRecord } from '../transcript/session-record.ts';
import type { LiveSession } from './live-session.ts';

export interface DrainProgress {
  readonly sessions: readonly {
    readonly sessionId: string;
    readonly outcome: DrainOutcome;
    readonly samplesLost: number;
  }[];
  /** No session of the candidate is left on it. */
  readonly done: boolean;
}

export class Drains {
  readonly #report: (drainId: string, progress: DrainProgress) => void;
  readonly #drains = new Map<
    string,
    {
      readonly order: Drain;
      readonly open: Map<string, LiveSession>;
      readonly outcomes: Map<string, { outcome: DrainOutcome; samplesLost: number }>;
    }
  >();

  constructor(report: (drainId: string, progress: DrainProgress) => void) {
    this.#report = report;
  }

  /** Takes the orders of a ruleset. One that is known changes nothing; one that is gone is forgotten. */
  apply(orders: readonly Drain[], sessions: Iterable<LiveSession>): void {
    const current = new Set(orders.map((order) => order.id));
    for (const id of this.#drains.keys()) if (!current.has(id)) this.#drains.delete(id);
    for (const order of orders) {
      if (this.#drains.has(order.id)) continue;
      const drain = { order, open: new Map<string, LiveSession>(), outcomes: new Map() };
      this.#drains.set(order.id, drain);
      for (const session of sessions) if (concerns(order, session)) this.#begin(order, session);
      this.#say(order.id);
    }
  }

  /** A session that an evaluator with an older ruleset still put on the candidate, or that a restart brought back. */
  joined(session: LiveSession): void {
    for (const { order } of this.#drains.values()) {
      if (!concerns(order, session)) continue;
      this.#begin(order, session);
      this.#say(order.id);
    }
  }

  /** A session moved or ended. `record` is there when it ended. */
  progressed(session: LiveSession, record: SessionRecord | null): void {
    const departure = session.departure;
    const id = departure?.order.id;
    const drain = id === undefined ? undefined : this.#drains.get(id);
    if (id === undefined || departure === null || drain === undefined) return;
    const lost = record === null ? 0 : record.user.samplesOffered - record.user.samplesCovered;
    drain.outcomes.set(session.sessionId, { outcome: departure.outcome, samplesLost: lost });
    if (session.phase === 'ended') drain.open.delete(session.sessionId);
    this.#say(id);
  }

  #begin(order: Drain, session: LiveSession): void {
    const drain = this.#drains.get(order.id)!;
    drain.open.set(session.sessionId, session);
    session.leave(order);
    drain.outcomes.set(session.sessionId, { outcome: session.departure?.outcome ?? 'open', samplesLost: 0 });
  }

  #say(id: string): void {
    const { outcomes } = this.#drains.get(id)!;
    const sessions = [...outcomes].map(([sessionId, outcome]) => ({ sessionId, ...outcome }));
    this.#report(id, { sessions, done: sessions.every((session) => session.outcome !== 'open') });
  }
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
