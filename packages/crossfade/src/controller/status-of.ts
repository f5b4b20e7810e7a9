import { requiredOf } from '../rollout/evidence-problem.ts';
import type { Plan } from '../rollout/plan.ts';
import { settledBy } from '../rollout/acceptance.ts';
import { receiptOf } from '../rollout/receipt.ts';
import { isExposed, type RolloutState } from '../rollout/state.ts';
import type { ReceiptStatus, RolloutStatus, StageStatus } from './rollout-status.ts';

/** A state as users read it. */
export function statusOf(state: RolloutState, nowMs: number): RolloutStatus {
  const { plan } = state;
  return {
    name: state.name,
    flag: plan.flag,
    state: state.phase,
    disabled: state.disabled,
    control: plan.control.variant,
    candidate: plan.candidate.variant,
    candidateBuild: plan.candidate.build,
    stage: stageOf(state),
    stages: plan.stages.map(({ name }) => name),
    epoch: state.epoch,
    gates: plan.gates.map((gate) => ({
      metric: gate.metric,
      requires: gate.requires,
      liveAtStage: gate.liveAtStage ?? null,
      settledBy: settledBy(state, gate),
    })),
    holding: holdingOf(state),
    acceptance: state.acceptance,
    verdict: state.judged?.judgement.verdict ?? null,
    receipt: receiptStatus(state, nowMs),
    revision: state.revision,
    createdAtMs: state.appliedAtMs,
    changedAtMs: state.changedAtMs,
  };
}

function stageOf(state: RolloutState): StageStatus | null {
  const { stageIndex, bake } = state;
  const stage = stageIndex === null ? undefined : state.plan.stages[stageIndex];
  if (stageIndex === null || stage === undefined) return null;
  return {
    index: stageIndex,
    name: stage.name,
    shareBuckets: isExposed(state) ? stage.shareBuckets : 0,
    bakeMs: stage.bakeMs,
    bakedMs: bake?.healthyMs ?? 0,
  };
}

/** Why it does not move, in one sentence; null while it does, and when it is over. */
function holdingOf(state: RolloutState): string | null {
  if (state.phase === 'completed' || state.phase === 'rolled-back') return null;
  if (state.phase === 'draft') return 'It was not started.';
  if (state.phase === 'awaiting-acceptance') return missingText(state.plan);
  if (state.phase === 'rolling-back') return 'Its open sessions are leaving.';
  if (state.phase === 'paused') return 'It is paused.';
  if (state.disabled) return 'It is disabled.';
  return state.bake?.stopped?.sentence ?? null;
}

/** No evidence is on record yet: what is waited for. */
function missingText(plan: Plan): string {
  const required = [...requiredOf(plan)];
  const of = (level: string): string =>
    required
      .filter(([, each]) => each === level)
      .map(([id]) => id)
      .join(', ');
  const levels = ['certified', 'within-limits'].filter((level) => of(level) !== '');
  const what = levels.map((level) => `${of(level)} ${level}`).join('; ');
  const waiver = plan.acceptance === 'waiver' ? ', or a waiver' : '';
  return `It waits for acceptance evidence of build ${plan.candidate.build}${what === '' ? '' : ` (${what})`}${waiver}. None was handed over.`;
}

function receiptStatus(state: RolloutState, nowMs: number): ReceiptStatus | null {
  const receipt = receiptOf(state, nowMs);
  if (receipt === null) return null;
  const { drainId, unacknowledged, unreported, sessions, samplesLost, policy, admissionStoppedBy } = receipt;
  return {
    drainId,
    policy,
    reason: receipt.why,
    actor: receipt.actor.name,
    evidence: receipt.evidence?.verdict ?? null,
    rolledBackAtMs: receipt.startedAtMs,
    admissionStoppedAtMs: receipt.admissionStoppedAtMs,
    admissionStoppedBy,
    unacknowledged,
    unreported,
    sessions,
    running: receipt.running,
    samplesLost,
    duplicateEntries: receipt.duplicateEntries,
    pauses: receipt.pauses,
    completedAtMs: receipt.finishedAtMs,
  };
}
