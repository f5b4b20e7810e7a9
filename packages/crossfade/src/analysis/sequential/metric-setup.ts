import {
  defaultThresholds,
  type JudgedMetricId,
  judgedMetricIds,
  metricSpecs,
  type Thresholds,
} from '../metric-spec.ts';
import type { MetricSetup } from './epoch-sums.ts';
import {
  type Baseline,
  defaultBaselines,
  type MetricProof,
  type MetricRole,
  sequentialMetric,
  type SequentialMetricId,
} from './sequential-metrics.ts';

/** What a plan says of a metric; the table's word where it says nothing. */
export interface MetricChoice {
  readonly roles?: readonly MetricRole[];
  readonly rollbackMargin?: number;
  readonly promotionMargin?: number;
  readonly proof?: MetricProof;
  readonly baseline?: Baseline;
}

/** Share of values that may lie above a limit on a p95. */
const slowShareMax = 0.05;

/** Limits in the metric's own unit, as plans write them, become limits of ΣY/ΣX. */
export const ratioLimits: Readonly<Record<JudgedMetricId, (limit: number) => number>> = {
  'capture-completeness': (limit) => 1 - limit,
  'orphan-rate': (limit) => limit,
  'finalization-latency': () => slowShareMax,
  'stop-latency': () => slowShareMax,
  'missed-tail': (limit) => limit,
  'duplicate-artifacts': (limit) => limit / 10_000,
  'first-partial-latency': () => slowShareMax,
  'error-rate': (limit) => limit,
};

/** A metric of the table with a plan's choices and limits; a judged metric without a limit has none. Must not change while a bake runs: that is a new one. */
export function setupOf(
  id: SequentialMetricId,
  choice: MetricChoice = {},
  thresholds: Thresholds = defaultThresholds,
): MetricSetup {
  const table = sequentialMetric(id);
  const judged = judgedMetricIds.find((judgedId) => judgedId === id);
  const threshold = judged === undefined ? undefined : thresholds[judged];
  const isLatency = judged !== undefined && metricSpecs[judged].shape === 'p95';
  const limit =
    judged === undefined ? table.limit : threshold === undefined ? null : ratioLimits[judged](threshold);
  const limitMs = isLatency ? threshold : undefined;
  const rollbackMargin = choice.rollbackMargin ?? table.rollbackMargin;
  return {
    metric: {
      ...table,
      limit,
      roles: choice.roles ?? table.roles,
      rollbackMargin,
      proof: choice.proof ?? table.proof,
      promotionMargin: Math.max(rollbackMargin, choice.promotionMargin ?? table.promotionMargin),
    },
    baseline: choice.baseline ?? defaultBaselines[id],
    ...(limitMs === undefined ? {} : { limitMs }),
  };
}
