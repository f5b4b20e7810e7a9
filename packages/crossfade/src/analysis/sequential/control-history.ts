/**
 * What control's sessions before a rollout say of its metrics: the edges that latencies are held against and the sizes
 * that the engines bet by. Taken once, before the first session of an error budget, and kept with it: evidence must not
 * choose its own yardstick. A history that is wrong costs power and no healthy build; proof takes only what is stricter than
 * the table.
 */
import type { SessionRecord } from '../../transcript/session-record.ts';
import { type Baseline, defaultBaselines, type SequentialMetricId } from './sequential-metrics.ts';
import { baselineOf, historySessionsMin } from './baseline.ts';
import { type MetricSetup, outcomeWidth } from './epoch-sums.ts';
import { LatencySketch } from './latency-sketch.ts';
import { latenciesOf, outcomesOf } from './session-outcomes.ts';

export interface ControlHistory {
  /** Sessions it was taken from, and when the first and the last of them ended. */
  readonly sessions: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Of the metrics that were seen often enough; the others keep the table's. */
  readonly baselines: Readonly<Partial<Record<SequentialMetricId, Baseline>>>;
}

/** Digits that are kept: more decide nothing and only lengthen the log. */
const digits = 6;

/** The history in these records of control; null when they are too few. `setups` are the rollout's, without a history. */
export function controlHistory(
  setups: readonly MetricSetup[],
  records: readonly SessionRecord[],
): ControlHistory | null {
  if (records.length < historySessionsMin) return null;
  const ended = setups
    .filter(({ metric }) => metric.window === 'ended')
    .map((setup) => ({ ...setup, baseline: withEdge(setup, records) }));
  const outcomes = records.map((record) => outcomesOf(ended, record));
  const found = ended.flatMap(({ metric, baseline: { p95Ms } }, i) => {
    const rows = outcomes.map((row) => {
      const [y = 0, x = 0, yLimit = 0] = row.subarray(i * outcomeWidth);
      return { y, x, yLimit };
    });
    const baseline = rounded(baselineOf(metric, rows, p95Ms));
    const isDefault = JSON.stringify(baseline) === JSON.stringify(defaultBaselines[metric.id]);
    return isDefault ? [] : [[metric.id, baseline] as const];
  });
  const endsMs = records.map(({ endedAtMs }) => endedAtMs);
  return {
    sessions: records.length,
    fromMs: endsMs.reduce((least, ms) => Math.min(least, ms), Infinity),
    untilMs: endsMs.reduce((most, ms) => Math.max(most, ms), -Infinity),
    baselines: Object.fromEntries(found),
  };
}

/**
 * What counts as slow on either side: above the p95 of what control took. Where that is next to the median (all values
 * alike), or far inside the limit, a build that is slower by what nobody feels would be slow in every session: then it is
 * a tenth above the median, or a fifth of the limit.
 */
function withEdge(setup: MetricSetup, records: readonly SessionRecord[]): Baseline {
  const { metric, baseline, limitMs = 0 } = setup;
  if (metric.id !== 'finalization-latency' && metric.id !== 'stop-latency') return baseline;
  const sketch = new LatencySketch();
  for (const record of records) for (const ms of latenciesOf(metric.id, record)) sketch.add(ms);
  const [median, p95] = [sketch.quantile(0.5), sketch.quantile(0.95)];
  if (sketch.total < historySessionsMin || median === null || p95 === null) return baseline;
  return { ...baseline, p95Ms: Math.ceil(Math.max(p95, 1.1 * median, 0.2 * limitMs)) };
}

function rounded({ ratio, scoreMean, damage, ...edge }: Baseline): Baseline {
  const short = (value: number): number => Number(value.toPrecision(digits));
  return { ratio: short(ratio), scoreMean: short(scoreMean), damage: short(damage), ...edge };
}
