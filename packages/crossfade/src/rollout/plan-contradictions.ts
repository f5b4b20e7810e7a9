import { formatValue, isWithin, judgedMetricIds } from '../analysis/metric-spec.ts';
import { sequentialMetric, type SequentialMetricId } from '../analysis/sequential/sequential-metrics.ts';
import { coinOf } from './budget.ts';
import { effectiveMetric } from './judge-setup.ts';
import type { Plan, PlanMistake } from './plan.ts';

/** What a plan says that cannot be true together; null when nothing does. Every part of it is valid by itself. */
export function contradictionIn(plan: Plan): PlanMistake | null {
  return metricContradiction(plan) ?? gateContradiction(plan) ?? goalContradiction(plan);
}

function metricContradiction(plan: Plan): PlanMistake | null {
  for (const [id, choice] of Object.entries(plan.metrics) as [
    SequentialMetricId,
    Plan['metrics'][SequentialMetricId],
  ][]) {
    const path = `metrics.${id}`;
    const { rollbackMargin, promotionMargin } = effectiveMetric(id, plan);
    if (promotionMargin < rollbackMargin) {
      return {
        path: `${path}.promotionMargin`,
        expected: `at least the rollback margin of ${percent(rollbackMargin)}, as what is proven must not be shown bad`,
        got: percent(promotionMargin),
      };
    }
    const judged = judgedMetricIds.find((judgedId) => judgedId === id);
    const limit = judged === undefined ? undefined : plan.guardrails.limits[judged];
    const history = choice?.history;
    if (
      judged !== undefined &&
      limit !== undefined &&
      history !== undefined &&
      !isWithin(judged, history, limit)
    ) {
      return {
        path: `${path}.history`,
        expected: `a value within the limit of ${formatValue(judged, limit)}, as control itself would break it`,
        got: formatValue(judged, history),
      };
    }
    if (choice?.role === 'watch' && plan.gates.some(({ metric }) => metric === id)) {
      return { path: `${path}.role`, expected: 'guardrail, as it is a gate too', got: 'watch' };
    }
  }
  return null;
}

function gateContradiction(plan: Plan): PlanMistake | null {
  for (const [index, { metric, liveAtStage }] of plan.gates.entries()) {
    if (liveAtStage === undefined) continue;
    const path = `gates[${index}].liveAtStage`;
    const proof = plan.metrics[metric]?.proof ?? sequentialMetric(metric).proof;
    if (proof === 'acceptance') {
      return {
        path,
        expected: `no stage, as live faults are too few to prove ${metric}; acceptance evidence does`,
        got: liveAtStage,
      };
    }
    const judged = judgedMetricIds.find((id) => id === metric);
    if (proof === 'below-limit' && (judged === undefined || plan.guardrails.limits[judged] === undefined)) {
      return { path, expected: `a limit of ${metric} to be proven below`, got: 'none' };
    }
    const stageIndex = plan.stages.findIndex(({ name }) => name === liveAtStage);
    if (proof === 'no-worse' && coinOf(plan, stageIndex, 0, true).share === null) {
      return {
        path,
        expected: `a stage with a random control, as ${metric} is proven no worse than it`,
        got: liveAtStage,
      };
    }
  }
  return null;
}

function goalContradiction(plan: Plan): PlanMistake | null {
  const hasCoin = plan.stages.some((_, index) => coinOf(plan, index, 0, true).share !== null);
  const index = plan.goals.findIndex(({ mustImprove }) => mustImprove);
  if (index < 0 || hasCoin) return null;
  return {
    path: `goals[${index}].mustImprove`,
    expected: 'a stage with a random control, as better is a comparison',
    got: 'none of them has one',
  };
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))} %`;
}
