/** What the judge must know of a plan: pure, so that a replay of the log knows the same. */
import { type JudgedMetricId, judgedMetricIds, metricSpecs } from '../analysis/metric-spec.ts';
import type { MetricSetup } from '../analysis/sequential/epoch-sums.ts';
import type { ControlHistory } from '../analysis/sequential/control-history.ts';
import { type MetricChoice, ratioLimits, setupOf } from '../analysis/sequential/metric-setup.ts';
import {
  type Baseline,
  defaultBaselines,
  type MetricRole,
  sequentialMetric,
  sequentialMetrics,
  type SequentialMetricId,
} from '../analysis/sequential/sequential-metrics.ts';
import type { Plan, PlanMetric } from './plan.ts';

/**
 * The metrics of a rollout, with the plan's roles, margins and limits over the table. What control had before is what the
 * plan says of it, or what its sessions say, or the table's word, in this order.
 */
export function metricSetups(
  plan: Pick<Plan, 'metrics' | 'guardrails' | 'gates' | 'goals'>,
  measured: Pick<ControlHistory, 'baselines'> | null = null,
): readonly MetricSetup[] {
  return sequentialMetrics.map(({ id }) => {
    const baseline = measured?.baselines[id];
    const choice = { ...(baseline === undefined ? {} : { baseline }), ...choiceOf(id, plan) };
    return setupOf(id, choice, plan.guardrails.limits);
  });
}

function choiceOf(
  id: SequentialMetricId,
  { metrics, gates, goals }: Pick<Plan, 'metrics' | 'gates' | 'goals'>,
): MetricChoice {
  const { role, history, ...choice } = metrics[id] ?? {};
  const guards = role === undefined ? sequentialMetric(id).roles.includes('guardrail') : role === 'guardrail';
  const roles: readonly MetricRole[] = [
    ...(guards ? (['guardrail'] as const) : []),
    ...(gates.some(({ metric }) => metric === id) ? (['gate'] as const) : []),
    ...(goals.some(({ metric }) => metric === id) ? (['goal'] as const) : []),
  ];
  return {
    ...choice,
    roles: roles.length === 0 ? ['watch'] : roles,
    ...(history === undefined ? {} : { baseline: baselineFrom(id, history) }),
  };
}

/** What a plan says of control's history, as the engines read it: scores move with the ratio, damage stays. */
function baselineFrom(id: SequentialMetricId, history: number): Baseline {
  const fallback = defaultBaselines[id];
  const judged = judgedMetricIds.find((judgedId) => judgedId === id);
  if (judged !== undefined && metricSpecs[judged].shape === 'p95') return { ...fallback, p95Ms: history };
  const ratio = judged === undefined ? history : historicRatio(judged, history);
  const scale = ratio / fallback.ratio;
  return { ...fallback, ratio, scoreMean: Math.min(0.9, fallback.scoreMean * scale) };
}

/** A value in the metric's unit as ΣY/ΣX; a perfect history would divide by zero. */
export function historicRatio(id: JudgedMetricId, value: number): number {
  return Math.max(1e-9, ratioLimits[id](value));
}

/** Margins and role that hold for a metric of this plan. */
export function effectiveMetric(
  id: SequentialMetricId,
  plan: Pick<Plan, 'metrics'>,
): Required<Pick<PlanMetric, 'rollbackMargin' | 'promotionMargin'>> {
  const table = sequentialMetric(id);
  const { rollbackMargin = table.rollbackMargin, promotionMargin } = plan.metrics[id] ?? {};
  return {
    rollbackMargin,
    promotionMargin: promotionMargin ?? Math.max(rollbackMargin, table.promotionMargin),
  };
}
