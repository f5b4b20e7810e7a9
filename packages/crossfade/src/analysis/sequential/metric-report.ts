/** What is said of one metric at one moment: values, interval, evidence, proof and state. Plain data for page and log. */
import { formatValue, groupThousands, type MetricId, metricIds, metricSpecs } from '../metric-spec.ts';
import {
  type ArmIndex,
  candidateArm,
  cellAt,
  controlArm,
  momentsAt,
  type OutcomeKind,
} from './cell-layout.ts';
import type { EpochSums, MetricSetup } from './epoch-sums.ts';
import { differenceUpperBoundAtLook, logDeltaEventsMin, ratioUpperBound } from './fixed-look.ts';
import { differenceInterval, isExposed, lnMixtureEvidence, tausOf } from './normal-mixture.ts';
import { contrastOf, type RatioMoments, ratioOf, sumContrasts } from './ratio-moments.ts';
import type { MetricRollEvidence } from './roll-evidence.ts';
import type { SequentialMetric, SequentialMetricId } from './sequential-metrics.ts';

export type MetricState =
  /** It leads evidence over the threshold. */
  | 'bad'
  /** Proven at a registered look. */
  | 'good'
  /** Measured; neither. */
  | 'unknown'
  /** Below the planned exposure, or nothing to measure. */
  | 'no-data';

/** A goal is hoped to improve. */
export type GoalState = 'better' | 'not-shown' | 'worse';

export interface MetricReport {
  readonly id: SequentialMetricId;
  readonly state: MetricState;
  /** In the metric's unit (ratios of the table where it has none); null: nothing to measure. */
  readonly candidate: number | null;
  readonly control: number | null;
  readonly limit: number | null;
  /** Sessions of the epoch that enter, by arm. */
  readonly sessions: { readonly candidate: number; readonly control: number };
  /** R₁ − R₀ of ΣY/ΣX with the interval that holds at any time, at 95 %; null: too little is known. */
  readonly difference: { readonly value: number; readonly lower: number; readonly upper: number } | null;
  /** ln of the metric's own evidence of harm, start times averaged. 1/E is an anytime p-value, not a probability of harm. */
  readonly lnEvidence: number;
  readonly goal: GoalState;
  /** The bound that proves or fails to prove the gate now; null: live evidence does not prove this metric. */
  readonly proof: { readonly bound: number; readonly below: number; readonly proven: boolean } | null;
  readonly sentence: string;
}

/** Where one metric's sums stand. */
export interface MetricSource {
  readonly setup: MetricSetup;
  /** Index in the setups of its stream. */
  readonly metric: number;
  readonly epochs: readonly EpochSums[];
  /** The epoch that runs. */
  readonly epoch: number;
  /** p95 of an arm, when the metric is shown as one. */
  readonly p95Ms: (arm: 'control' | 'candidate') => number | null;
}

export interface ReportOptions {
  readonly roll: MetricRollEvidence;
  readonly isCulprit: boolean;
  /** Sessions in each arm before anything is said. */
  readonly plannedSessions: number;
  readonly hasRandomControl: boolean;
}

/** What an interval to show and a goal may be wrong with. */
const shownAlpha = 0.05;

/** The report of one metric of the sums. */
export function metricReport(source: MetricSource, options: ReportOptions): MetricReport {
  const { setup, epochs, epoch } = source;
  const { metric: spec, baseline } = setup;
  const current = epochs.find(({ info }) => info.epoch === epoch);
  const moments = (arm: ArmIndex, kind: OutcomeKind): RatioMoments | null =>
    current === undefined ? null : momentsOfEpoch(current, source.metric, arm, kind);
  const candidate = moments(candidateArm, 'compared');
  const control = moments(controlArm, 'compared');
  const sessions = { candidate: candidate?.n ?? 0, control: control?.n ?? 0 };
  const random = epochs.filter(({ info }) => info.share !== null);
  const contrast = sumContrasts(
    random.flatMap((sums) => {
      const arms = [candidateArm, controlArm].map((arm) =>
        momentsOfEpoch(sums, source.metric, arm, 'compared'),
      );
      return arms.every(isExposed) ? [contrastOf(arms[0]!, arms[1]!, 0)] : [];
    }),
  );
  const [lower, upper] = differenceInterval(contrast, baseline.ratio, shownAlpha);
  const proof = proofOf(source, moments(candidateArm, 'limit'), options.hasRandomControl);
  const enough =
    sessions.candidate >= options.plannedSessions &&
    sessions.candidate > 0 &&
    (!options.hasRandomControl || sessions.control >= options.plannedSessions);
  const state = options.isCulprit ? 'bad' : !enough ? 'no-data' : proof?.proven === true ? 'good' : 'unknown';
  const taus = tausOf(baseline.ratio);
  const mirrored = { score: -contrast.score, information: contrast.information };
  const shown = Math.log(1 / shownAlpha);
  const isWorse = lnMixtureEvidence(contrast, taus) >= shown;
  const report = {
    id: spec.id,
    state,
    candidate: shownValue(setup, candidate, source.p95Ms('candidate')),
    control: shownValue(setup, control, source.p95Ms('control')),
    limit: shownLimit(setup),
    sessions,
    difference: contrast.information > 0 ? { value: contrast.difference, lower, upper } : null,
    lnEvidence: Math.max(options.roll.lnRelative, options.roll.lnLimit),
    goal: isWorse ? 'worse' : lnMixtureEvidence(mirrored, taus) >= shown ? 'better' : 'not-shown',
    proof,
  } as const;
  return { ...report, sentence: reportSentence(report) };
}

