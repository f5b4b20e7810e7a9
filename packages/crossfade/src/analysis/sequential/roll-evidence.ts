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

/** In how many stages of a rollout a coin assigns sessions. Fixed with the error budget, from its plan. */
export type Coins = 'all' | 'some' | 'none';

/** How the evidence of a rollout is shared out; each row sums to 1. */
interface Shares {
  /** Comparisons with control. */
  readonly relative: number;
  /** Limits, of a candidate that is also worse than control. */
  readonly limit: number;
  /** Limits where there is no control to compare with. */
  readonly alone: number;
}

/**
 * One average with fixed weights, whatever stage runs: it is one e-process, so alpha holds for a rollout that walks
 * through stages of both kinds as for one that does not. A stage of one kind leaves the evidence of the other as it is.
 */
const sharesOf: Readonly<Record<Coins, Shares>> = {
  all: { relative: 0.8, limit: 0.2, alone: 0 },
  // Comparisons see most and lose next to nothing; a stage without a control needs five times the evidence.
  some: { relative: 0.7, limit: 0.1, alone: 0.2 },
  none: { relative: 0, limit: 0, alone: 1 },
};

/** Starts that are told apart: a rollout of six weeks. Later there are no new ones, which costs power, not validity. */
const restartsMax = (42 * 24 * 60) / restartMinutes;

export interface RollOptions {
  /** Minutes since the rollout began; starts that lie later have not begun. */
  readonly minute: number;
  /** How long the rollout was planned to take, fixed before it: the restarts share their weight over it. */
  readonly horizonMinutes: number;
  /** Fixed with the horizon. */
  readonly coins: Coins;
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

/** ln weights of a metric. */
interface Weighted {
  readonly id: SequentialMetricId;
  readonly lnRelative: number;
  readonly lnLimit: number;
  readonly lnAlone: number;
  /** Among the metrics that have a limit. */
  readonly lnLimitBets: number;
}

function metricWeights(sources: readonly EvidenceSource[], coins: Coins): readonly Weighted[] {
  const metrics = sources.flatMap(({ setups }) => setups.map(({ metric }) => metric));
  const counted = metrics.map((metric) => ({
    metric,
    weight: metric.roles.includes('guardrail') ? metric.weight : 0,
  }));
  const all = counted.reduce((sum, { weight }) => sum + weight, 0);
  const limited = counted.reduce((sum, { metric, weight }) => sum + (metric.limit === null ? 0 : weight), 0);
  const { limit, alone } = sharesOf[coins];
  const relative = limited === 0 && coins !== 'none' ? 1 : sharesOf[coins].relative;
  return counted.map(({ metric, weight }) => {
    const among = metric.limit === null ? 0 : weight / limited;
    return {
      id: metric.id,
      lnRelative: Math.log((relative * weight) / all),
      lnLimit: Math.log(limit * among),
      lnAlone: Math.log(alone * among),
      lnLimitBets: Math.log(among),
    };
  });
}

/** Evidence of one metric, summed over start times. */
interface Sums {
  readonly relative: LogSum;
  readonly limitBets: LogSum;
  readonly limit: LogSum;
  readonly alone: LogSum;
}

/** The rollout's evidence at a minute. Each source must hold what was known at that minute, no more. */
export function rollEvidence(sources: readonly EvidenceSource[], options: RollOptions): RollEvidence {
  const weights = metricWeights(sources, options.coins);
  const starts = startWeights(options.horizonMinutes);
  const sums: readonly Sums[] = weights.map(() => ({
    relative: new LogSum(),
    limitBets: new LogSum(),
    limit: new LogSum(),
    alone: new LogSum(),
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
        sum.alone.add(lnStart + window.lnLimitAlone);
      }
    }
  }
  return combined(weights, sums, lnNotBegun);
}

/** Adds the metrics; a start that has not begun counts as 1 in each. */
function combined(weights: readonly Weighted[], sums: readonly Sums[], lnNotBegun: number): RollEvidence {
  let lnE = lnNotBegun;
  let lnLimitBets = lnNotBegun;
  let culprit: MetricRollEvidence | null = null;
  const metrics = weights.map((weight, i): MetricRollEvidence => {
    const { relative, limitBets, limit, alone } = sums[i]!;
    const relativePart = weight.lnRelative + relative.ln;
    const limitPart = logAddExp(weight.lnLimit + limit.ln, weight.lnAlone + alone.ln);
    const lnTerm = logAddExp(relativePart, limitPart);
    lnE = logAddExp(lnE, lnTerm);
    if (weight.lnLimitBets > -Infinity)
      lnLimitBets = logAddExp(lnLimitBets, weight.lnLimitBets + limitBets.ln);
    const lnLimits = logAddExp(weight.lnLimit, weight.lnAlone);
    const found: MetricRollEvidence = {
      id: weight.id,
      lnRelative: logAddExp(relative.ln, lnNotBegun),
      lnLimitBets: logAddExp(limitBets.ln, lnNotBegun),
      lnLimitAlone: logAddExp(alone.ln, lnNotBegun),
      // Both kinds of limits, each as it weighs.
      lnLimit: lnLimits === -Infinity ? 0 : logAddExp(limitPart - lnLimits, lnNotBegun),
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
