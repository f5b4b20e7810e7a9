/**
 * What canary tools in the field do, for comparison: each interval is held against fixed thresholds, and a number of
 * failed intervals rolls back.
 */
import { candidateArm, cellAt, column } from '../sequential/cell-layout.ts';
import type { EpochSums, MetricSetup } from '../sequential/epoch-sums.ts';
import type { SequentialMetricId } from '../sequential/sequential-metrics.ts';

export interface FixedThresholdTool {
  readonly name: string;
  readonly intervalMinutes: number;
  /** Failed intervals, in any order, that are still tolerated. */
  readonly failuresAllowed: number;
  /** Metrics that are held against thresholds; absent: all that have one. */
  readonly metrics?: readonly SequentialMetricId[];
}

/** By their defaults and documentation: Argo Rollouts fails on the first failed measurement, Flagger after a few checks. */
export const fixedThresholdTools: readonly FixedThresholdTool[] = [
  { name: 'Argo Rollouts (failureLimit 0, 5 min)', intervalMinutes: 5, failuresAllowed: 0 },
  { name: 'Flagger (threshold 10, 1 min)', intervalMinutes: 1, failuresAllowed: 9 },
  // Kinder: no rare metric, whose limit one event in a quiet interval breaks, and intervals of half an hour.
  {
    name: 'failureLimit 2, 30 min, dense metrics alone',
    intervalMinutes: 30,
    failuresAllowed: 2,
    metrics: ['error-rate', 'finalization-latency', 'missed-tail'],
  },
];

/** Limits as a team would write them: the acceptance limits, and twice the usual errors. */
const thresholds: Partial<Record<SequentialMetricId, number>> = {
  'error-rate': 0.01,
  'capture-completeness': 5e-4,
  'orphan-rate': 5e-4,
  'finalization-latency': 0.05,
  'missed-tail': 100,
  'duplicate-artifacts': 1e-4,
};

/** Watches a canary as one tool does. */
export class FixedThresholdWatcher {
  readonly tool: FixedThresholdTool;
  readonly #setups: readonly MetricSetup[];
  #before: Float64Array;
  #now: Float64Array;
  #failures = 0;
  /** Minute at which it rolled back; null so far. */
  rolledBackAt: number | null = null;

  constructor(tool: FixedThresholdTool, setups: readonly MetricSetup[], width: number) {
    this.tool = tool;
    this.#setups = setups;
    this.#before = new Float64Array(width);
    this.#now = new Float64Array(width);
  }

  /** Looks at the end of a minute. */
  look(minute: number, sums: EpochSums): void {
    if (this.rolledBackAt !== null || (minute + 1) % this.tool.intervalMinutes !== 0) return;
    sums.since(0, this.#now);
    const failed = this.#setups.some(({ metric }, i) => {
      const threshold = thresholds[metric.id];
      const at = cellAt(i, candidateArm);
      const x = this.#now[at + column.sumX]! - this.#before[at + column.sumX]!;
      const y = this.#now[at + column.limitY]! - this.#before[at + column.limitY]!;
      const isWatched = this.tool.metrics?.includes(metric.id) ?? true;
      return isWatched && threshold !== undefined && x > 0 && y / x > threshold;
    });
    [this.#before, this.#now] = [this.#now, this.#before];
    if (failed) this.#failures += 1;
    if (this.#failures > this.tool.failuresAllowed) this.rolledBackAt = minute;
  }
}
