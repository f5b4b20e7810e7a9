import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { MetricId } from '../analysis/metric-spec.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import { resultOf } from './acceptance-report.ts';
import type { AcceptanceEvidence } from './commands.ts';
import { evidenceMaxAgeMs, type Plan, type RequiredResult } from './plan.ts';

/** Why evidence does not open a rollout: for programs the word, for people the sentence. */
export interface EvidenceProblem {
  readonly problem: 'other-build' | 'partial' | 'failed' | 'stale' | 'short' | 'not-measurable';
  readonly sentence: string;
}

/** Clocks of two machines differ by less; a report from further ahead was not made yet. */
const clockSkewMs = 10 * 60_000;

/** Whether a result is as good as a gate requires. */
export function meets(result: EvidenceResult | undefined, requires: RequiredResult): boolean {
  return result === 'certified' || (result === 'within-limits' && requires === 'within-limits');
}

/** The first thing that keeps the evidence from opening the plan's first stage at `nowMs`; null when nothing does. */
export function problemOf(evidence: AcceptanceEvidence, plan: Plan, nowMs: number): EvidenceProblem | null {
  return (
    buildProblem(evidence, plan) ??
    partialProblem(evidence) ??
    failedProblem(evidence) ??
    ageProblem(evidence, plan, nowMs) ??
    shortProblem(evidence, plan)
  );
}

function buildProblem({ build }: AcceptanceEvidence, { candidate }: Plan): EvidenceProblem | null {
  if (build === candidate.build) return null;
  const got = build === null ? 'a report that names no build' : `that of ${build}`;
  const remedy =
    build === null
      ? 'Run it with --build, or let the target say its build'
      : 'Run acceptance on this build, or correct candidate.build in the plan';
  return {
    problem: 'other-build',
    sentence: `Expected acceptance evidence of build ${candidate.build}, got ${got}. ${remedy}.`,
  };
}

function partialProblem({ partial, case: one, result }: AcceptanceEvidence): EvidenceProblem | null {
  if (!partial && one === null && result !== 'could-not-run') return null;
  const got =
    one !== null
      ? `the case ${one} alone`
      : result === 'could-not-run'
        ? 'one that could not run'
        : 'one that ended before its plan did';
  return { problem: 'partial', sentence: `Expected evidence of a whole run, got ${got}. Run all of it.` };
}

function failedProblem({ metrics }: AcceptanceEvidence): EvidenceProblem | null {
  const failed = metrics.filter(({ result }) => result === 'failed');
  const [first] = failed;
  if (first === undefined) return null;
  return {
    problem: 'failed',
    sentence: `Expected evidence in which nothing failed, got ${failed.map(({ metric }) => metric).join(', ')} failed: ${first.sentence}`,
  };
}

function ageProblem({ startedAtMs }: AcceptanceEvidence, plan: Plan, nowMs: number): EvidenceProblem | null {
  const maxAgeMs = plan.acceptanceMaxAgeMs ?? evidenceMaxAgeMs;
  const ageMs = nowMs - startedAtMs;
  if (ageMs <= maxAgeMs && ageMs >= -clockSkewMs) return null;
  const got =
    ageMs < 0
      ? `a report from ${formatDurationMs(-ageMs)} ahead of this clock`
      : `a report of ${formatDurationMs(ageMs)} ago`;
  return {
    problem: 'stale',
    sentence: `Expected evidence of the last ${formatDurationMs(maxAgeMs)}, got ${got}. Run acceptance again.`,
  };
}

function shortProblem(evidence: AcceptanceEvidence, plan: Plan): EvidenceProblem | null {
  for (const [metric, required] of requiredOf(plan)) {
    const result = resultOf(evidence, metric);
    if (meets(result, required)) continue;
    const row = evidence.metrics.find((each) => each.metric === metric);
    if (result === 'not-measurable' && isWaived(evidence, metric)) continue;
    const why = row === undefined ? '' : `: ${row.sentence}`;
    if (result !== 'not-measurable') {
      const sentence = `Expected ${metric} to be ${required}, got ${result ?? 'not measured'}${why || '.'}`;
      return { problem: 'short', sentence };
    }
    const sentence = `Expected ${metric} to be ${required} or waived by a person, got not-measurable${why} Waive it with --waive ${metric} "reason" when you run acceptance.`;
    return { problem: 'not-measurable', sentence };
  }
  return null;
}

/** What a report must show by metric: gates that are not proven live, and the plan's own demands; the harder of both. */
export function requiredOf(plan: Plan): ReadonlyMap<MetricId, RequiredResult> {
  const required = new Map<MetricId, RequiredResult>();
  for (const { metric, requires, liveAtStage } of plan.gates)
    if (liveAtStage === undefined) required.set(metric, requires);
  for (const [metric, requires] of Object.entries(plan.acceptanceRequires ?? {}) as [
    MetricId,
    RequiredResult,
  ][]) {
    if (required.get(metric) !== 'certified') required.set(metric, requires);
  }
  return required;
}

/** Every row behind the metric that could not be measured has a person's reason. */
function isWaived({ metrics }: AcceptanceEvidence, metric: MetricId): boolean {
  const rows = metrics.filter(
    (row) => row.metric === metric || (metric === 'finalization-latency' && row.metric === 'stop-latency'),
  );
  return rows.every(({ result, waiver }) => result !== 'not-measurable' || waiver !== null);
}
