import { type JudgedMetricId, judgedMetricIds, metricSpecs, type Thresholds } from '../metric-spec.ts';
import type { MetricSetup } from './epoch-sums.ts';
import {
  type Baseline,
  defaultBaselines,
  type MetricRole,
  sequentialMetric,
  type SequentialMetricId,
} from './sequential-metrics.ts';

/** What a plan says of a metric; the table's word where it says nothing. */
export interface MetricChoice {
  readonly roles?: readonly MetricRole[];
  readonly rollbackMargin?: number;
  readonly promotionMargin?: number;
  readonly baseline?: Baseline;
}

/** Share of values that may lie above a limit on a p95. */
const slowShareMax = 0.05;

/** Limits in the metric's own unit, as plans write them, become limits of ΣY/ΣX. */
const ratioLimits: Readonly<Record<JudgedMetricId, (limit: number) => number>> = {
  'capture-completeness': (limit) => 1 - limit,
  'orphan-rate': (limit) => limit,
  'finalization-latency': () => slowShareMax,
  'stop-latency': () => slowShareMax,
  'missed-tail': (limit) => limit,
  'duplicate-artifacts': (limit) => limit / 10_000,
  'first-partial-latency': () => slowShareMax,
  'error-rate': (limit) => limit,
};

/** A metric of the table with a plan's choices and limit over it. Must not change while a bake runs: that is a new one. */
export function setupOf(
  id: SequentialMetricId,
  choice: MetricChoice = {},
  thresholds: Thresholds = {},
): MetricSetup {
  const table = sequentialMetric(id);
  const judged = judgedMetricIds.find((judgedId) => judgedId === id);
  const threshold = judged === undefined ? undefined : thresholds[judged];
  const isLatency = judged !== undefined && metricSpecs[judged].shape === 'p95';
  const limit =
    judged === undefined || threshold === undefined ? table.limit : ratioLimits[judged](threshold);
  const limitMs =
    isLatency && limit !== null ? (threshold ?? metricSpecs[judged].limit ?? undefined) : undefined;
  const rollbackMargin = choice.rollbackMargin ?? table.rollbackMargin;
  return {
    metric: {
      ...table,
      limit,
      roles: choice.roles ?? table.roles,
      rollbackMargin,
      promotionMargin: Math.max(rollbackMargin, choice.promotionMargin ?? table.promotionMargin),
    },
    baseline: choice.baseline ?? defaultBaselines[id],
    ...(limitMs === undefined ? {} : { limitMs }),
  };
}
