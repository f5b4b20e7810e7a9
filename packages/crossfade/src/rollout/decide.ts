import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { decideAccept, decideWaive } from './acceptance.ts';
import { decideAdvance, decideApprove } from './advance.ts';
import type { Command, CommandType } from './commands.ts';
import { DecisionDraft, refusal, type Decision } from './decision.ts';
import { decideTick, decideVerdict } from './judging.ts';
import { diffPlans } from './plan-diff.ts';
import { decideRevise } from './revise.ts';
import { decideAcknowledge, decideDrainReport, decideFinish, decideRollback } from './rollback.ts';
import { takes, type Take } from './state-table.ts';
import { isExposed, type RolloutState } from './state.ts';

export type { Decision } from './decision.ts';

/** Only a person may do these; the automatic actor's one destructive verb is rollback. */
const personOnly: ReadonlySet<CommandType> = new Set([
  'waive',
  'advance',
  'approve',
  'resume',
  'disable',
  'enable',
]);

/** A reason is part of the audit; a longer one is a document. */
const reasonMaxChars = 10_000;

/**
 * Decides purely what a command does to a rollout; `state` is null before the first event. A repeated command
 * whose effect is there already answers no events. Throws COMMAND_REFUSED with a sentence when this phase does
 * not take the command (`state-table.ts`), ROLLOUT_UNKNOWN when there is no rollout.
 */
export function decide(state: RolloutState | null, command: Command, nowMs: number): Decision {
  if (state === null) return decideFirst(command, nowMs);
  const draft = new DecisionDraft(state, command, nowMs);
  const take: Take = takes(state.phase, command.type);
  if (take.does === 'nothing') return draft.done(take.sentence);
  if (take.does === 'refuses') throw refusal(state, command, take.sentence);
  checkActor(state, command);
  return handle(draft, command);
}

function decideFirst(command: Command, nowMs: number): Decision {
  if (command.type !== 'apply') {
    throw new CrossfadeError(
      'ROLLOUT_UNKNOWN',
      `Expected a rollout to ${command.type}, got none. Apply a plan first.`,
    );
  }
  const draft = new DecisionDraft(null, command, nowMs);
  draft.emit({ type: 'applied', plan: command.plan });
  return draft.done(
    `The plan ${command.plan.name} is applied; nobody gets ${command.plan.candidate.upstream} yet.`,
  );
}

function checkActor(state: RolloutState, command: Command): void {
  // Abort wins: nothing about who or why delays a rollback.
  if (command.type === 'rollback') return;
  if (personOnly.has(command.type) && command.actor.kind !== 'person') {
    throw refusal(
      state,
      command,
      `Expected a person to ${command.type}, got the automatic actor ${command.actor.name}.`,
    );
  }
  if (personOnly.has(command.type) && command.reason.trim() === '') {
    throw refusal(
      state,
      command,
      `Expected a reason to ${command.type}, got none. Say why; it is kept in the audit.`,
    );
  }
  if (command.reason.length > reasonMaxChars) {
    throw refusal(
      state,
      command,
      `Expected a reason of at most ${reasonMaxChars} characters, got ${command.reason.length}.`,
    );
  }
}

function handle(draft: DecisionDraft, command: Command): Decision {
  switch (command.type) {
    case 'apply':
      return decideReapply(draft, command);
    case 'start':
      draft.emit({ type: 'started' });
      return draft.done('The rollout waits for acceptance evidence or a waiver.');
    case 'accept':
      return decideAccept(draft, command);
    case 'waive':
      return decideWaive(draft, command);
    case 'advance':
      return decideAdvance(draft, command);
    case 'approve':
      return decideApprove(draft, command);
    case 'pause':
      draft.emit({ type: 'paused' });
      return draft.done('The share is frozen and the bake clock stands still.');
    case 'resume':
      draft.emit({ type: 'resumed' });
      return draft.done('The rollout goes on where it was paused.');
    case 'disable':
      return decideSwitch(draft, true);
    case 'enable':
      return decideSwitch(draft, false);
    case 'revise':
      return decideRevise(draft, command);
    case 'rollback':
      return decideRollback(draft, command);
    case 'verdict':
      return decideVerdict(draft, command);
    case 'tick':
      return decideTick(draft, command);
    case 'acknowledge':
      return decideAcknowledge(draft, command);
    case 'drain-report':
      return decideDrainReport(draft, command);
    case 'finish-rollback':
      return decideFinish(draft);
  }
}

function decideReapply(draft: DecisionDraft, command: Extract<Command, { type: 'apply' }>): Decision {
  const diff = diffPlans(draft.state.plan, command.plan);
  if (diff.length === 0) return draft.done('This plan is applied already.');
  throw refusal(
    draft.state,
    command,
    `Expected the plan that is applied, got one that differs at ${diff[0]?.path}. Use revise to change a plan, or another name for another rollout.`,
  );
}

function decideSwitch(draft: DecisionDraft, disable: boolean): Decision {
  if (draft.state.disabled === disable)
    return draft.done(`It is ${disable ? 'disabled' : 'enabled'} already.`);
  draft.emit({ type: disable ? 'disabled' : 'enabled' });
  if (disable) return draft.done('No new session gets the candidate until it is enabled again.');
  return draft.done(isExposed(draft.state) ? 'The stage has its share again.' : 'It is enabled.');
}
