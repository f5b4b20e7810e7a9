import type { Clock } from '@crossfade/sdk/core/clock';
import { below, type Random } from '@crossfade/sdk/core/random';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import type { Drain, Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { DrainedSession } from '../../packages/crossfade/src/rollout/commands.ts';

/** A decision that a gateway took for a session of its own. */
export interface Admission {
  readonly gateway: string;
  readonly sessionId: string;
  readonly rollout: string;
  readonly epoch: number;
  readonly arm: 'control' | 'candidate';
  readonly revision: number;
}

export interface OpenSession extends Admission {
  readonly user: number;
  readonly rule: string | undefined;
  readonly reason: string;
  readonly startedAtMs: number;
}

export interface DrainReport {
  readonly drainId: string;
  readonly sessions: readonly DrainedSession[];
  readonly done: boolean;
}

/** Users of one world; a tenth of them are internal. Many return, as people do. */
const users = 3_000;

/**
 * A gateway as the control plane sees it: the real evaluator, and the rules of the real link. It applies only newer
 * rulesets, renews its lease only while it serves the announced revision, acknowledges what it serves, and reports
 * drains whole, again on every connection.
 */
export class SimGateway {
  readonly id: string;
  readonly evaluator: Evaluator;
  readonly open = new Map<string, OpenSession>();
  /** What could not be brought to the control plane yet. */
  readonly waiting: ((nowMs: number) => Promise<unknown>)[] = [];
  isCutOff = false;
  cutOffUntilMs = -Infinity;
  /** Of the connection that is open; older messages are of another one. */
  connection = 0;
  isConnected = false;
  heardAtMs = -Infinity;
  readonly #random: Random;
  readonly #drains = new Map<
    string,
    { readonly order: Drain; readonly outcomes: Map<string, DrainedSession> }
  >();
  #sessions = 0;

  constructor(options: { readonly id: string; readonly clock: Clock; readonly random: Random }) {
    this.id = options.id;
    this.#random = options.random;
    this.evaluator = new Evaluator({ clock: options.clock });
  }

  /** The revision to acknowledge, for the first time or as a sign of life; null when it is not the one served here. */
  hears(revision: number, ruleset: Ruleset | null, nowMs: number): number | null {
    this.heardAtMs = nowMs;
    if (ruleset !== null && revision > this.evaluator.revision) {
      this.evaluator.apply(ruleset);
      this.#follow(ruleset);
    }
    if (revision !== this.evaluator.revision) return null;
    this.evaluator.heard();
    return revision;
  }

  /** A session starts: decided once, pinned for its life. */
  admit(flag: string, nowMs: number): OpenSession | null {
    const user = below(this.#random, users);
    const context = { targetingKey: `user-${user}`, plan: user % 10 === 0 ? 'internal' : 'free' };
    const result = this.evaluator.evaluate(flag, context);
    const rollout = this.evaluator.ruleset?.flags[flag]?.rollout;
    if (rollout === undefined || result.variant === undefined) return null;
    const session: OpenSession = {
      gateway: this.id,
      sessionId: `${this.id}-${this.#sessions++}`,
      rollout: rollout.name,
      epoch: rollout.epoch,
      arm: result.variant === rollout.candidateVariant ? 'candidate' : 'control',
      revision: this.evaluator.revision,
      startedAtMs: nowMs,
      user,
      rule: result.rule,
      reason: result.reason,
    };
    this.open.set(session.sessionId, session);
    for (const { order, outcomes } of this.#drains.values()) leave(order, session, outcomes);
    return session;
  }

  /** A session ends; answers whether a drain has news. */
  ends(sessionId: string): boolean {
    this.open.delete(sessionId);
    let isNews = false;
    for (const { outcomes } of this.#drains.values()) {
      if (outcomes.get(sessionId)?.outcome !== 'open') continue;
      outcomes.set(sessionId, { sessionId, outcome: 'finished', samplesLost: 0 });
      isNews = true;
    }
    return isNews;
  }

  reports(): readonly DrainReport[] {
    return [...this.#drains].map(([drainId, { outcomes }]) => {
      const sessions = [...outcomes.values()];
      return { drainId, sessions, done: sessions.every(({ outcome }) => outcome !== 'open') };
    });
  }

  #follow(ruleset: Ruleset): void {
    const orders = ruleset.drains ?? [];
    const current = new Set(orders.map(({ id }) => id));
    for (const id of this.#drains.keys()) if (!current.has(id)) this.#drains.delete(id);
    for (const order of orders) {
      if (this.#drains.has(order.id)) continue;
      const outcomes = new Map<string, DrainedSession>();
      this.#drains.set(order.id, { order, outcomes });
      for (const session of this.open.values()) leave(order, session, outcomes);
    }
  }
}

function leave(order: Drain, session: OpenSession, outcomes: Map<string, DrainedSession>): void {
  if (session.arm !== 'candidate' || session.rollout !== order.rollout) return;
  const { sessionId } = session;
  const outcome = order.policy === 'finish' ? 'open' : order.policy === 'migrate' ? 'migrated' : 'cut';
  outcomes.set(sessionId, { sessionId, outcome, samplesLost: 0 });
}