function momentsOfEpoch(sums: EpochSums, metric: number, arm: ArmIndex, kind: OutcomeKind): RatioMoments {
  const cells = sums.since(0, new Float64Array(sums.width));
  return momentsAt(cells, cellAt(metric, arm), kind, sums.designEffect(metric, arm, kind));
}

/** The fixed-look bound of a gate. Each is at 5 %: all gates must be proven, so nothing is split between them. */
function proofOf(
  { setup: { metric: spec, baseline }, metric, epochs }: MetricSource,
  candidate: RatioMoments | null,
  hasRandomControl: boolean,
): MetricReport['proof'] {
  if (spec.proof === 'acceptance' || candidate === null) return null;
  if (spec.proof === 'below-limit' && spec.limit !== null) {
    return boundProof(ratioUpperBound(candidate, baseline.damage), spec.limit);
  }
  if (!hasRandomControl) return null;
  const arms = epochs
    .filter(({ info }) => info.share !== null)
    .map((sums) => ({
      candidate: momentsOfEpoch(sums, metric, candidateArm, 'compared'),
      control: momentsOfEpoch(sums, metric, controlArm, 'compared'),
    }));
  if (arms.some(({ control }) => control.events >= logDeltaEventsMin)) {
    return boundProof(differenceUpperBoundAtLook(arms, spec.promotionMargin), 0);
  }
  // Control has next to no events: a difference to it says nothing, so history takes its place.
  const worst = candidate.n === 0 ? null : ratioUpperBound(candidate, baseline.damage);
  return boundProof(worst, (1 + spec.promotionMargin) * baseline.ratio);
}

function boundProof(bound: number | null, below: number): MetricReport['proof'] {
  return bound === null ? null : { bound, below, proven: bound < below };
}

/** The acceptance metric that is shown in its own unit; live, the worst crash is a share of crashes and shown as one. */
function metricIdOf(id: SequentialMetricId): MetricId | undefined {
  return metricIds.find((metricId) => metricId === id && metricSpecs[metricId].shape !== 'max');
}

/** ΣY/ΣX in the metric's own unit; a p95 is read from the latencies. */
function shownValue(
  { metric }: MetricSetup,
  moments: RatioMoments | null,
  p95Ms: number | null,
): number | null {
  const ratio = moments === null ? null : ratioOf(moments);
  if (ratio === null) return null;
  const id = metricIdOf(metric.id);
  if (id === undefined) return ratio;
  const { shape, unit } = metricSpecs[id];
  if (shape === 'p95') return p95Ms;
  if (shape === 'good-share') return 1 - ratio;
  return unit === 'per-10000' ? ratio * 10_000 : ratio;
}

function shownLimit({ metric, limitMs }: MetricSetup): number | null {
  const id = metricIdOf(metric.id);
  if (metric.limit === null || id === undefined) return metric.limit;
  const { shape, unit } = metricSpecs[id];
  if (shape === 'p95') return limitMs ?? null;
  if (shape === 'good-share') return 1 - metric.limit;
  return unit === 'per-10000' ? metric.limit * 10_000 : metric.limit;
}

const ownTitles: Partial<Record<SequentialMetricId, string>> = {
  'durability-loss': 'crashes that lost more than allowed',
  'early-failure': 'failed in the first two minutes',
  'word-error-rate': 'word error rate',
  'cpu-per-audio-hour': 'CPU per audio hour',
  'rss-per-process': 'memory per process',
};

/** A metric's name in sentences. */
export function titleOf(id: SequentialMetricId): string {
  const metricId = metricIdOf(id);
  return metricId === undefined ? (ownTitles[id] ?? id) : metricSpecs[metricId].title;
}

function formatShown(id: SequentialMetricId, value: number | null): string {
  if (value === null) return 'nothing';
  const metricId = metricIdOf(id);
  if (metricId !== undefined) return formatValue(metricId, value);
  if (id === 'cpu-per-audio-hour') return `${groupThousands(Math.round(value * 10) / 10)} s`;
  if (id === 'rss-per-process') return `${groupThousands(Math.round(value / 1_000_000))} MB`;
  return `${String(Number((value * 100).toFixed(3)))} %`;
}

/** Evidence as odds: `34 : 1`, `0.4 : 1`. */
export function formatEvidence(lnE: number): string {
  if (lnE > Math.log(1e6)) return 'more than 1,000,000 : 1';
  const value = Math.exp(lnE);
  return `${value >= 10 ? groupThousands(Math.floor(value + 1e-9)) : String(Number(value.toPrecision(2)))} : 1`;
}

/** `finalization latency p95: 1,730 ms against 1,210 ms in control, limit 1,500 ms; 412 sessions`. */
function reportSentence({
  id,
  candidate,
  control,
  limit,
  sessions,
}: Pick<MetricReport, 'id' | 'candidate' | 'control' | 'limit' | 'sessions'>): string {
  const against = sessions.control === 0 ? '' : ` against ${formatShown(id, control)} in control`;
  const wanted = limit === null ? '' : `, limit ${formatShown(id, limit)}`;
  return `${titleOf(id)}: ${formatShown(id, candidate)}${against}${wanted}; ${groupThousands(sessions.candidate)} sessions`;
}

/** A metric that is measured by blocks, as the judge reports it. */
export function blockReport(
  metric: SequentialMetric,
  roll: MetricRollEvidence,
  isCulprit: boolean,
): MetricReport {
  const report = {
    id: metric.id,
    state: isCulprit ? ('bad' as const) : ('unknown' as const),
    candidate: null,
    control: null,
    limit: metric.limit,
    sessions: { candidate: 0, control: 0 },
    difference: null,
    lnEvidence: Math.max(roll.lnRelative, roll.lnLimit),
    goal: 'not-shown' as const,
    proof: null,
  };
  return { ...report, sentence: `${titleOf(metric.id)}: candidate processes against control processes` };
}
