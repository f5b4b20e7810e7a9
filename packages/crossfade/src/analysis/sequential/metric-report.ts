/** What is said of one metric at one moment: values, interval, evidence, proof and state. Plain data for page and log. */
import {
  formatValue,
  groupThousands,
  isWithin,
  type MetricId,
  metricIds,
  metricSpecs,
} from '../metric-spec.ts';
import { blockMinutes, blocksMin } from './block-differences.ts';
import type { MetricSetup } from './epoch-sums.ts';
import {
  type ArmMoments,
  differenceUpperBoundAtLook,
  logDeltaEventsMin,
  lookQuantile,
  ratioUpperBound,
} from './fixed-look.ts';
import { type MeasuredBlocks, type MeasuredMetric, momentsFrom } from './measurement.ts';
import { differenceInterval, isExposed, lnMixtureEvidence, tausOf } from './normal-mixture.ts';
import { type Contrast, contrastOf, type RatioMoments, ratioOf, sumContrasts } from './ratio-moments.ts';
import type { MetricRollEvidence } from './roll-evidence.ts';
import {
  type Baseline,
  defaultBaselines,
  type MetricRole,
  type SequentialMetricId,
} from './sequential-metrics.ts';

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
  readonly roles: readonly MetricRole[];
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

export interface ReportOptions {
  readonly roll: MetricRollEvidence;
  readonly isCulprit: boolean;
  /** The epoch that runs. */
  readonly epoch: number;
  /** Sessions in each arm before anything is said. */
  readonly plannedSessions: number;
  readonly hasRandomControl: boolean;
}

/** What an interval to show and a goal may be wrong with. */
const shownAlpha = 0.05;

/** The report of one metric of the sums. */
export function metricReport(
  setup: MetricSetup,
  measured: MeasuredMetric,
  options: ReportOptions,
): MetricReport {
  const { metric: spec, baseline } = setup;
  const current = measured.epochs.find(([epoch]) => epoch === options.epoch);
  const candidate = current === undefined ? null : momentsFrom(current[1]);
  const control = current === undefined ? null : momentsFrom(current[2]);
  const sessions = { candidate: candidate?.n ?? 0, control: control?.n ?? 0 };
  // An epoch without a coin is measured only while it runs; its arms are shown side by side and not compared.
  const arms = measured.epochs
    .filter(([epoch]) => options.hasRandomControl || epoch !== options.epoch)
    .map(([, first, second]) => ({ candidate: momentsFrom(first), control: momentsFrom(second) }));
  const contrast = sumContrasts(
    arms.flatMap((arm) =>
      isExposed(arm.candidate) && isExposed(arm.control) ? [contrastOf(arm.candidate, arm.control, 0)] : [],
    ),
  );
  const limit = measured.limit === null ? null : momentsFrom(measured.limit);
  const proof = proofOf(setup, limit, { arms, hasRandomControl: options.hasRandomControl });
  const enough =
    sessions.candidate >= options.plannedSessions &&
    sessions.candidate > 0 &&
    (!options.hasRandomControl || sessions.control >= options.plannedSessions);
  const state = options.isCulprit ? 'bad' : !enough ? 'no-data' : proof?.proven === true ? 'good' : 'unknown';
  const report = {
    id: spec.id,
    roles: spec.roles,
    state,
    candidate: shownValue(setup, candidate, measured.p95Ms[0]),
    control: shownValue(setup, control, measured.p95Ms[1]),
    limit: shownLimit(setup),
    sessions,
    ...comparison(contrast, baseline.ratio),
    lnEvidence: Math.max(options.roll.lnRelative, options.roll.lnLimit),
    proof,
  } as const;
  return { ...report, sentence: reportSentence(report) };
}

/** What may be said of a difference at any time: its interval, and whether it is better or worse. */
function comparison(contrast: Contrast, historicalRatio: number): Pick<MetricReport, 'difference' | 'goal'> {
  const [lower, upper] = differenceInterval(contrast, historicalRatio, shownAlpha);
  const taus = tausOf(historicalRatio);
  const shown = Math.log(1 / shownAlpha);
  const mirrored = { score: -contrast.score, information: contrast.information };
  const isWorse = lnMixtureEvidence(contrast, taus) >= shown;
  return {
    difference: contrast.information > 0 ? { value: contrast.difference, lower, upper } : null,
    goal: isWorse ? 'worse' : lnMixtureEvidence(mirrored, taus) >= shown ? 'better' : 'not-shown',
  };
}

/**
 * What proof may take from history: a bad time of control must not lower what the candidate has to show, so it is never
 * kinder than the table.
 */
function cautious({ metric: { id }, baseline }: MetricSetup): Pick<Baseline, 'ratio' | 'damage'> {
  const table = defaultBaselines[id];
  return {
    ratio: Math.min(baseline.ratio, table.ratio),
    damage: Math.max(baseline.damage, table.damage),
  };
}

/** The fixed-look bound of a gate. Each is at 5 %: all gates must be proven, so nothing is split between them. */
function proofOf(
  setup: MetricSetup,
  candidate: RatioMoments | null,
  { arms, hasRandomControl }: { readonly arms: readonly ArmMoments[]; readonly hasRandomControl: boolean },
): MetricReport['proof'] {
  const { metric: spec } = setup;
  if (spec.proof === 'acceptance' || candidate === null) return null;
  const history = cautious(setup);
  if (spec.proof === 'below-limit' && spec.limit !== null) {
    return boundProof(ratioUpperBound(candidate, history.damage), spec.limit);
  }
  if (!hasRandomControl) return null;
  if (arms.some(({ control }) => control.events >= logDeltaEventsMin)) {
    return boundProof(differenceUpperBoundAtLook(arms, spec.promotionMargin), 0);
  }
  // Control has next to no events: a difference to it says nothing, so history takes its place.
  const worst = candidate.n === 0 ? null : ratioUpperBound(candidate, history.damage);
  return boundProof(worst, (1 + spec.promotionMargin) * history.ratio);
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

/** Whether a shown value is on the good side of a shown limit. */
export function isWithinShown(id: SequentialMetricId, value: number, limit: number): boolean {
  const metricId = metricIdOf(id);
  return metricId === undefined ? value <= limit : isWithin(metricId, value, limit);
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

/** A value in the unit that the metric is shown in. */
export function formatShown(id: SequentialMetricId, value: number | null): string {
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

/** The report of a metric that is measured by blocks. */
export function blockReport(
  setup: MetricSetup,
  measured: MeasuredBlocks,
  options: ReportOptions,
): MetricReport {
  const { metric, baseline } = setup;
  const { promotion, blocks } = measured;
  const bound =
    promotion.information > 0 ? promotion.difference + lookQuantile / Math.sqrt(promotion.information) : null;
  const proof = boundProof(bound, 0);
  const enough = blocks >= blocksMin;
  const report = {
    id: metric.id,
    roles: metric.roles,
    state: options.isCulprit
      ? ('bad' as const)
      : !enough
        ? ('no-data' as const)
        : proof?.proven === true
          ? ('good' as const)
          : ('unknown' as const),
    candidate: measured.candidate,
    control: measured.control,
    limit: metric.limit,
    sessions: { candidate: 0, control: 0 },
    ...comparison(measured.contrast, baseline.ratio),
    lnEvidence: Math.max(options.roll.lnRelative, options.roll.lnLimit),
    proof,
  };
  const values = `${formatShown(metric.id, measured.candidate)} against ${formatShown(metric.id, measured.control)} in control`;
  return {
    ...report,
    sentence: `${titleOf(metric.id)}: ${values}; ${blocks} blocks of ${blockMinutes} minutes`,
  };
}
