import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { Command, Witnesses } from './commands.ts';
import { refusal, type Decision, type DecisionDraft } from './decision.ts';
import { isNewsOf } from './evolve.ts';
import { exposureLeaseMs } from './lease.ts';
import type { RolloutState } from './state.ts';
import type { Judgement } from './verdict.ts';

type RollbackCommand = Extract<Command, { readonly type: 'rollback' }>;
type Acknowledge = Extract<Command, { readonly type: 'acknowledge' }>;
type DrainReport = Extract<Command, { readonly type: 'drain-report' }>;

/** From mild to hard; a running rollback may be made harder, never milder. */
const policies: readonly DrainPolicy[] = ['finish', 'migrate', 'cut'];

interface RollbackCause {
  readonly policy: DrainPolicy;
  readonly judgement: Judgement | null;
  readonly witnesses: Witnesses;
  readonly reason: string;
}

/** Stops admission: the first of the two acts. */
export function startRollback(draft: DecisionDraft, cause: RollbackCause): void {
  const { policy, judgement, witnesses, reason } = cause;
  draft.emit(
    {
      type: 'rollback-started',
      drainId: drainId(draft.state, policy),
      policy,
      judgement,
      evaluators: [...new Set(witnesses.evaluators)],
      gateways: [...new Set(witnesses.gateways)],
      ...(witnesses.mayLackWitnesses === true ? { mayLackWitnesses: true } : {}),
    },
    reason,
  );
}

/** The same rollback in the same words on every replay, another for every policy. */
function drainId(state: RolloutState, policy: DrainPolicy): string {
  return `${state.name}:${state.revision + 1}:${policy}`;
}

/** Accepted in every phase and idempotent; nothing is checked that could delay it. */
export function decideRollback(draft: DecisionDraft, command: RollbackCommand): Decision {
  const { state } = draft;
  if (state.rollback === null) {
    const policy = command.policy ?? state.plan.drain;
    startRollback(draft, { policy, judgement: null, witnesses: command, reason: command.reason });
    return draft.done(`No new session gets ${state.plan.candidate.upstream}; open ones ${policy}.`);
  }
  const { policy } = command;
  if (policy === undefined || policies.indexOf(policy) <= policies.indexOf(state.rollback.policy)) {
    return draft.done('The rollback is on its way already.');
  }
  draft.emit({ type: 'drain-escalated', drainId: drainId(state, policy), policy });
  return draft.done(`Open sessions ${policy} now.`);
}

/** An evaluator serves a ruleset in which admission has stopped; its first word counts. */
export function decideAcknowledge(draft: DecisionDraft, command: Acknowledge): Decision {
  const evaluators = draft.state.rollback?.evaluators ?? {};
  const known = Object.hasOwn(evaluators, command.evaluator) ? evaluators[command.evaluator] : null;
  if (known !== null && known !== undefined) return draft.done(`${command.evaluator} acknowledged already.`);
  draft.emit({ type: 'admission-stopped', evaluator: command.evaluator, revision: command.revision });
  return draft.done(`${command.evaluator} admits nobody to the candidate any more.`);
}

/** What a gateway knows of its sessions; what is not new is left out. */
export function decideDrainReport(draft: DecisionDraft, command: DrainReport): Decision {
  const { gateway } = command;
  const sessions = draft.state.rollback?.sessions ?? {};
  const gateways = draft.state.rollback?.gateways ?? {};
  const news = command.sessions.filter(({ sessionId, ...rest }) =>
    isNewsOf(Object.hasOwn(sessions, sessionId) ? sessions[sessionId] : undefined, { sessionId, ...rest }),
  );
  const wasDone = Object.hasOwn(gateways, gateway) ? gateways[gateway] : undefined;
  const done = command.done ?? wasDone ?? false;
  // A gateway that the receipt does not name and that has nothing to add to it, once it is closed, is no event.
  const isStranger = wasDone === undefined && draft.state.phase === 'rolled-back';
  if (news.length === 0 && (wasDone === done || isStranger)) return draft.done(`${gateway} said so already.`);
  draft.emit({ type: 'sessions-drained', gateway, sessions: news, done });
  return draft.done(
    `${gateway} reports ${command.sessions.length} sessions${done ? ', all of them done' : ''}.`,
  );
}

/**
 * What keeps a rollback from being over, in one sentence, or null. Evaluators are waited for until the lease of the
 * silent ones is over, sessions and gateways until the plan's drain limit.
 */
export function rollbackWaitsFor(state: RolloutState, nowMs: number): string | null {
  const { rollback, plan } = state;
  if (rollback === null || rollback.finishedAtMs !== null) return null;
  const passedMs = nowMs - rollback.startedAtMs;
  const silent = Object.keys(rollback.evaluators).filter((id) => rollback.evaluators[id] === null);
  if (silent.length > 0 && passedMs < exposureLeaseMs) {
    return `${silent.length} evaluators have not acknowledged (${nameSome(silent)}); their lease is over in ${formatDurationMs(exposureLeaseMs - passedMs)}.`;
  }
  if (passedMs >= plan.drainLimitMs) return null;
  const open = Object.values(rollback.sessions).filter(({ outcome }) => outcome === 'open').length;
  if (open > 0)
    return `${open} sessions are open; they have ${formatDurationMs(plan.drainLimitMs - passedMs)} left.`;
  const unreported = Object.keys(rollback.gateways).filter((id) => rollback.gateways[id] !== true);
  return unreported.length === 0
    ? null
    : `${unreported.length} gateways have not reported (${nameSome(unreported)}).`;
}

/** Names in a sentence; the receipt has them all. */
function nameSome(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

/** Closes the rollback when nothing is waited for. */
export function decideFinish(draft: DecisionDraft): Decision {
  const waits = rollbackWaitsFor(draft.state, draft.nowMs);
  if (waits !== null)
    throw refusal(draft.state, draft.command, `Expected nothing to wait for, got: ${waits}`);
  draft.emit({ type: 'rolled-back' });
  return draft.done('Rolled back; the receipt accounts for every session that was reported.');
}
