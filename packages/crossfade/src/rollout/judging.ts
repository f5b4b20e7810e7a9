import { formatDurationMs } from '@crossfade/sdk/core/units';
import { advanceIfDue, currentStage } from './advance.ts';
import { bakeOf, isSameStop, wantedBakeMs } from './bake-clock.ts';
import type { Command } from './commands.ts';
import type { Decision, DecisionDraft } from './decision.ts';
import { isSameJson } from './plan-diff.ts';
import { startRollback } from './rollback.ts';
import type { RolloutState } from './state.ts';
import { ruleOf, type Judgement, withoutMeasurement } from './verdict.ts';

type VerdictCommand = Extract<Command, { readonly type: 'verdict' }>;
type Tick = Extract<Command, { readonly type: 'tick' }>;

/**
 * What a verdict does. Shown bad rolls back, whichever epoch it speaks of and whatever the phase; anything else
 * counts for the epoch that runs. Only what is new is recorded: a judge may say the same every second.
 */
export function decideVerdict(draft: DecisionDraft, command: VerdictCommand): Decision {
  const { judgement } = command;
  const { state } = draft;
  const { sentence } = judgement.verdict;
  if (ruleOf(judgement).exposure === 'rollback') {
    draft.emit({ type: 'judged', judgement }, sentence);
    const policy = judgement.catastrophic === true ? 'cut' : state.plan.drain;
    startRollback(draft, {
      policy,
      judgement: withoutMeasurement(judgement),
      witnesses: command,
      reason: sentence,
    });
    return draft.done(`Rolled back: ${sentence}`);
  }
  if (raiseAlarm(draft, judgement)) return draft.done(`Alarm: ${judgement.alarm?.sentence}`);
  if (state.phase === 'completed')
    return draft.done('The rollout is completed; only a fail would change it.');
  if (judgement.epoch !== state.epoch) {
    return draft.done(
      `The verdict speaks of epoch ${judgement.epoch}, the rollout is in epoch ${state.epoch}.`,
    );
  }
  if (isNews(state, judgement)) draft.emit({ type: 'judged', judgement }, sentence);
  if (state.phase === 'paused')
    return draft.done(`Paused; the judge says ${judgement.verdict.verdict}: ${sentence}`);
  if (pauseIfTooLong(draft, judgement))
    return draft.done('Paused by itself; a person may resume or roll back.');
  if (judgement.sharedIncident === true) return draft.done(afterIncident(draft, judgement));
  if (judgement.atLook === true && verdictOf(judgement) === 'inconclusive') {
    return draft.done(afterPoorLook(draft, judgement));
  }
  if (ruleOf(judgement).promotes) return draft.done(advanceIfDue(draft) ?? sentence);
  return draft.done(`The judge says ${judgement.verdict.verdict}: ${sentence}`);
}

/** Another verdict, a gate more or less proven, another goal: the numbers alone are not news. */
function isNews(state: RolloutState, judgement: Judgement): boolean {
  return state.judged === null || !isSameJson(gistOf(state.judged.judgement), gistOf(judgement));
}

function gistOf({ verdict, broken, metGoals, sharedIncident, atLook }: Judgement): unknown {
  const results = verdict.evidence.map(({ metric, result }) => [metric, result]);
  const flags = { broken: broken ?? null, shared: sharedIncident === true, atLook: atLook === true };
  return { verdict: verdict.verdict, ...flags, metGoals: metGoals ?? [], results };
}

function verdictOf({ verdict }: Judgement): string {
  return verdict.verdict;
}

/** After an alarm more harm of the same kind pages again after this time, or sooner when it doubled. */
const alarmAgainMs = 900_000;

/**
 * Users who did not get all are an alarm of their own, whatever the verdict. It pauses a rollout that runs, with any
 * session more; one that stands already only says it again when it grew much, or a while later.
 */
function raiseAlarm(draft: DecisionDraft, { alarm }: Judgement): boolean {
  const { state, nowMs } = draft;
  const { budget, phase } = state;
  if (alarm === undefined || budget === null || alarm.harmed <= budget.alarmedAt) return false;
  const isSoon = nowMs - (budget.alarmedAtMs ?? -Infinity) < alarmAgainMs;
  if (phase !== 'running' && isSoon && alarm.harmed < 2 * budget.alarmedAt) return false;
  draft.emit({ type: 'alarmed', harmed: alarm.harmed }, alarm.sentence);
  return true;
}

/** An incident of both arms: held while it lasts, then what it left is put aside with its epoch. */
function afterIncident(draft: DecisionDraft, judgement: Judgement): string {
  const { state, nowMs } = draft;
  const heldMs = nowMs - (state.judged?.sinceMs ?? nowMs);
  const { incidentHoldMs } = state.plan;
  const { sentence } = judgement.verdict;
  if (heldMs < incidentHoldMs) return `Held: ${sentence}`;
  const why = `Held for ${formatDurationMs(heldMs)}: evidence and bake begin anew in another epoch.`;
  draft.emit({ type: 'epoch-begun' }, why);
  return why;
}

/** The look at the end of the bake did not prove enough: once it bakes as long again, then a person is asked. */
function afterPoorLook(draft: DecisionDraft, { verdict }: Judgement): string {
  const { state } = draft;
  const stage = currentStage(state);
  if (state.bake === null || stage === undefined) return verdict.sentence;
  const baked = formatDurationMs(wantedBakeMs(state));
  if (state.bake.extensionMs === 0) {
    const why = `Baked ${baked} and not proven: ${verdict.sentence} It bakes ${formatDurationMs(stage.bakeMs)} more, once.`;
    draft.emit({ type: 'bake-extended', byMs: stage.bakeMs }, why);
    return why;
  }
  const why = `Baked ${baked}, extension included, and not proven: ${verdict.sentence} A person is asked.`;
  draft.emit({ type: 'paused' }, why);
  return why;
}

function pauseIfTooLong(draft: DecisionDraft, judgement: Judgement): boolean {
  const { state, nowMs } = draft;
  const { pausesAfter } = ruleOf(judgement);
  if (pausesAfter === null || state.disabled || state.bake === null || state.judged === null) return false;
  const isBake = pausesAfter === 'longest-bake';
  const sinceMs = isBake ? state.bake.sinceMs : state.judged.sinceMs;
  const limitMs = isBake ? (currentStage(state)?.longestBakeMs ?? Infinity) : state.plan.noDataLimitMs;
  if (nowMs - sinceMs < limitMs) return false;
  const { verdict, sentence } = judgement.verdict;
  const lastedMs = formatDurationMs(nowMs - sinceMs);
  draft.emit(
    { type: 'paused' },
    `${verdict} for ${lastedMs}, limit ${formatDurationMs(limitMs)}: ${sentence}`,
  );
  return true;
}

/** Moves the bake clock, or stops it with a reason. Never promotes: that takes a fresh verdict. */
export function decideTick(draft: DecisionDraft, command: Tick): Decision {
  const { state, nowMs } = draft;
  const { healthyMs, stopped } = bakeOf(state, command, nowMs);
  if (healthyMs > 0 || !isSameStop(stopped, state.bake?.stopped ?? null)) {
    draft.emit({ type: 'baked', healthyMs, stopped }, stopped?.sentence ?? command.reason);
  }
  const bakedMs = formatDurationMs(draft.state.bake?.healthyMs ?? 0);
  const wantedMs = formatDurationMs(wantedBakeMs(draft.state));
  return draft.done(`Baked ${bakedMs} of ${wantedMs}.${stopped === null ? '' : ` ${stopped.sentence}`}`);
}
