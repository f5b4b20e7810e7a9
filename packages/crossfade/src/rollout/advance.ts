import { formatDurationMs } from '@crossfade/sdk/core/units';
import { isBakeDone, wantedBakeMs } from './bake-clock.ts';
import { isProvenLive, settledBy } from './acceptance.ts';
import type { Command } from './commands.ts';
import { refusal, type Decision, type DecisionDraft } from './decision.ts';
import { freezeAt } from './freeze.ts';
import type { Stage } from './plan.ts';
import type { RolloutState } from './state.ts';
import { ruleOf, withoutMeasurement } from './verdict.ts';

type Advance = Extract<Command, { readonly type: 'advance' }>;
type Approve = Extract<Command, { readonly type: 'approve' }>;

/** The stage that the rollout is in; undefined before the first. */
export function currentStage(state: RolloutState): Stage | undefined {
  return state.stageIndex === null ? undefined : state.plan.stages[state.stageIndex];
}

/** The stage after this one; undefined in the last. */
export function nextStage(state: RolloutState): Stage | undefined {
  return state.plan.stages[(state.stageIndex ?? -1) + 1];
}

/**
 * The advance rule: why the rollout may not leave its stage by itself, in one sentence, or null. Nothing shown bad,
 * the planned bake done, the gates that must be live by now proven; and to complete, every gate settled.
 */
export function whyNotAdvance(state: RolloutState, nowMs: number): string | null {
  return (
    whyNotJudged(state) ??
    whyNotBaked(state) ??
    whyNotProven(state) ??
    whyNotFree(state, nowMs) ??
    whyNotApproved(state)
  );
}

function whyNotJudged(state: RolloutState): string | null {
  if (state.phase !== 'running') return `It is ${state.phase}.`;
  if (state.disabled) return 'It is disabled.';
  if (state.judged === null) return 'Nothing was judged in this epoch yet.';
  const { verdict } = state.judged.judgement;
  return ruleOf(state.judged.judgement).promotes
    ? null
    : `The verdict is ${verdict.verdict}: ${verdict.sentence}`;
}

function whyNotBaked(state: RolloutState): string | null {
  if (isBakeDone(state)) return null;
  const wantedMs = wantedBakeMs(state);
  const bakedMs = state.bake?.healthyMs ?? 0;
  const stopped = state.bake?.stopped ?? null;
  const why = stopped === null ? '' : ` The clock stands still: ${stopped.sentence}`;
  return `Baked ${formatDurationMs(bakedMs)} of ${formatDurationMs(wantedMs)}.${why}`;
}

function whyNotProven(state: RolloutState): string | null {
  const { gates, goals, stages } = state.plan;
  const here = state.stageIndex ?? 0;
  const live = gates.find(
    (gate) =>
      gate.liveAtStage !== undefined &&
      stages.findIndex(({ name }) => name === gate.liveAtStage) === here &&
      !isProvenLive(state, gate),
  );
  if (live !== undefined) return `${live.metric} is not proven ${live.requires} by live evidence yet.`;
  if (nextStage(state) !== undefined) return null;
  const open = gates.find((gate) => settledBy(state, gate) === null);
  if (open !== undefined)
    return `${open.metric} is neither proven nor waived, and the last stage asks for every gate.`;
  const goal = goals.find(({ metric, mustImprove }) => mustImprove && !isMet(state, metric));
  return goal === undefined ? null : `${goal.metric} must improve, and is not shown better yet.`;
}

function isMet(state: RolloutState, metric: string): boolean {
  return state.judged?.judgement.metGoals?.some((met) => met === metric) ?? false;
}

function whyNotFree(state: RolloutState, nowMs: number): string | null {
  const freeze = freezeAt(state.plan.freeze, nowMs);
  return freeze === null ? null : `The freeze window ${freeze.name} is open.`;
}

function whyNotApproved(state: RolloutState): string | null {
  const next = nextStage(state);
  if (next === undefined || !next.approval || state.approvals.includes(next.name)) return null;
  return `Stage ${next.name} needs the approval of a person.`;
}

/** Moves on by itself when the advance rule allows it; asks for an approval once when only that is missing. */
export function advanceIfDue(draft: DecisionDraft): string | null {
  const blocked = whyNotAdvance(draft.state, draft.nowMs);
  if (blocked === null)
    return moveOn(draft, false, false, `Stage ${currentStage(draft.state)?.name} is baked and passed.`);
  const next = nextStage(draft.state);
  const waitsForApproval = blocked === whyNotApproved(draft.state);
  if (next !== undefined && waitsForApproval && draft.state.approvalWanted !== next.name) {
    draft.emit({ type: 'approval-wanted', stage: next.name }, blocked);
  }
  return blocked;
}

function moveOn(draft: DecisionDraft, byHand: boolean, withoutPass: boolean, reason: string): string {
  const { state } = draft;
  const judgement = withoutMeasurement(state.judged?.judgement ?? null);
  const next = nextStage(state);
  if (next === undefined) {
    draft.emit({ type: 'completed', byHand, withoutPass, judgement }, reason);
    return `${reason} The rollout is completed.`;
  }
  const stageIndex = (state.stageIndex ?? -1) + 1;
  draft.emit({ type: 'stage-entered', stageIndex, byHand, withoutPass, judgement }, reason);
  return `${reason} Stage ${next.name} begins.`;
}

/** By hand: skips the rest of the bake and stands for the approval, never for the verdict. */
export function decideAdvance(draft: DecisionDraft, command: Advance): Decision {
  const { state } = draft;
  const withoutPass = command.withoutPass ?? false;
  const blocked = whyNotByHand(state, withoutPass, draft.nowMs);
  if (blocked !== null) throw refusal(state, command, blocked);
  const hasPass = whyNotJudged(state) === null && whyNotProven(state) === null;
  return draft.done(moveOn(draft, true, !hasPass, command.reason));
}

function whyNotByHand(state: RolloutState, withoutPass: boolean, nowMs: number): string | null {
  if (state.disabled) return 'Expected a rollout with a share, got a disabled one. Enable it first.';
  const verdict = state.judged?.judgement.verdict;
  if (verdict?.verdict === 'invalid' || verdict?.verdict === 'fail') {
    return `Expected no verdict against it, got ${verdict.verdict}: ${verdict.sentence}`;
  }
  const frozen = whyNotFree(state, nowMs);
  if (frozen !== null) return `${frozen} Only a rollback passes it.`;
  if (withoutPass) return null;
  const missing = whyNotJudged(state) ?? whyNotProven(state);
  return missing === null
    ? null
    : `Expected a pass in this epoch. ${missing} Wait, or advance without a pass and say why.`;
}

/** Lets the next stage begin when it is due. */
export function decideApprove(draft: DecisionDraft, command: Approve): Decision {
  const { state } = draft;
  const next = nextStage(state);
  if (next === undefined || !next.approval) {
    throw refusal(state, command, `Expected a next stage that needs approval, got ${next?.name ?? 'none'}.`);
  }
  if (command.stage !== undefined && command.stage !== next.name) {
    throw refusal(
      state,
      command,
      `Expected an approval of the next stage, ${next.name}, got one of ${command.stage}.`,
    );
  }
  if (state.approvals.includes(next.name)) return draft.done(`Stage ${next.name} is approved already.`);
  draft.emit({ type: 'approved', stage: next.name });
  return draft.done(`Stage ${next.name} begins when stage ${currentStage(state)?.name} is baked and passed.`);
}
