/**
 * The two ledgers of one session (what the assigned arm did by itself, what the person got), and the record that is
 * made of them at the end.
 */
import type { Hypothesis } from '../transcript/hypothesis.ts';
import { MetricCounter } from '../transcript/metric-counter.ts';
import type {
  Assignment,
  Attempt,
  AttemptEnd,
  DrainOutcome,
  PipelineLedger,
  SessionEnd,
  SessionRecord,
  UserLedger,
} from '../transcript/session-record.ts';
import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';

/** A session that keeps failing is described by its first attempts; the counts go on. */
const attemptsKeptMax = 64;

export interface RecordFacts {
  readonly sessionId: string;
  readonly assignment: Assignment;
  readonly model: string;
  readonly sampleRate: number;
  readonly realTime: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly end: SessionEnd;
  readonly samplesOffered: number;
  readonly samplesDurable: number;
  readonly drain?: { readonly id: string; readonly policy: DrainPolicy; readonly outcome: DrainOutcome };
}

export class SessionLedgers {
  readonly #pipeline = new MetricCounter();
  readonly #user = new MetricCounter();
  readonly #attempts: Attempt[] = [];
  readonly #crashLossMs: number[] = [];
  readonly #pausesMs: number[] = [];
  #armIsServing = true;
  #wasMigrated = false;
  #armForwardedEnd = 0;
  #armSaidDone = false;
  #deaths = 0;
  #stalls = 0;
  #refusals = 0;
  #replays = 0;
  #faults = 0;
  #failure = '';
  #rescuedBy: string | null = null;
  #pausedAtMs: number | null = null;
  #gatewayRestarts = 0;
  readonly #interimResults: boolean;

  /** `interimResults`: the client gets partials too. */
  constructor(interimResults: boolean) {
    this.#interimResults = interimResults;
  }

  /** Whether what the upstream says still counts for the assigned arm. */
  get armIsServing(): boolean {
    return this.#armIsServing;
  }

  /** Whether a rollback moved it away from its arm. */
  get wasMigrated(): boolean {
    return this.#wasMigrated;
  }

