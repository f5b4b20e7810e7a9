import { minuteMsDefault } from '../analysis/sequential/session-stream.ts';
import { earlyMaturityDefaultMs, type EvidenceSetup } from '../analysis/sequential/rollout-evidence.ts';
import { metricSetups } from '../rollout/judge-setup.ts';
import type { Budget, RolloutState } from '../rollout/state.ts';

/** A minute of the evidence is never less than this on the wall: sums per millisecond would say no more. */
const minuteMsMin = 1_000;

/**
 * What a minute of the evidence takes on a clock that is compressed `timeScale` times. Waiting is compressed (the bake,
 * restarts, the horizon); sessions are not: they take as long as they take, and so does their maturity.
 */
export function evidenceMinuteMs(timeScale: number): number {
  return Math.max(minuteMsMin, minuteMsDefault / timeScale);
}

/** What is fixed of a rollout's evidence. Pure, so that a restart has the same. */
export function evidenceSetup(
  { plan }: Pick<RolloutState, 'plan'>,
  budget: Pick<Budget, 'sinceMs' | 'history'>,
  timeScale: number,
): EvidenceSetup {
  return {
    originMs: budget.sinceMs,
    metrics: metricSetups(plan, budget.history),
    maturityMs: plan.maturityMs,
    earlyMaturityMs: Math.min(plan.maturityMs, earlyMaturityDefaultMs),
    minuteMs: evidenceMinuteMs(timeScale),
  };
}

/** The plan's bakes in minutes of the evidence. */
export function horizonMinutes({ horizonMs }: Pick<Budget, 'horizonMs'>, timeScale: number): number {
  return Math.max(1, Math.round(horizonMs / timeScale / evidenceMinuteMs(timeScale)));
}
