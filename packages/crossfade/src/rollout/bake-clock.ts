import type { Command } from './commands.ts';
import type { RolloutEvent } from './events.ts';
import { freezeAt } from './freeze.ts';
import type { BakeStop, RolloutState } from './state.ts';
import { ruleOf } from './verdict.ts';

type Tick = Extract<Command, { readonly type: 'tick' }>;

/** Healthy time that the stage asks for: its bake, and what the bake was extended by. */
export function wantedBakeMs({ plan, stageIndex, bake }: RolloutState): number {
  const planned = stageIndex === null ? 0 : (plan.stages[stageIndex]?.bakeMs ?? 0);
  return planned + (bake?.extensionMs ?? 0);
}

/** Whether the bake is done: time for the look that was registered with it. */
export function isBakeDone(state: RolloutState): boolean {
  return state.bake !== null && state.bake.healthyMs >= wantedBakeMs(state);
}

/**
 * What one tick adds to the bake clock of a running rollout: healthy, observed time only, or the reason why the
 * clock stands still. Never more than has passed since the last tick, so a tick that is repeated after a crash
 * counts once.
 */
export function bakeOf(
  state: RolloutState,
  tick: Tick,
  nowMs: number,
): { readonly healthyMs: number; readonly stopped: BakeStop | null } {
  const stopped = bakeStop(state, tick, nowMs);
  if (stopped !== null || state.bake === null) return { healthyMs: 0, stopped };
  const passedMs = Math.max(0, nowMs - state.bake.tickedAtMs) * (tick.timeScale ?? 1);
  const claimedMs = Number.isFinite(tick.healthyMs) ? Math.max(0, tick.healthyMs) : 0;
  return { healthyMs: Math.min(claimedMs, passedMs), stopped: null };
}

function bakeStop(state: RolloutState, tick: Tick, nowMs: number): BakeStop | null {
  if (tick.stop !== undefined) return tick.stop;
  if (state.disabled) return { reason: 'disabled', sentence: 'The rollout is disabled.' };
  const freeze = freezeAt(state.plan.freeze, nowMs);
  if (freeze !== null) return { reason: 'freeze', sentence: `The freeze window ${freeze.name} is open.` };
  if (state.judged === null) {
    return { reason: 'not-judged', sentence: 'Nothing was judged in this epoch yet.' };
  }
  const { verdict, sharedIncident } = state.judged.judgement;
  if (ruleOf(state.judged.judgement).bake === 'stops') {
    const reason = sharedIncident === true ? 'shared-incident' : (verdict.verdict as BakeStop['reason']);
    return { reason, sentence: verdict.sentence };
  }
  return tooFewSessions(state, tick);
}

function tooFewSessions(state: RolloutState, tick: Tick): BakeStop | null {
  const wanted = state.plan.stages[state.stageIndex ?? 0]?.minSessionsPerHour ?? 0;
  if (wanted === 0) return null;
  const came = tick.sessionsPerHour;
  if (came !== null && came >= wanted) return null;
  const got = came === null ? 'an unknown number' : String(Math.floor(came));
  return {
    reason: 'too-few-sessions',
    sentence: `The stage asks for ${wanted} sessions an hour, got ${got}.`,
  };
}

/** Whether two stops say the same: the sentence may carry numbers that change all the time. */
export function isSameStop(a: BakeStop | null, b: BakeStop | null): boolean {
  return a?.reason === b?.reason;
}

/**
 * Since when the judge has said the same, as far as limits on it go: `no-data` and `source-error` are one silence.
 */
export function silenceSince(
  state: RolloutState,
  event: Extract<RolloutEvent, { readonly type: 'judged' }>,
): number {
  if (state.judged === null) return event.atMs;
  const before = state.judged.judgement;
  const isSame =
    ruleOf(before) === ruleOf(event.judgement) ||
    (ruleOf(before).pausesAfter === 'no-data-limit' &&
      ruleOf(event.judgement).pausesAfter === 'no-data-limit');
  return isSame ? state.judged.sinceMs : event.atMs;
}
