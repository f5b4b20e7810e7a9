import { evolve } from '../../packages/crossfade/src/rollout/evolve.ts';
import type { RolloutEvent } from '../../packages/crossfade/src/rollout/events.ts';
import { exposureLeaseMs } from '../../packages/crossfade/src/rollout/lease.ts';
import type { RolloutState } from '../../packages/crossfade/src/rollout/state.ts';
import { ChainCheck } from '../../packages/crossfade/src/store/chain.ts';
import type { StoredEvent } from '../../packages/crossfade/src/store/store.ts';
import type { Admission } from './gateway.ts';

/** What the checker remembers of one rollout: from the log and from what was seen outside, never from the controller. */
interface Track {
  state: RolloutState | null;
  stageIndex: number;
  verdict: string | null;
  verdictEpoch: number;
  epochAtMs: number;
  bakedMs: number;
  /** Time in this bake in which somebody looked and a gateway was heard, ms. */
  observedMs: number;
  /** How often that ended: an outage is seen at the next look, so each may cost one. */
  outages: number;
  abort: { readonly atMs: number; readonly sequence: number } | null;
  readonly notices: Set<string>;
  /** Gateways that said that they admit nobody any more. */
  readonly acknowledged: Set<string>;
  /** Bad sessions of the epoch that runs. */
  badSessions: number;
}

export interface CheckerOptions {
  readonly badFromMs: number;
  /** Then no good candidate may be taken back. */
  readonly reportsInTime: boolean;
  readonly tickMs: number;
}

export interface Seen {
  automaticPromotions: number;
  promotionsByHand: number;
  completions: number;
  rollbacks: number;
  automaticRollbacks: number;
  receipts: number;
  candidateSessions: number;
  sessionsAfterAbort: number;
}

/** Longest way of a message in the world, ms: a lease may be renewed by one that was sent before an abort. */
export const messageMsMax = 2_000;

/** So many sessions, all of them bad, and nobody may have missed it; a world shows it after a tenth of them. */
const badSessionsMax = 300;

/** Kinds of notices by event, written down a second time: what people are told of is a promise. */
const noticeOf: Readonly<Record<string, string>> = {
  started: 'awaiting-acceptance',
  'stage-entered': 'stage-entered',
  'approval-wanted': 'approval-wanted',
  paused: 'paused',
  disabled: 'disabled',
  revised: 'revised',
  completed: 'completed',
  'rollback-started': 'rollback-started',
  'rolled-back': 'rolled-back',
};

/** What the automatic actor never does. */
const personOnly: ReadonlySet<string> = new Set([
  'waived',
  'approved',
  'resumed',
  'disabled',
  'enabled',
  'revised',
]);

/**
 * Watches the whole world and says what is wrong. It knows the promises, not the code: promotion is checked against the
 * log alone, admission at the evaluators, time against what the world saw.
 */
export class Checker {
  readonly problems: string[] = [];
  readonly seen: Seen = {
    automaticPromotions: 0,
    promotionsByHand: 0,
    completions: 0,
    rollbacks: 0,
    automaticRollbacks: 0,
    receipts: 0,
    candidateSessions: 0,
    sessionsAfterAbort: 0,
  };
  readonly #tracks = new Map<string, Track>();
  readonly #chain = new ChainCheck();
  readonly #compared = new Map<string, RolloutState>();
  /** Since when the candidate is bad, monotonic ms. */
  readonly #badFromMs: number;
  readonly #reportsInTime: boolean;
  readonly #tickMs: number;
  #rulesetRevision = 0;
  #isWatched = false;

  constructor(options: CheckerOptions) {
    this.#badFromMs = options.badFromMs;
    this.#reportsInTime = options.reportsInTime;
    this.#tickMs = options.tickMs;
  }

  /** Events that the store has taken, at the moment it took them. */
  appended(events: readonly StoredEvent[], nowMs: number): void {
    for (const stored of events) {
      const damage = this.#chain.next(stored);
      if (damage !== null) this.#wrong(`the chain: ${damage.problem}`);
      this.#follow(stored, JSON.parse(stored.payload) as RolloutEvent, nowMs);
    }
  }

