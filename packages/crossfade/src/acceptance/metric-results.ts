import { evidenceOf } from '../analysis/evidence.ts';
import { MetricAggregate } from '../analysis/metrics.ts';
import { formatValue, metricSpecs, type MetricUnit } from '../analysis/metric-spec.ts';
import type { EvidenceResult, MetricEvidence } from '../analysis/verdict.ts';
import { addWordErrors, noWordErrors, type WordErrors } from '../analysis/word-errors.ts';
import { type AcceptanceMetricId, acceptanceMetricIds, shortSessionMs } from './metric-ids.ts';
import { type CaseResult, isShort, type SessionCase } from './case-result.ts';
import { type Agreement, AgreementTotals } from './agreement.ts';
import type { Probe } from './probe.ts';
import { type ServedBy, ServerTotals } from './served-by.ts';
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
/** Metrics that a single event keeps from being certified at the sizes of a plan. */
const countedIds = new Set<AcceptanceMetricId>([
  'capture-completeness',
  'orphan-rate',
  'recovery-success',
  'duplicate-artifacts',
]);
const worstFirst: readonly EvidenceResult[] = [
  'failed',
  'inconclusive',
  'not-measurable',
  'within-limits',
  'certified',
];
const declaredObserver = "the target's own word: the ranges of its finals";

/** Sums of a run. Sessions are folded in as they end, so that a long run needs no more memory than a short one. */
export class RunTotals {
  readonly #probe: Pick<Probe, 'kind' | 'control'>;
  readonly #proven = new MetricAggregate('user');
  readonly #declared = new MetricAggregate('user');
  /** Sessions that are short enough to bound their own tail. */
  readonly #short = new MetricAggregate('user');
  readonly #trials = new MetricAggregate('user');
  /** The trials in which something was killed. */
  readonly #crashes = new MetricAggregate('user');
  readonly #agreement = new AgreementTotals();
  readonly #servers = new ServerTotals();
  /** The most that a power cut in place of a kill would have taken, ms; null: nobody could tell. */
  #powerCutMs: number | null = null;
  #heardWords = 0;
  #entries = 0;
  #failedSessions = 0;
  #wordErrors = noWordErrors;

  constructor(probe: Pick<Probe, 'kind' | 'control'>) {
    this.#probe = probe;
  }

  add(result: CaseResult): void {
    if (result.kind === 'session') return this.#addSession(result);
    this.#trials.add(trialRecordOf(result));
    if (result.isCrash) this.#crashes.add(trialRecordOf(result));
    this.#agreement.addTrial(result);
    const { inside } = result;
    if (inside !== null) this.#powerCutMs = Math.max(this.#powerCutMs ?? 0, inside.powerCutMs);
  }

