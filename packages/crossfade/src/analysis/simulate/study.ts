/** Many simulated canaries: how often a healthy one is rolled back, how fast a bad one is, and what can be proven. */
import { shareUpperBound } from '../bounds.ts';
import { candidateArm, cellAt, controlArm, momentsAt } from '../sequential/cell-layout.ts';
import type { EpochSums, MetricSetup } from '../sequential/epoch-sums.ts';
import { differenceUpperBoundAtLook, ratioUpperBound } from '../sequential/fixed-look.ts';
import type { SequentialMetricId } from '../sequential/sequential-metrics.ts';
import { canaryMinutes, runCanary, simulatedSetups } from './canary-run.ts';
import { type FixedThresholdTool, FixedThresholdWatcher, fixedThresholdTools } from './fixed-thresholds.ts';
import type { Scenario } from './scenario.ts';

export interface StudyOptions {
  readonly runs: number;
  readonly seed: number;
  readonly alpha: number;
  /** Default 48 hours. */
  readonly minutes?: number;
}

/** Share of healthy canaries that were rolled back. */
export interface FalseRollback {
  readonly probability: number;
  /** 95 % upper bound of it (Clopper–Pearson). */
  readonly upper95: number;
  readonly runs: number;
}

export interface Detection {
  readonly regression: string;
  /** Share of runs that were rolled back at all. */
  readonly caught: number;
  /** From the onset; null when fewer than half (a twentieth) were caught. */
  readonly medianMinutes: number | null;
  readonly p95Minutes: number | null;
  /** Candidate sessions since the onset, in the median. */
  readonly medianCandidateSessions: number | null;
  /** How often each metric (or guard) was named. */
  readonly culprits: Readonly<Record<string, number>>;
}

/** Each run of a study gets a seed of its own; far apart, so that studies with near seeds share none. */
function seedOf(seed: number, run: number): number {
  return Math.imul(seed, 7_919) + run * 104_729;
}

/** How often healthy canaries of a scenario are rolled back, asked every minute. */
export function studyFalseRollback(scenario: Scenario, options: StudyOptions): FalseRollback {
  const setups = simulatedSetups(scenario.service);
  let rolledBack = 0;
  for (let run = 0; run < options.runs; run++) {
    const result = runCanary({ scenario, setups, seed: seedOf(options.seed, run), ...pick(options) });
    if (result.rolledBackAt !== null) rolledBack += 1;
  }
  return rateOf(rolledBack, options.runs);
}

function rateOf(events: number, runs: number): FalseRollback {
  return { probability: runs === 0 ? 0 : events / runs, upper95: shareUpperBound(events, runs), runs };
}

function pick({ alpha, minutes }: StudyOptions): { readonly alpha: number; readonly minutes: number } {
  return { alpha, minutes: minutes ?? canaryMinutes };
}

/** How fast a regression is rolled back. A rollback before its onset is not a detection and is left out. */
export function studyDetection(scenario: Scenario, options: StudyOptions): Detection {
  const setups = simulatedSetups(scenario.service);
  const found: { readonly minutes: number; readonly sessions: number }[] = [];
  const culprits: Record<string, number> = {};
  let runs = 0;
  for (let run = 0; run < options.runs; run++) {
    const result = runCanary({ scenario, setups, seed: seedOf(options.seed, run), ...pick(options) });
    const { rolledBackAt, candidateSessions } = result;
    if (rolledBackAt !== null && rolledBackAt < scenario.onsetMinute) continue;
    runs += 1;
    if (rolledBackAt === null) continue;
    found.push({ minutes: rolledBackAt + 1 - scenario.onsetMinute, sessions: candidateSessions });
    const name = result.culprit ?? result.guard ?? 'none';
    culprits[name] = (culprits[name] ?? 0) + 1;
  }
  const quantile = (values: readonly number[], share: number): number | null =>
    values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(share * runs) - 1)] ?? null;
  const minutes = found.map((run) => run.minutes);
  return {
    regression: scenario.name,
    caught: runs === 0 ? 0 : found.length / runs,
    medianMinutes: quantile(minutes, 0.5),
    p95Minutes: quantile(minutes, 0.95),
    medianCandidateSessions: quantile(
      found.map((run) => run.sessions),
      0.5,
    ),
    culprits,
  };
}

/** What a tool with fixed thresholds makes of the same canaries: the share it rolls back. */
export function studyFixedThresholds(
  scenario: Scenario,
  options: StudyOptions,
): readonly (FalseRollback & { readonly tool: FixedThresholdTool })[] {
  const setups = simulatedSetups(scenario.service);
  const rolledBack = fixedThresholdTools.map(() => 0);
  for (let run = 0; run < options.runs; run++) {
    let watchers: readonly FixedThresholdWatcher[] | null = null;
    runCanary({
      scenario,
      setups,
      seed: seedOf(options.seed, run),
      ...pick(options),
      judged: false,
      onMinute: (minute, sums) => {
        watchers ??= fixedThresholdTools.map((tool) => new FixedThresholdWatcher(tool, setups, sums.width));
        for (const watcher of watchers) watcher.look(minute, sums);
        return watchers.every((watcher) => watcher.rolledBackAt !== null);
      },
    });
    (watchers ?? []).forEach((watcher: FixedThresholdWatcher, i) => {
      if (watcher.rolledBackAt !== null) rolledBack[i]! += 1;
    });
  }
  return fixedThresholdTools.map((tool, i) => ({ tool, ...rateOf(rolledBack[i]!, options.runs) }));
}

/** How often each gate is proven at the end of the bake. */
export interface Provable {
  readonly metric: SequentialMetricId;
  readonly proven: number;
  readonly runs: number;
}

/** How often each gate that live evidence can prove is proven at the end of a canary. */
export function studyProof(scenario: Scenario, options: StudyOptions): readonly Provable[] {
  const setups = simulatedSetups(scenario.service);
  const proven = setups.map(() => 0);
  for (let run = 0; run < options.runs; run++) {
    const { epochs } = runCanary({
      scenario,
      setups,
      seed: seedOf(options.seed, run),
      ...pick(options),
      judged: false,
    });
    setups.forEach((setup, i) => {
      if (
        isProven(
          setup,
          i,
          epochs.findLast(({ info }) => info.share !== null),
        )
      )
        proven[i]! += 1;
    });
  }
  return setups.map(({ metric }, i) => ({
    metric: metric.id,
    proven: proven[i]! / options.runs,
    runs: options.runs,
  }));
}

function isProven(
  { metric: spec, baseline }: MetricSetup,
  metric: number,
  sums: EpochSums | undefined,
): boolean {
  if (sums === undefined || spec.proof === 'acceptance') return false;
  const cells = sums.since(0, new Float64Array(sums.width));
  if (spec.proof === 'below-limit' && spec.limit !== null) {
    const effect = sums.designEffect(metric, candidateArm, 'limit');
    const bound = ratioUpperBound(
      momentsAt(cells, cellAt(metric, candidateArm), 'limit', effect),
      baseline.damage,
    );
    return bound !== null && bound < spec.limit;
  }
  const [candidate, control] = [candidateArm, controlArm].map((arm) =>
    momentsAt(cells, cellAt(metric, arm), 'compared', sums.designEffect(metric, arm, 'compared')),
  );
  const bound = differenceUpperBoundAtLook(
    [{ candidate: candidate!, control: control! }],
    spec.promotionMargin,
  );
  return bound !== null && bound < 0;
}