  /** Whether the arm has met an error by now, or has brought nothing at all for what it was offered. */
  armFailedSoFar(samplesOffered: number): boolean {
    if (this.#failure !== '') return true;
    return this.#armIsServing && samplesOffered > 0 && this.#pipeline.lastFinalEnd === 0;
  }

  /** How often the gateway died under the session. */
  get gatewayRestarts(): number {
    return this.#gatewayRestarts;
  }

  upstreamPartial(hypothesis: Hypothesis, atMs: number, dueMs: (sample: number) => number): void {
    if (this.#armIsServing) this.#pipeline.partial(hypothesis, atMs, dueMs);
  }

  upstreamFinal(hypothesis: Hypothesis, atMs: number, dueMs: (sample: number) => number): void {
    if (this.#armIsServing) this.#pipeline.final(hypothesis, atMs, dueMs);
  }

  /** Answers whether its user has something to read now. That ends a pause; silence, and a partial not asked for, do not. */
  shown(hypothesis: Hypothesis, isFinal: boolean, atMs: number, dueMs: (sample: number) => number): boolean {
    if (isFinal) this.#user.final(hypothesis, atMs, dueMs);
    else this.#user.partial(hypothesis, atMs, dueMs);
    const isRead = hypothesis.text !== '' && (isFinal || this.#interimResults);
    if (isRead && this.#pausedAtMs !== null) {
      this.#pausesMs.push(Math.round(atMs - this.#pausedAtMs));
      this.#pausedAtMs = null;
    }
    return isRead;
  }

  stop(atMs: number): void {
    this.#pipeline.stop(atMs);
    this.#user.stop(atMs);
  }

  attemptEnded(attempt: Attempt, atMs: number): void {
    const { end } = attempt;
    const isFault = end !== 'closed' && end !== 'migrated';
    if (isFault) {
      this.#faults += 1;
      this.#pausedAtMs ??= atMs;
    }
    if (end === 'migrated') this.#pausedAtMs ??= atMs;
    if (!this.#armIsServing) return;
    if (this.#attempts.length < attemptsKeptMax) this.#attempts.push(attempt);
    this.#armForwardedEnd = Math.max(this.#armForwardedEnd, attempt.startSample + attempt.samplesForwarded);
    if (end === 'closed') this.#armSaidDone = true;
    this.#countFault(end, attempt.reason);
  }

  /** The arm is asked again. */
  replayed(): void {
    if (this.#armIsServing) this.#replays += 1;
  }

  /** Control takes over because the arm failed; `failure` says how. What follows is the user's ledger only. */
  rescuedFromArm(to: string, failure: string): void {
    this.#rescuedBy = to;
    this.#fail(failure);
    this.#armIsServing = false;
  }

  /** The arm left audio uncovered though it said it was done, and nobody else did better. */
  armFailed(failure: string): void {
    this.#fail(failure);
  }

  /** A rollback moves the session; no fault of the arm's. */
  migratedFromArm(): void {
    this.#wasMigrated = true;
    this.#armIsServing = false;
  }

  gatewayRestarted(): void {
    this.#gatewayRestarts += 1;
    this.#faults += 1;
  }

  crashLoss(ms: number): void {
    this.#crashLossMs.push(Math.max(0, Math.round(ms)));
  }

  record(facts: RecordFacts): SessionRecord {
    const { samplesOffered, samplesDurable, ...rest } = facts;
    const { sampleRate } = facts;
    return {
      schema: 'crossfade.session/1',
      ...rest,
      gatewayRestarts: this.#gatewayRestarts,
      pipeline: this.#pipelineLedger(samplesOffered, sampleRate),
      user: this.#userLedger(samplesOffered, samplesDurable, sampleRate),
    };
  }

  #pipelineLedger(samplesOffered: number, sampleRate: number): PipelineLedger {
    // Moved away by us in mid-utterance: what the arm had not answered yet it does not owe.
    const forwarded = this.#armIsServing ? samplesOffered : this.#armForwardedEnd;
    const offered = this.#wasMigrated ? this.#pipeline.lastFinalEnd : Math.min(forwarded, samplesOffered);
    return {
      ...this.#pipeline.counts({
        samplesOffered: offered,
        sampleRate,
        saidDone: this.#armSaidDone,
        orphanOpen: !this.#wasMigrated,
      }),
      attempts: this.#attempts,
      deaths: this.#deaths,
      stalls: this.#stalls,
      refusals: this.#refusals,
      replays: this.#replays,
      failed: this.#failure !== '',
      failure: this.#failure,
    };
  }

  #userLedger(samplesOffered: number, samplesDurable: number, sampleRate: number): UserLedger {
    const counts = this.#user.counts({ samplesOffered, sampleRate, saidDone: true, orphanOpen: true });
    const isWhole =
      counts.samplesCovered === samplesOffered && counts.orphans === 0 && counts.duplicateEntries === 0;
    return {
      ...counts,
      samplesDurable,
      faults: this.#faults,
      faultsRecovered: isWhole ? this.#faults : 0,
      crashLossMs: this.#crashLossMs,
      pausesMs: this.#pausesMs,
      rescuedBy: this.#rescuedBy,
    };
  }

  #countFault(end: AttemptEnd, reason: string): void {
    if (end === 'died') this.#deaths += 1;
    if (end === 'stalled') this.#stalls += 1;
    if (end === 'refused') this.#refusals += 1;
    if (end === 'died' || end === 'stalled' || end === 'refused' || end === 'broke-protocol') {
      this.#fail(`${end}: ${reason}`);
    }
  }

  #fail(failure: string): void {
    if (this.#failure === '') this.#failure = failure.slice(0, 200);
  }
}
