import type { Clock } from '@crossfade/sdk/core/clock';
import type { Witnesses } from '../rollout/commands.ts';

/** A gateway answers drains; any other evaluator only decides. */
export type EvaluatorRole = 'gateway' | 'sdk';

/** One evaluator as the control plane knows it. */
export interface KnownEvaluator {
  readonly id: string;
  readonly role: EvaluatorRole;
  readonly connected: boolean;
  /** Since it was heard last, ms; 0 while its stream is open. */
  readonly silentMs: number;
  /** Latest revision it said it serves; null: it never said. */
  readonly revision: number | null;
  /** What a gateway can route to, as it said when it came; null: it did not say. */
  readonly upstreams: readonly string[] | null;
}

/** Evaluators kept in mind: more than this listen through a relay. */
const evaluatorsMax = 10_000;

/** Silent for this long and it is forgotten: its leases were over long before. */
const forgetAfterMs = 3_600_000;

/**
 * After a start, evaluators that run come back within this time: the longest wait of a gateway's link between two
 * attempts is 5 s, and a stream that fell silent is given up after 10 s.
 */
const warmUpMs = 15_000;

interface Entry {
  role: EvaluatorRole;
  connections: number;
  heardAtMs: number;
  revision: number | null;
  upstreams: readonly string[] | null;
  answers: boolean;
}

/** What an evaluator says of itself when it opens a stream. */
export interface Introduction {
  /** What a gateway can route to. */
  readonly upstreams?: readonly string[] | undefined;
  /** It answers heartbeats: an open stream alone is no sign of its life, for a network may be cut without a word. */
  readonly answers?: boolean | undefined;
}

/**
 * Who listens to the control plane, when each was heard last, and what each serves. Kept in memory: after a
 * restart every evaluator comes back by itself within seconds.
 */
export class EvaluatorRegistry {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #entries = new Map<string, Entry>();
  /** When a gateway said something last, monotonic; null: none did in this life. */
  #gatewaySaidAtMs: number | null = null;
  readonly #startedAtMs: number;

  constructor(options: { readonly clock: Clock; readonly leaseMs: number }) {
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
    this.#startedAtMs = this.#clock.monotonicMs();
  }

  /** An evaluator opened a stream; the answer ends it, and calling that twice does nothing. */
  connected(id: string, role: EvaluatorRole, { upstreams, answers = false }: Introduction = {}): () => void {
    const entry = this.#heard(id, role);
    entry.upstreams = upstreams ?? null;
    entry.answers = answers;
    this.#said(entry);
    entry.connections++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      entry.connections--;
      entry.heardAtMs = this.#clock.monotonicMs();
      if (!entry.answers) this.#said(entry);
    };
  }

  /** A report of sessions came: from a gateway, whichever. */
  reported(): void {
    this.#gatewaySaidAtMs = this.#clock.monotonicMs();
  }

  /**
   * Since any gateway said something, ms; null: none did in this life. One that does not answer heartbeats is taken for
   * heard while its stream is open: nobody knows better.
   */
  get gatewaySilentMs(): number | null {
    for (const { role, connections, answers } of this.#entries.values()) {
      if (role === 'gateway' && connections > 0 && !answers) return 0;
    }
    return this.#gatewaySaidAtMs === null ? null : this.#clock.monotonicMs() - this.#gatewaySaidAtMs;
  }

  /** It serves this revision. Late and repeated acknowledgements change nothing. */
  acknowledged(id: string, revision: number): void {
    const entry = this.#heard(id);
    entry.revision = Math.max(entry.revision ?? 0, revision);
    this.#said(entry);
  }

  list(): readonly KnownEvaluator[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#entries].map(([id, { role, connections, heardAtMs, revision, upstreams }]) => ({
      id,
      role,
      connected: connections > 0,
      silentMs: connections > 0 ? 0 : nowMs - heardAtMs,
      revision,
      upstreams,
    }));
  }

  /** It was started a moment ago: who listens may lack somebody who only has to come back. */
  get isWarmingUp(): boolean {
    return this.#clock.monotonicMs() - this.#startedAtMs < warmUpMs;
  }

  /** Those that may still serve a candidate: heard within their lease, gateways apart because they answer drains. */
  witnesses(): Required<Witnesses> {
    const alive = this.list().filter(({ silentMs }) => silentMs <= this.#leaseMs);
    return {
      evaluators: alive.map(({ id }) => id),
      gateways: alive.filter(({ role }) => role === 'gateway').map(({ id }) => id),
      mayLackWitnesses: this.isWarmingUp,
    };
  }

  #said({ role }: Entry): void {
    if (role === 'gateway') this.reported();
  }

  #heard(id: string, role?: EvaluatorRole): Entry {
    const known = this.#entries.get(id);
    const entry = known ?? {
      role: role ?? 'sdk',
      connections: 0,
      heardAtMs: 0,
      revision: null,
      upstreams: null,
      answers: false,
    };
    if (role !== undefined) entry.role = role;
    entry.heardAtMs = this.#clock.monotonicMs();
    if (known === undefined) {
      if (this.#entries.size >= evaluatorsMax) this.#forget();
      this.#entries.set(id, entry);
    }
    return entry;
  }

  /** Makes room: first those silent for long, then the one silent for longest. */
  #forget(): void {
    const sinceMs = this.#clock.monotonicMs() - forgetAfterMs;
    let oldest: string | undefined;
    for (const [id, { connections, heardAtMs }] of this.#entries) {
      if (connections > 0) continue;
      if (heardAtMs < sinceMs) this.#entries.delete(id);
      else if (oldest === undefined || heardAtMs < (this.#entries.get(oldest)?.heardAtMs ?? 0)) oldest = id;
    }
    if (this.#entries.size >= evaluatorsMax && oldest !== undefined) this.#entries.delete(oldest);
  }
}