  /** Time passes; the control plane lives and hears a gateway, or nobody sees what happens. */
  passes(ms: number, isWatched: boolean): void {
    const isOutage = this.#isWatched && !isWatched;
    this.#isWatched = isWatched;
    for (const track of this.#tracks.values()) {
      if (isWatched) track.observedMs += ms;
      if (isOutage) track.outages++;
    }
  }

  /** What a controller says of itself, after each step. */
  controller(states: readonly RolloutState[], rulesetRevision: number): void {
    if (rulesetRevision < this.#rulesetRevision)
      this.#wrong(`the ruleset went back from revision ${this.#rulesetRevision} to ${rulesetRevision}`);
    this.#rulesetRevision = Math.max(this.#rulesetRevision, rulesetRevision);
    for (const state of states) {
      if (this.#compared.get(state.name) === state) continue;
      const own = this.#tracks.get(state.name)?.state ?? null;
      // Behind the log is possible for a moment; beside it, never.
      if (own === null || own.revision < state.revision)
        this.#wrong(`${state.name} is at revision ${state.revision}, its log at ${own?.revision ?? 0}`);
      else if (own.revision === state.revision) {
        this.#compared.set(state.name, state);
        if (JSON.stringify(own) !== JSON.stringify(state))
          this.#wrong(`${state.name} at revision ${state.revision} is not the fold of its events`);
      }
    }
  }

  /** A session was admitted somewhere. */
  admitted({ gateway, rollout, arm, revision }: Admission, nowMs: number): void {
    if (arm !== 'candidate') return;
    this.seen.candidateSessions++;
    const track = this.#tracks.get(rollout);
    if (track !== undefined && nowMs >= this.#badFromMs) track.badSessions++;
    const abort = track?.abort ?? null;
    if (abort === null) return;
    if (track?.acknowledged.has(gateway) === true)
      this.#wrong(`${gateway} acknowledged the rollback of ${rollout} and admits to it`);
    this.seen.sessionsAfterAbort++;
    const sinceMs = nowMs - abort.atMs;
    if (revision >= abort.sequence)
      this.#wrong(`${gateway} admits to ${rollout} under revision ${revision}, which took it back`);
    if (sinceMs > exposureLeaseMs + messageMsMax)
      this.#wrong(`${gateway} admits to ${rollout} ${Math.round(sinceMs)} ms after its rollback began`);
  }

  /** The world is at rest: everything that was promised in the end must have happened. */
  atRest(delivered: ReadonlySet<string>): void {
    for (const [name, { state, notices, abort, badSessions }] of this.#tracks) {
      if (this.#badFromMs === 0 && badSessions >= badSessionsMax && abort === null)
        this.#wrong(`${name} was bad in ${badSessions} sessions and was never taken back`);
      if (state?.phase === 'rolling-back') this.#wrong(`${name} is still rolling back`);
      for (const id of notices) if (!delivered.has(id)) this.#wrong(`nobody was told of ${id}`);
    }
  }

  #wrong(problem: string): void {
    this.problems.push(problem);
  }

  #follow(stored: StoredEvent, event: RolloutEvent, nowMs: number): void {
    const name = stored.stream;
    const track = this.#tracks.get(name) ?? newTrack();
    this.#tracks.set(name, track);
    const before = track.state;
    track.state = evolve(before, event);
    if (before !== null && stored.streamRevision !== before.revision + 1)
      this.#wrong(`${name} went from revision ${before.revision} to ${stored.streamRevision}`);
    const kind = noticeOf[event.type];
    if (kind !== undefined) track.notices.add(`${name}:${stored.streamRevision}:${kind}`);
    if (event.actor.kind === 'automatic' && personOnly.has(event.type))
      this.#wrong(`${event.actor.name} did what only a person may: ${event.type} of ${name}`);
    if (track.abort !== null) this.#afterAbort(name, event);
    this.#events(name, track, event, stored.sequence, nowMs);
    // Evidence of another epoch counts for nothing.
    if (track.state.epoch !== before?.epoch)
      Object.assign(track, { verdict: null, epochAtMs: nowMs, badSessions: 0 });
  }

  #events(name: string, track: Track, event: RolloutEvent, sequence: number, nowMs: number): void {
    switch (event.type) {
      case 'judged':
        track.verdict = event.judgement.verdict.verdict;
        track.verdictEpoch = event.judgement.epoch;
        break;
      case 'baked':
        track.bakedMs += event.healthyMs;
        break;
      case 'stage-entered':
        if (event.stageIndex !== track.stageIndex + 1)
          this.#wrong(`${name} went from stage ${track.stageIndex} to ${event.stageIndex}`);
        if (event.stageIndex > 0) this.#promoted(name, track, event);
        track.stageIndex = event.stageIndex;
        Object.assign(track, { bakedMs: 0, observedMs: 0, outages: 0 });
        break;
      case 'revised':
        track.stageIndex = event.stageIndex ?? -1;
        if (event.newBake) Object.assign(track, { bakedMs: 0, observedMs: 0, outages: 0 });
        break;
      case 'completed':
        this.seen.completions++;
        this.#promoted(name, track, event);
        break;
      case 'rollback-started':
        this.seen.rollbacks++;
        if (event.actor.kind === 'automatic') {
          this.seen.automaticRollbacks++;
          if (this.#reportsInTime && nowMs < this.#badFromMs)
            this.#wrong(`${name} was good, and was taken back: ${event.reason}`);
        }
        track.abort = { atMs: nowMs, sequence };
        break;
      case 'admission-stopped':
        track.acknowledged.add(event.evaluator);
        break;
      case 'rolled-back':
        this.seen.receipts++;
        break;
      default:
        break;
    }
  }

  #afterAbort(name: string, event: RolloutEvent): void {
    const allowed = ['drain-escalated', 'admission-stopped', 'sessions-drained', 'rolled-back'];
    if (!allowed.includes(event.type)) this.#wrong(`${name} was taken back, and then: ${event.type}`);
    if (event.after.shareBuckets > 0) this.#wrong(`${name} was taken back and has a share again`);
  }

  /** Never without proof: a pass in this epoch, the whole bake, and of that only time that somebody saw. */
  #promoted(
    name: string,
    track: Track,
    event: Extract<RolloutEvent, { readonly type: 'stage-entered' | 'completed' }>,
  ): void {
    const { plan } = track.state!;
    const epoch = event.before?.epoch ?? 0;
    const hasPass = track.verdict === 'pass' && track.verdictEpoch === epoch;
    if (event.byHand) {
      this.seen.promotionsByHand++;
      if (event.actor.kind !== 'person') this.#wrong(`${name} was promoted by hand by ${event.actor.name}`);
      if (!event.withoutPass && !hasPass)
        this.#wrong(`${name} was promoted by hand on ${track.verdict ?? 'nothing'} as if it were a pass`);
      if (track.verdict === 'fail' || track.verdict === 'invalid')
        this.#wrong(`${name} was promoted on ${track.verdict}`);
      return;
    }
    this.seen.automaticPromotions++;
    if (!hasPass) this.#wrong(`${name} was promoted on ${track.verdict ?? 'nothing'}`);
    if (event.before?.disabled === true || event.before?.phase !== 'running')
      this.#wrong(`${name} was promoted while it was ${event.before?.phase}`);
    const left = plan.stages[track.stageIndex];
    const bakeMs = left?.bakeMs ?? 0;
    if (track.bakedMs < bakeMs) this.#wrong(`${name} was promoted after ${track.bakedMs} of ${bakeMs} ms`);
    const allowedMs = this.#tickMs * (1 + track.outages);
    if (track.observedMs + allowedMs < bakeMs)
      this.#wrong(`${name} was promoted after ${Math.round(track.observedMs)} observed of ${bakeMs} ms`);
    const next = plan.stages[track.stageIndex + 1];
    if (next?.approval === true && !track.state!.approvals.includes(next.name))
      this.#wrong(`${name} entered ${next.name} without its approval`);
    // Every session of this epoch was bad, and no bake is shorter than what shows that.
    if (track.epochAtMs > this.#badFromMs) this.#wrong(`${name} is bad, and was promoted`);
  }
}

function newTrack(): Track {
  return {
    state: null,
    stageIndex: -1,
    verdict: null,
    verdictEpoch: -1,
    epochAtMs: 0,
    bakedMs: 0,
    observedMs: 0,
    outages: 0,
    abort: null,
    notices: new Set(),
    acknowledged: new Set(),
    badSessions: 0,
  };
}
