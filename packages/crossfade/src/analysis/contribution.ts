import type { MetricCounts, SessionRecord } from '../transcript/session-record.ts';
import { type MetricId, metricSpecs } from './metric-spec.ts';

/**
 * Whose work is judged: the assigned arm's own before any rescue, or what the person got. Faults, crash losses and
 * failures are recorded once and are the same in both.
 */
export type LedgerName = 'pipeline' | 'user';

/** What one session brings to one metric. Only sessions with something in the denominator bring anything. */
export interface Contribution {
  /** For a percentile or the worst: values on the wrong side of the acceptance limit, 0 where there is none. */
  readonly numerator: number;
  readonly denominator: number;
  /** The metric's value over this session alone, in the metric's unit. */
  readonly own: number;
  /** Each measured value, ms; empty for ratios. */
  readonly values: readonly number[];
  /** Values that were counted and not kept: above the limit of the record, and not. */
  readonly unkept?: { readonly over: number; readonly under: number };
}

/** Share of values that a p95 promises. */
export const p95 = 0.95;

/** Share bad or good of a sum; the session brings nothing when there is nothing to share. */
function ratio(numerator: number, denominator: number, scale = 1): Contribution | null {
  if (denominator <= 0) return null;
  return { numerator, denominator, own: (numerator / denominator) * scale, values: [] };
}

/** A session's one value in ms, or nothing. Values are kept in whole milliseconds, rounded up: never flattered. */
function single(valueMs: number | null, numerator: (ms: number) => number): Contribution | null {
  if (valueMs === null) return null;
  return { numerator: numerator(valueMs), denominator: 1, own: valueMs, values: [Math.ceil(valueMs)] };
}

/** Nearest-rank p95 of unsorted values; they are not empty. */
function p95Of(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(p95 * sorted.length) - 1] ?? 0;
}

function finals(
  { finalLatenciesMs, finalLatencyCount, finalLatencyOverLimit }: MetricCounts,
  limitMs: number,
): Contribution | null {
  if (finalLatencyCount <= 0) return null;
  const keptOver = finalLatenciesMs.filter((ms) => ms >= limitMs).length;
  const over = Math.max(0, finalLatencyOverLimit - keptOver);
  const unkept = Math.max(0, finalLatencyCount - finalLatenciesMs.length);
  return {
    numerator: finalLatencyOverLimit,
    denominator: finalLatencyCount,
    own: finalLatenciesMs.length === 0 ? limitMs : p95Of(finalLatenciesMs),
    values: finalLatenciesMs,
    unkept: { over: Math.min(over, unkept), under: Math.max(0, unkept - over) },
  };
}

/** The limit that records count `finalLatencyOverLimit` against, ms. */
export const recordedLatencyLimitMs = metricSpecs['finalization-latency'].limit;

/**
 * What a session brings to each metric: the one place where a record becomes a metric. Null: it does not enter.
 * Latencies of a session that did not come at the pace of real time do not enter.
 */
export const contributions: Readonly<
  Record<MetricId, (record: SessionRecord, ledger: MetricCounts) => Contribution | null>
> = {
  'capture-completeness': (_record, counts) =>
    ratio(Math.min(counts.samplesCovered, counts.samplesOffered), counts.samplesOffered),
  'orphan-rate': (_record, counts) => ratio(counts.orphans, counts.segmentsWithPartial),
  'finalization-latency': (record, counts) =>
    record.realTime ? finals(counts, recordedLatencyLimitMs) : null,
  'stop-latency': (record, counts) =>
    record.realTime ? single(counts.stopLatencyMs, (ms) => (ms >= recordedLatencyLimitMs ? 1 : 0)) : null,
  'missed-tail': (_record, counts) => single(counts.missedTailMs, (ms) => ms),
  'recovery-success': ({ user }) => ratio(user.faultsRecovered, user.faults),
  'duplicate-artifacts': (_record, counts) => ratio(counts.duplicateEntries, counts.entries, 10_000),
  'durability-loss': ({ user: { crashLossMs } }) =>
    crashLossMs.length === 0
      ? null
      : {
          numerator: crashLossMs.filter((ms) => ms > metricSpecs['durability-loss'].limit).length,
          denominator: crashLossMs.length,
          own: Math.max(...crashLossMs),
          values: crashLossMs.map(Math.ceil),
        },
  'first-partial-latency': (record, counts) =>
    record.realTime ? single(counts.firstPartialMs, () => 0) : null,
  'error-rate': ({ pipeline }) => ratio(pipeline.failed ? 1 : 0, 1),
};
