import { cpus, totalmem } from 'node:os';
import { normalizerVersion } from '../analysis/text-normalizer.ts';
import { wordErrorRate } from '../analysis/word-errors.ts';
import type { CaseLog } from './case-log.ts';
import type { TrialCase } from './case-result.ts';
import type { MetricResult, RunTotals } from './metric-results.ts';
import type { RunPlan } from './plan.ts';
import { type AcceptanceReport, notBuilt, titleOf, withDigest } from './report.ts';
import { type Rendered, viewObserver } from './rendered-sample.ts';
import { judge, type RunResult } from './requirement.ts';
import type { AcceptanceOptions } from './acceptance-options.ts';

/** A frame that leaves later than this makes latencies of the sender's, not the target's. */
const senderLateMsMax = 100;

/** Everything a run knows when it is over. */
export interface RunFindings {
  readonly options: AcceptanceOptions;
  readonly plan: RunPlan;
  readonly totals: RunTotals;
  readonly log: CaseLog;
  readonly trials: readonly TrialCase[];
  readonly build: string | null;
  readonly rendered: Rendered;
  readonly startedAt: string;
  readonly tookMs: number;
  /** Why nothing could be tested; null: it could. */
  readonly unreachable: string | null;
  /** Why the run ended before its plan; null: it did not. */
  readonly cutShort: string | null;
}

/** The report of a run. */
export function reportOf(findings: RunFindings): AcceptanceReport {
  const { options, totals, log, trials, unreachable, cutShort } = findings;
  const { target, requirement } = options;
  const lateMs = log.senderLateMs.p99;
  const results = totals
    .results(whyNoFaults(findings))
    .map((metric) => (metric.id === 'duplicate-artifacts' ? rendered(metric, findings.rendered) : metric))
    .map((metric) => (lateMs > senderLateMsMax ? spokenLate(metric, lateMs) : metric));
  const { result: judged, short } = judge(results, requirement);
  const isNothing = unreachable !== null || totals.sessions + totals.trials === 0;
  const result: RunResult = isNothing ? 'could-not-run' : judged;
  return withDigest({
    schema: 'crossfade.acceptance/1',
    result,
    sentence: sentenceOf(result, results, short, unreachable ?? cutShort),
    partial: isNothing || cutShort !== null,
    system: target.system,
    target: {
      name: target.name,
      protocol: options.drivers.stock(target.url).protocol,
      build: findings.build,
    },
    run: runOf(findings),
    metrics: results.map((metric) => ({
      ...metric,
      title: titleOf(metric.id),
      required: requirement.levels[metric.id] ?? requirement.level,
      reached: !short.includes(metric.id),
      waiver: requirement.waivers.find((waiver) => waiver.metric === metric.id)?.reason ?? null,
    })),
    trials: trials.map(({ id, fault, process: name, recovered, lossMs, failure }) => ({
      id,
      fault,
      process: name,
      recovered,
      lossMs: Math.round((lossMs ?? 0) * 10) / 10,
      failure,
    })),
    plots: { ...log.plots, latencies: totals.latencies.map(([value, count]) => [value, count]) },
    faults: faultsOf(trials),
    agreement: totals.agreement.map((row) => ({ ...row })),
    servedBy: [...totals.servedBy],
    notRun: findings.plan.notRun.map((row) => ({ ...row })),
    worst: log.worst,
    rendered: findings.rendered,
    wordErrors: wordErrorsOf(totals),
    notBuilt: [...notBuilt],
  });
}

function wordErrorsOf({ wordErrors }: RunTotals): AcceptanceReport['wordErrors'] {
  const rate = wordErrorRate(wordErrors);
  return rate === null ? null : { rate, ...wordErrors, normalizer: normalizerVersion };
}

/** A page that shows other entries than the view counts makes the count worthless. */
function rendered(metric: MetricResult, page: Rendered): MetricResult {
  const observer = viewObserver(page);
  if (page.disagreeing === 0) return { ...metric, observer };
  const sentence = `In ${page.disagreeing} of ${page.sessions} sessions ${page.browser} showed other entries than the view counted.`;
  return { ...metric, observer, result: 'failed', sentence };
}

/** A late sender makes latencies worse, never better: it can be why one fails, and not why one passes. */
function spokenLate(metric: MetricResult, lateMs: number): MetricResult {
  const isLatency = metric.id === 'finalization-latency' || metric.id === 'stop-latency';
  if (!isLatency || metric.result !== 'failed') return metric;
  const found = metric.sentence.replace(/: failed[.]$/, '');
  const sentence = `${found}: inconclusive, this machine sent its audio up to ${lateMs} ms late (p99) and that makes latencies worse than the target's are; run it again with less beside it.`;
  return { ...metric, result: 'inconclusive', sentence };
}

function runOf({ options, plan, totals, log, startedAt, tookMs }: RunFindings): AcceptanceReport['run'] {
  const { suite, profile, probe, caseId, seed } = options;
  const late = log.senderLateMs;
  return {
    suite,
    profile: profile.name,
    probe: probe.kind,
    case: caseId ?? null,
    seed,
    corpusDigest: plan.corpusDigest,
    startedAt,
    tookMs: Math.round(tookMs),
    machine: {
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      cpus: cpus().length,
      memoryBytes: totalmem(),
    },
    sessions: totals.sessions,
    failedSessions: totals.failedSessions,
    audioMs: Math.round(totals.offeredMs),
    trials: totals.trials,
    senderLateMs: late,
    senderWasLate: late.p99 > senderLateMsMax,
  };
}

/** Trials by class, crashes first. */
function faultsOf(trials: readonly TrialCase[]): AcceptanceReport['faults'] {
  const found = new Map<string, AcceptanceReport['faults'][number]>();
  for (const { scenario, isCrash, recovered } of trials) {
    const row = found.get(scenario) ?? { fault: scenario, crash: isCrash, trials: 0, recovered: 0 };
    row.trials += 1;
    if (recovered) row.recovered += 1;
    found.set(scenario, row);
  }
  return [...found.values()].sort((a, b) => Number(b.crash) - Number(a.crash));
}

function whyNoFaults({ options, unreachable }: RunFindings): string {
  if (unreachable !== null) return 'the run ended at its first contact';
  return options.target.processes.length === 0
    ? 'the target belongs to somebody else and cannot be killed; --spawn or --pipeline starts one that can'
    : 'no fault was made in this run';
}

function sentenceOf(
  result: RunResult,
  metrics: readonly { readonly id: string; readonly result: string }[],
  short: readonly string[],
  cutShort: string | null,
): string {
  const failed = metrics.filter((metric) => metric.result === 'failed').map(({ id }) => id);
  const end = cutShort === null ? '' : ` The run ended early: ${cutShort.replace(/[.]$/, '')}.`;
  if (result === 'could-not-run')
    return `Nothing could be tested: ${(cutShort ?? 'no session ran').replace(/[.]$/, '')}.`;
  if (result === 'failed') return `Failed: ${failed.join(', ')}.${end}`;
  if (result === 'evidence-missing')
    return `Nothing failed, but evidence is missing: ${short.join(', ')}.${end}`;
  return `Passed: every metric reaches what is required.${end}`;
}
