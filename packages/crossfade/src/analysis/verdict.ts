import type { MetricId } from './metric-spec.ts';
import type { GuardFinding } from './sequential/guards.ts';
import type { SequentialMetricId } from './sequential/sequential-metrics.ts';

/**
 * What a judge says of a candidate. Only `fail` (and a broken comparison in which the candidate dies silently)
 * rolls back; no data is never a pass.
 */
export type VerdictKind =
  /** Proven good. */
  | 'pass'
  /** Shown bad. */
  | 'fail'
  /** Measured; not enough evidence either way. */
  | 'inconclusive'
  /** Nothing arrived, it is stale, or there are too few sessions. */
  | 'no-data'
  /** The source of the measurements could not answer. */
  | 'source-error'
  /** The comparison is broken. */
  | 'invalid';

/** How far one metric is shown. */
export type EvidenceResult =
  /** The value and its 95 % bound are on the right side. */
  | 'certified'
  /** The value is on the right side; there is too little of it to be sure. */
  | 'within-limits'
  /**
   * The value is on the wrong side: in the suite, so far that a build at the limit would hardly show it by chance.
   */
  | 'failed'
  /** The value is on the wrong side, and too little was seen to blame the build for it; the suite alone says so. */
  | 'inconclusive'
  /** There is nothing to measure, and `sentence` says why. */
  | 'not-measurable';

/** Evidence, not only a value. Plain data, so that a decision can keep it for ever. */
export interface MetricEvidence {
  readonly metric: MetricId;
  readonly result: EvidenceResult;
  /** In the metric's unit; null when not measurable. */
  readonly value: number | null;
  /** Units behind the bound: sessions, segments from 60 sessions on, faults, crashes. */
  readonly n: number;
  /** 95 % one-sided bound on the bad side of the value; null when there is none. */
  readonly bound: number | null;
  /** The bound with sessions as units, beside one that counts segments. */
  readonly sessionBound?: number;
  readonly limit: number | null;
  /** The other arm's value; absent when nothing was compared. */
  readonly control?: number | null;
  /** One plain sentence with both numbers in it. */
  readonly sentence: string;
}

export interface Verdict {
  readonly verdict: VerdictKind;
  /** One plain sentence with both numbers in it. */
  readonly sentence: string;
  /** The metric or the guard that decided; absent when none did. */
  readonly culprit?: SequentialMetricId | GuardFinding['guard'];
  readonly evidence: readonly MetricEvidence[];
  /** Session records that were judged. */
  readonly sessions: { readonly candidate: number; readonly control: number };
}
