import { measure, type Question } from '../analysis/sequential/measurement.ts';
import { judgeMeasured, type SequentialVerdict } from '../analysis/sequential/sequential-judge.ts';
import { betterMetrics, sourceErrorVerdict, verdictOf } from '../analysis/sequential/verdict-of.ts';
import { isBakeDone } from '../rollout/bake-clock.ts';
import { exposureLeaseMs } from '../rollout/lease.ts';
import type { Budget, RolloutState } from '../rollout/state.ts';
import type { Judgement } from '../rollout/verdict.ts';
import { horizonMinutes } from './evidence-setup.ts';
import type { Reading } from './reading.ts';

/** No session ended for this long: what is measured is not of now. Sessions of an hour are rare, silence is not. */
const staleAfterMs = 900_000;

/** No gateway was heard for this long: their leases are over. Shorter is a restart of either side, and no news. */
const unheardAfterMs = exposureLeaseMs;

/** What the judge said, as the rollout keeps it and as the comparison shows it. */
export interface Judged {
  readonly judgement: Judgement;
  readonly found: SequentialVerdict;
}

export interface JudgeClock {
  readonly nowMs: number;
  readonly timeScale: number;
}

/** What the judge says of a rollout now. The judgement holds all that it is a function of, beside the plan. */
export function judgeEpoch(state: RolloutState, budget: Budget, reading: Reading, clock: JudgeClock): Judged {
  const { evidence } = reading;
  const measurement = measure(evidence, questionOf(state, budget, reading, clock));
  const found = judgeMeasured(evidence.setup, measurement);
  const judgement = { ...judgementOf(found, state.epoch), measurement };
  return { judgement: measurement.question.isLook ? { ...judgement, atLook: true } : judgement, found };
}

/** A verdict of the judge as rollouts keep it. */
export function judgementOf(found: SequentialVerdict, epoch: number): Judgement {
  const metGoals = betterMetrics(found);
  return {
    verdict: verdictOf(found),
    epoch,
    metGoals,
    ...(found.broken === null ? {} : { broken: found.broken }),
    ...(found.sharedIncident ? { sharedIncident: true } : {}),
    ...(found.alarm === null ? {} : { alarm: found.alarm }),
    // Nobody who is with it gets anything: they are moved at once.
    ...(found.guard === 'dead-candidate' ? { catastrophic: true } : {}),
  };
}

function questionOf(
  state: RolloutState,
  budget: Budget,
  reading: Reading,
  { nowMs: lookMs, timeScale }: JudgeClock,
): Question {
  // While no gateway is heard time stands: neither silence nor anything else may be held against a candidate by it.
  const nowMs = Math.max(budget.sinceMs, reading.unheardSinceMs ?? lookMs);
  const unheardMs = lookMs - nowMs;
  const { plan, epoch, stageIndex } = state;
  const share = budget.epochs.find((info) => info.epoch === epoch)?.share ?? null;
  const stage = stageIndex === null ? undefined : plan.stages[stageIndex]?.name;
  // Where none ever ended, silence began with the epoch.
  const silentMs = lookMs - (reading.newestEndMs ?? state.bake?.sinceMs ?? budget.sinceMs);
  return {
    nowMs,
    epoch,
    alpha: plan.alpha,
    horizonMinutes: horizonMinutes(budget, timeScale),
    coins: budget.coins,
    hasRandomControl: share !== null,
    plannedSessions: plan.guardrails.minSessions,
    isLook: isBakeDone(state) && !state.disabled && reading.isComplete,
    gates: plan.gates
      .filter(({ liveAtStage, requires }) => liveAtStage === stage && requires === 'certified')
      .map(({ metric }) => metric),
    expectedGapMs: reading.expectedGapMs(epoch, share, nowMs),
    build: plan.candidate.build,
    ...(silentMs > staleAfterMs ? { silentMs } : {}),
    ...(unheardMs > unheardAfterMs ? { unheardMs } : {}),
  };
}

/** The judgement when the records could not be read. */
export function unreadable(epoch: number, problem: string): Judgement {
  return { verdict: sourceErrorVerdict(problem), epoch };
}
