import { isWithin, metricIds, type MetricId, metricSpecs } from '../metric-spec.ts';
import type { EvidenceResult, MetricEvidence, Verdict } from '../verdict.ts';
import type { MetricReport } from './metric-report.ts';
import type { SequentialVerdict } from './sequential-judge.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';

/** The sequential judge's word in the form that rollouts keep: one verdict, with evidence per acceptance metric. */
export function verdictOf(found: SequentialVerdict): Verdict {
  const culprit = found.guard ?? found.culprit;
  return {
    verdict: found.verdict,
    sentence: found.sentence,
    ...(culprit === null ? {} : { culprit }),
    evidence: found.metrics.flatMap((report) => {
      const metric = acceptanceMetric(report.id);
      // Live, the worst crash is judged as a share of crashes: that is no value in the metric's unit.
      return metric === undefined || metricSpecs[metric].shape === 'max' ? [] : [evidenceOf(metric, report)];
    }),
    sessions: found.sessions,
  };
}

/** Metrics that are shown better than control, at any time and at 95 %: the goals that are met. */
export function betterMetrics(found: SequentialVerdict): readonly MetricId[] {
  return found.metrics.flatMap(({ id, goal }) => {
    const metric = acceptanceMetric(id);
    return metric !== undefined && goal === 'better' ? [metric] : [];
  });
}

function acceptanceMetric(id: SequentialMetricId | null): MetricId | undefined {
  return metricIds.find((metric) => metric === id);
}

/** Only a bound on the right side certifies; everything else that was measured is no more than within its limits. */
function resultOf(metric: MetricId, { state, candidate, limit }: MetricReport): EvidenceResult {
  if (candidate === null) return 'not-measurable';
  if (state === 'bad' || (limit !== null && !isWithin(metric, candidate, limit))) return 'failed';
  return state === 'good' ? 'certified' : 'within-limits';
}

function evidenceOf(metric: MetricId, report: MetricReport): MetricEvidence {
  return {
    metric,
    result: resultOf(metric, report),
    value: report.candidate,
    n: report.sessions.candidate,
    // The bound is on ΣY/ΣX, not in the metric's unit: the sentence and the report have it.
    bound: null,
    limit: report.limit,
    control: report.control,
    sentence: `${report.sentence}.`,
  };
}

/** The verdict when the source of the records could not be read. */
export function sourceErrorVerdict(reason: string): Verdict {
  const sentence = `The session records could not be read: ${reason}`;
  return { verdict: 'source-error', sentence, evidence: [], sessions: { candidate: 0, control: 0 } };
}
