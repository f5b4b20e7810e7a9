/**
 * One number for the whole rollout: a weighted average of e-processes over metrics, limits and start times. An average
 * of e-processes is one itself, whatever their dependence (Vovk & Wang 2021), so one threshold holds for all of it.
 */
import type { EvidenceSource, WindowEvidence } from './evidence-window.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';
import { logAddExp, LogSum } from './special-functions.ts';

/** Evidence starts over every two hours, so that a regression at hour 24 is seen as fast as one at minute 0. */
export const restartMinutes = 120;

/** Weight of the evidence since the begin; the restarts share the rest. */
const firstStartWeight = 0.7;

/** Share of comparisons with control; limits have the rest. */
const relativeShare = 0.8;

/** Starts that are told apart: a rollout of six weeks. Later there are no new ones, which costs power, not validity. */
const restartsMax = (42 * 24 * 60) / restartMinutes;

export interface RollOptions {
  /** Minutes since the rollout began; starts that lie later have not begun. */
  readonly minute: number;
  /** How long the rollout was planned to take, fixed before it: the restarts share their weight over it. */
  readonly horizonMinutes: number;
  /** False: no coin assigns sessions now, so limits alone are left. */
  readonly hasRandomControl: boolean;
}

/** What one metric brings, averaged over start times. */
export interface MetricRollEvidence extends WindowEvidence {
  readonly id: SequentialMetricId;
  /** Its part of the rollout's evidence, all start times together. */
  readonly lnTerm: number;
  /** Whether the comparison or the limit is the larger part of it. */
  readonly kind: 'relative' | 'limit';
}

export interface RollEvidence {
  /** ln E of the rollout. Roll back at ln(1/alpha) or more. */
  readonly lnE: number;
  readonly metrics: readonly MetricRollEvidence[];
  /** Bets against the limits alone, averaged like the whole: high while `lnE` is low, both arms suffer. */
  readonly lnLimitBets: number;
  /** The metric with the largest part; null when there is none. */
  readonly culprit: SequentialMetricId | null;
}

/** Weights of start times: the begin, then each restart inside the horizon. They sum to 1. */
export function startWeights(horizonMinutes: number): readonly number[] {
  const restarts = Math.min(restartsMax, Math.max(0, Math.ceil(horizonMinutes / restartMinutes) - 1));
  if (restarts === 0) return [1];
  const each = (1 - firstStartWeight) / restarts;
  return [firstStartWeight, ...Array.from({ length: restarts }, () => each)];
}

interface Weighted {
  readonly id: SequentialMetricId;
  readonly lnRelativeWeight: number;
  readonly lnLimitWeight: number;
}

/**
 * ln weights of the metrics: 0.8 over comparisons, 0.2 over limits; all of it over limits without a control. Two averages,
 * each an e-process over the whole rollout: who reads both, by stage, is bounded by 2 alpha.
 */
function metricWeights(sources: readonly EvidenceSource[], hasRandomControl: boolean): readonly Weighted[] {
  const metrics = sources.flatMap(({ setups }) => setups.map(({ metric }) => metric));
  const counted = metrics.map((metric) => ({
    metric,
    weight: metric.roles.includes('guardrail') ? metric.weight : 0,
  }));
  const all = counted.reduce((sum, { weight }) => sum + weight, 0);
  const limited = counted.reduce((sum, { metric, weight }) => sum + (metric.limit === null ? 0 : weight), 0);
  const relative = hasRandomControl ? (limited === 0 ? 1 : relativeShare) : 0;
  return counted.map(({ metric, weight }) => ({
    id: metric.id,
    lnRelativeWeight: Math.log((relative * weight) / all),
    lnLimitWeight: metric.limit === null ? -Infinity : Math.log(((1 - relative) * weight) / limited),
  }));
}

/** Evidence of one metric, summed over start times. */
interface Sums {
  readonly relative: LogSum;
  readonly limitBets: LogSum;
  readonly limit: LogSum;
}

/** The rollout's evidence at a minute. Each source must hold what was known at that minute, no more. */
export function rollEvidence(sources: readonly EvidenceSource[], options: RollOptions): RollEvidence {
  const weights = metricWeights(sources, options.hasRandomControl);
  const starts = startWeights(options.horizonMinutes);
  const sums: readonly Sums[] = weights.map(() => ({
    relative: new LogSum(),
    limitBets: new LogSum(),
    limit: new LogSum(),
  }));
  let lnNotBegun = -Infinity;
  for (const [restart, weight] of starts.entries()) {
    const lnStart = Math.log(weight);
    if (restart > 0 && restart * restartMinutes > options.minute) {
      lnNotBegun = logAddExp(lnNotBegun, lnStart);
      continue;
    }
    let at = 0;
    for (const source of sources) {
      for (const window of source.since(restart)) {
        const sum = sums[at++]!;
        sum.relative.add(lnStart + window.lnRelative);
        sum.limitBets.add(lnStart + window.lnLimitBets);
        sum.limit.add(lnStart + window.lnLimit);
      }
    }
  }
  return combined(weights, sums, lnNotBegun, options.hasRandomControl);
}

/** Adds the metrics; a start that has not begun counts as 1 in each. */
function combined(
  weights: readonly Weighted[],
  sums: readonly Sums[],
  lnNotBegun: number,
  hasRandomControl: boolean,
): RollEvidence {
  let lnE = lnNotBegun;
  let lnLimitBets = lnNotBegun;
  let culprit: MetricRollEvidence | null = null;
  const lnLimitTotal = weights.reduce((sum, { lnLimitWeight }) => logAddExp(sum, lnLimitWeight), -Infinity);
  const metrics = weights.map(({ id, lnRelativeWeight, lnLimitWeight }, i): MetricRollEvidence => {
    const { relative, limitBets, limit } = sums[i]!;
    const lnLimit = hasRandomControl ? limit.ln : limitBets.ln;
    const relativePart = lnRelativeWeight + relative.ln;
    const limitPart = lnLimitWeight + lnLimit;
    const lnTerm = logAddExp(relativePart, limitPart);
    lnE = logAddExp(lnE, lnTerm);
    if (lnLimitWeight > -Infinity)
      lnLimitBets = logAddExp(lnLimitBets, lnLimitWeight - lnLimitTotal + limitBets.ln);
    const found: MetricRollEvidence = {
      id,
      lnRelative: logAddExp(relative.ln, lnNotBegun),
      lnLimitBets: logAddExp(limitBets.ln, lnNotBegun),
      lnLimit: logAddExp(lnLimit, lnNotBegun),
      lnTerm,
      kind: relativePart >= limitPart ? 'relative' : 'limit',
    };
    if (culprit === null || lnTerm > culprit.lnTerm) culprit = found;
    return found;
  });
  // A closure assigned it: the type checker believes it is still null.
  const leader = culprit as MetricRollEvidence | null;
  return { lnE, metrics, lnLimitBets, culprit: leader?.id ?? null };
}
