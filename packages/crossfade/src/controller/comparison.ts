import { formatEvidence, type MetricReport, titleOf } from '../analysis/sequential/metric-report.ts';
import type { SequentialVerdict } from '../analysis/sequential/sequential-judge.ts';
import type { VerdictKind } from '../analysis/verdict.ts';

/** One metric, both arms side by side. */
export interface ComparedMetric extends Omit<MetricReport, 'lnEvidence'> {
  readonly title: string;
  /** ln of the evidence that it is worse than control, or beyond its limit; 1/E is a p-value that holds at any time. */
  readonly lnEvidence: number;
  /** The same as odds: `0.4 : 1`. */
  readonly evidence: string;
}

/** Candidate against control, at any time and without harm: looking changes nothing. Plain data. */
export interface Comparison {
  readonly rollout: string;
  readonly atMs: number;
  readonly epoch: number;
  readonly verdict: VerdictKind;
  readonly sentence: string;
  /** Evidence of harm over all metrics, and where it rolls back, as odds. */
  readonly evidence: string;
  readonly actedAt: string;
  readonly sessions: { readonly candidate: number; readonly control: number };
  readonly metrics: readonly ComparedMetric[];
}

/** What the judge found, as people compare it. */
export function comparisonOf(
  found: SequentialVerdict,
  { rollout, atMs, epoch }: Pick<Comparison, 'rollout' | 'atMs' | 'epoch'>,
): Comparison {
  return {
    rollout,
    atMs,
    epoch,
    verdict: found.verdict,
    sentence: found.sentence,
    evidence: formatEvidence(found.lnE),
    actedAt: formatEvidence(found.lnThreshold),
    sessions: found.sessions,
    metrics: found.metrics.map((report) => ({
      ...report,
      title: titleOf(report.id),
      evidence: formatEvidence(report.lnEvidence),
    })),
  };
}
