import { evidenceOf } from '../analysis/evidence.ts';
import { MetricAggregate } from '../analysis/metrics.ts';
import { formatValue, metricSpecs, type MetricUnit } from '../analysis/metric-spec.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import { addWordErrors, noWordErrors, type WordErrors } from '../analysis/word-errors.ts';
import { type AcceptanceMetricId, acceptanceMetricIds, shortSessionMs } from './metric-ids.ts';
import { type CaseResult, isShort, type SessionCase } from './case-result.ts';
import type { Probe } from './probe.ts';
import { sessionRecordOf, trialRecordOf } from './suite-record.ts';
import { asWordsShow, isOfWords, unprovenText, wordObserver } from './word-truth.ts';

/** One line of the verdict table. */
export interface MetricResult {
  readonly id: AcceptanceMetricId;
  readonly result: EvidenceResult;
  /** In `unit`; null when not measurable. */
  readonly value: number | null;
  readonly unit: MetricUnit;
  /** Units behind the bound. */
  readonly n: number;
  /** 95 % one-sided; null when there is none yet. */
  readonly bound: number | null;
  readonly threshold: number;
  /** Where the number comes from. */
  readonly observer: string;
  readonly sentence: string;
}

const socketObserver = 'black box: the socket';
const observers: Readonly<Partial<Record<AcceptanceMetricId, string>>> = {
  'orphan-rate': socketObserver,
  'finalization-latency': socketObserver,
  'stop-latency': socketObserver,
  'recovery-success': 'black box: the socket and the stored transcript',
  'duplicate-artifacts': 'black box: the view of what the socket said',
  'durability-loss': 'black box: the stored session after the restart',
};
const declaredObserver = "the target's own word: the ranges of its finals";

/** Sums of a run. Sessions are folded in as they end, so that a long run needs no more memory than a short one. */
export class RunTotals {
  readonly #probe: Pick<Probe, 'kind' | 'control'>;
  readonly #proven = new MetricAggregate('user');
  readonly #declared = new MetricAggregate('user');
  /** Sessions that are short enough to bound their own tail. */
  readonly #short = new MetricAggregate('user');
  readonly #trials = new MetricAggregate('user');
  #heardWords = 0;
  #failedSessions = 0;
  #wordErrors = noWordErrors;

  constructor(probe: Pick<Probe, 'kind' | 'control'>) {
    this.#probe = probe;
  }

  add(result: CaseResult): void {
    if (result.kind === 'trial') this.#trials.add(trialRecordOf(result));
    else this.#addSession(result);
  }

  #addSession(result: SessionCase): void {
    const { counts, declared, heardWords, failure, wordErrors } = result;
    const record = sessionRecordOf(result, counts);
    this.#proven.add(record);
    this.#declared.add(sessionRecordOf(result, { ...counts, ...declared }));
    if (isShort(result)) this.#short.add(record);
    this.#heardWords += heardWords;
    if (failure !== '') this.#failedSessions += 1;
    if (wordErrors !== null) this.#wordErrors = addWordErrors(this.#wordErrors, wordErrors);
  }

  /** Pooled over the sessions whose words are a language; no reference words: there were none. */
  get wordErrors(): WordErrors {
    return this.#wordErrors;
  }

  get sessions(): number {
    return this.#proven.sessions;
  }

  get failedSessions(): number {
    return this.#failedSessions;
  }

  get trials(): number {
    return this.#trials.sessions;
  }

  get offeredMs(): number {
    return this.#proven.offeredMs;
  }

  /** At least one probe word came back: the target carries the tone code. */
  get isProven(): boolean {
    return this.#heardWords > 0;
  }

  /** Latencies of finals with their counts, ms. */
  get latencies(): readonly (readonly [ms: number, count: number])[] {
    return this.#proven.tally('finalization-latency').values.entries();
  }

  /** `cannotFail`: why there were no faults, for the two metrics that need them. */
  results(cannotFail: string): readonly MetricResult[] {
    return acceptanceMetricIds.map((id) => this.#result(id, cannotFail));
  }

  #result(id: AcceptanceMetricId, cannotFail: string): MetricResult {
    const isOfTrials = id === 'recovery-success' || id === 'durability-loss';
    // Without a single word, nothing tells a target that is deaf to tones from one that loses everything.
    const isDeaf = isOfWords(id) && !this.isProven && this.sessions > 0;
    const aggregate = isOfTrials ? this.#trials : this.#sessionsFor(id);
    const threshold = metricSpecs[id].limit;
    const declared = isDeaf ? this.#declaredText(id) : '';
    const evidence = evidenceOf(aggregate.tally(id), {
      limit: threshold,
      isCaptureProven: this.isProven && this.#probe.kind === 'tone',
      tailCapMs: shortSessionMs,
      failWhen: 'shown',
      ...(isOfTrials && this.trials === 0 ? { unmeasurable: cannotFail } : {}),
      ...(isDeaf ? { unmeasurable: `${unprovenText(this.#probe.kind)}${declared}` } : {}),
    });
    const { result, value, n, bound, sentence } = evidence;
    const observer = isDeaf ? declaredObserver : (observers[id] ?? wordObserver(this.#probe.kind));
    const metric = { id, result, value, unit: metricSpecs[id].unit, n, bound, threshold, observer, sentence };
    return isDeaf ? metric : asWordsShow(metric, this.#probe);
  }

  #sessionsFor(id: AcceptanceMetricId): MetricAggregate {
    return id === 'missed-tail' ? this.#short : this.#proven;
  }

  #declaredText(id: AcceptanceMetricId): string {
    const { value } = this.#declared.metric(id);
    return value === null ? '' : ` (declared by the ranges of its finals: ${formatValue(id, value)})`;
  }
}
