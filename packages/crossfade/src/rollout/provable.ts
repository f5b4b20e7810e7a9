import { poissonUpperBound, logDeltaEventsMin, lookQuantile } from '../analysis/sequential/fixed-look.ts';
import type { MetricSetup } from '../analysis/sequential/epoch-sums.ts';
import type { SequentialMetricId } from '../analysis/sequential/sequential-metrics.ts';
import { coinOf } from './budget.ts';
import { metricSetups } from './judge-setup.ts';
import type { Gate, Plan } from './plan.ts';

/** What a usual session brings to a metric: five minutes, three finals, forty segments; 1 where nothing is said. */
const usualX: Readonly<Partial<Record<SequentialMetricId, number>>> = {
  'capture-completeness': 300,
  'orphan-rate': 40,
  'duplicate-artifacts': 40,
  'finalization-latency': 3,
};

/** Outcomes differ in size, so the spread is wider than that of counts alone: about twice their variance. */
const spread = 2;

/** More than this is no plan any more. */
const sessionsMax = 1e9;

const hourMs = 3_600_000;

/** A gate that live evidence is to prove, and whether the traffic lets a healthy candidate do so. */
export interface LiveGate {
  readonly metric: Gate['metric'];
  readonly stage: string;
  /** Candidate sessions that the stage will have seen by the end of its bake. */
  readonly expected: number;
  /** Those that a healthy candidate needs, about; null: no number is enough. */
  readonly needed: number | null;
  readonly provable: boolean;
}

/**
 * What a plan's live gates can prove before their bake is over, by arithmetic on its history: a first answer, within a
 * factor of two; `crossfade simulate` has the better one. Traffic is over both sides; absent, each stage is taken at the
 * candidate sessions an hour that it asks for, and left out when it asks for none.
 */
export function liveGates(plan: Plan, sessionsPerHour?: number): readonly LiveGate[] {
  const setups = metricSetups(plan);
  return plan.gates.flatMap(({ metric, liveAtStage }) => {
    const index = plan.stages.findIndex(({ name }) => name === liveAtStage);
    const stage = plan.stages[index];
    const setup = setups.find((each) => each.metric.id === metric);
    if (stage === undefined || setup === undefined) return [];
    const share = coinOf(plan, index, 0, true).share ?? 1;
    const perHour = sessionsPerHour === undefined ? stage.minSessionsPerHour : sessionsPerHour * share;
    if (perHour === 0) return [];
    const expected = Math.floor((perHour * Math.max(0, stage.bakeMs - plan.maturityMs)) / hourMs);
    const needed = sessionsNeeded(setup, share);
    const provable = needed !== null && expected >= needed;
    return [{ metric, stage: stage.name, expected, needed, provable }];
  });
}

/** One sentence for each gate that the traffic cannot prove. */
export function provabilityWarnings(plan: Plan, sessionsPerHour?: number): readonly string[] {
  return liveGates(plan, sessionsPerHour).flatMap(({ metric, stage, expected, needed, provable }) => {
    if (provable) return [];
    const wants = needed === null ? 'no number of sessions proves it' : `about ${needed} are needed`;
    return `${metric} cannot be proven live at stage ${stage}: ${expected} sessions of the candidate by the end of its bake, ${wants}. Bake longer, ask at a wider stage, or bring acceptance evidence.`;
  });
}

/** The fewest candidate sessions, by doubling, with which a candidate like history proves the gate. */
function sessionsNeeded(setup: MetricSetup, share: number): number | null {
  let high = 1;
  while (high < sessionsMax && !isProvenWith(high, setup, share)) high *= 2;
  if (high >= sessionsMax) return null;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isProvenWith(middle, setup, share)) high = middle;
    else low = middle;
  }
  return high;
}

function isProvenWith(n: number, { metric, baseline: known, limitMs }: MetricSetup, share: number): boolean {
  // History knows a p95, not the share above the limit; in a service that keeps it, that is about half of what may be.
  const slow = limitMs !== undefined && metric.limit !== null ? metric.limit / 2 : null;
  const baseline = slow === null ? known : { ...known, ratio: slow };
  const x = usualX[metric.id] ?? 1;
  const sumX = n * x;
  // Where every session has some (a tail, a latency), its size is what varies.
  const events = Math.min(n, (baseline.ratio * sumX) / baseline.damage);
  if (metric.proof === 'below-limit' && metric.limit !== null) {
    const bound =
      events < logDeltaEventsMin
        ? (poissonUpperBound(Math.floor(events)) * baseline.damage) / sumX
        : baseline.ratio * Math.exp(lookQuantile * Math.sqrt(spread / events));
    return bound < metric.limit;
  }
  if (metric.proof !== 'no-worse' || share >= 1) return false;
  const controlEvents = (events * (1 - share)) / share;
  return lookQuantile * Math.sqrt(spread / events + spread / controlEvents) < metric.promotionMargin;
}