  #addSession(result: SessionCase): void {
    const { counts, declared, heardWords, failure, wordErrors } = result;
    const record = sessionRecordOf(result, counts);
    this.#proven.add(record);
    this.#agreement.addSession(result);
    this.#servers.add(result.servers ?? []);
    this.#declared.add(sessionRecordOf(result, { ...counts, ...declared }));
    if (isShort(result)) this.#short.add(record);
    this.#heardWords += heardWords;
    this.#entries += counts.entries;
    if (failure !== '') this.#failedSessions += 1;
    if (wordErrors !== null) this.#wordErrors = addWordErrors(this.#wordErrors, wordErrors);
  }

  /** Pooled over the sessions whose words are a language; no reference words: there were none. */
  get wordErrors(): WordErrors {
    return this.#wordErrors;
  }

  /** Who served them. */
  get servedBy(): readonly ServedBy[] {
    return this.#servers.rows;
  }

  get sessions(): number {
    return this.#proven.sessions;
  }

  get failedSessions(): number {
    return this.#failedSessions;
  }

  /** From outside and from inside; empty when nobody looked inside. */
  get agreement(): readonly Agreement[] {
    return this.#agreement.rows;
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
    const declared = isDeaf ? this.#declaredText(id) : '';
    const whyNot = isOfTrials && this.trials === 0 ? cannotFail : this.#whyNoLatency(id);
    const evidence = this.#evidence(
      isOfTrials ? this.#trials : this.#sessionsFor(id),
      id,
      isDeaf ? `${unprovenText(this.#probe.kind)}${declared}` : whyNot,
    );
    const { result, value, n, bound, sentence } = evidence;
    const threshold = metricSpecs[id].limit;
    const observer = isDeaf ? declaredObserver : (observers[id] ?? wordObserver(this.#probe.kind));
    const metric = { id, result, value, unit: metricSpecs[id].unit, n, bound, threshold, observer, sentence };
    if (id === 'recovery-success') return this.#withCrashes(metric);
    if (id === 'durability-loss') return this.#withPowerCut(metric);
    return isDeaf ? metric : asWordsShow(metric, this.#probe);
  }

  /** Finals without a word come fast, and nobody waits for them. */
  #whyNoLatency(id: AcceptanceMetricId): string | null {
    const isLatency = id === 'finalization-latency' || id === 'stop-latency';
    const isMute = this.sessions > 0 && !this.isProven && this.#entries === 0;
    return isLatency && isMute ? 'the target gave no word at all' : null;
  }

  #evidence(aggregate: MetricAggregate, id: AcceptanceMetricId, unmeasurable: string | null): MetricEvidence {
    return evidenceOf(aggregate.tally(id), {
      limit: metricSpecs[id].limit,
      isCaptureProven: this.isProven && this.#probe.kind === 'tone',
      tailCapMs: shortSessionMs,
      failWhen: 'shown',
      ...(unmeasurable === null ? {} : { unmeasurable }),
    });
  }

  /** All faults together and crashes alone must pass: the worse of the two is the result. */
  #withCrashes(all: MetricResult): MetricResult {
    if (this.#crashes.sessions === 0 || this.#crashes.sessions === this.#trials.sessions) return all;
    const { result, sentence } = this.#evidence(this.#crashes, all.id, null);
    const worse = worstFirst.indexOf(result) < worstFirst.indexOf(all.result) ? result : all.result;
    return { ...all, result: worse, sentence: `${all.sentence} Crashes alone: ${sentence}` };
  }

  #withPowerCut(metric: MetricResult): MetricResult {
    if (metric.result === 'not-measurable') return metric;
    if (this.#powerCutMs === null) {
      const sentence = `${metric.sentence} What a power cut would add was not measured: nobody may look into its files.`;
      return { ...metric, sentence };
    }
    const most = formatValue(metric.id, this.#powerCutMs);
    return {
      ...metric,
      observer: `${metric.observer}; white box: the journal at the kill, and cut to what was synced`,
      sentence: `${metric.sentence} A power cut in place of a kill would have taken at most ${most}.`,
    };
  }

  /** Whether more of the same may settle what an event left open: nothing failed, and nothing is certified yet. */
  wantsMore(kind: 'sessions' | 'faults'): boolean {
    return this.results('').some(({ id, result }) => {
      const isOfTrials = id === 'recovery-success';
      if (id === 'durability-loss' || isOfTrials !== (kind === 'faults')) return false;
      if (result === 'inconclusive') return true;
      const { numerator, denominator, eventSessions } = (
        isOfTrials ? this.#trials : this.#sessionsFor(id)
      ).tally(id);
      const hadEvents = isOfTrials ? numerator < denominator : eventSessions > 0;
      return result === 'within-limits' && hadEvents && countedIds.has(id);
    });
  }

  #sessionsFor(id: AcceptanceMetricId): MetricAggregate {
    return id === 'missed-tail' ? this.#short : this.#proven;
  }

  #declaredText(id: AcceptanceMetricId): string {
    const { value } = this.#declared.metric(id);
    return value === null ? '' : ` (declared by the ranges of its finals: ${formatValue(id, value)})`;
  }
}
