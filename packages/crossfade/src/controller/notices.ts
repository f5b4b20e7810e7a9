import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import type { RolloutEvent, RolloutEventType } from '../rollout/events.ts';
import { evolve } from '../rollout/evolve.ts';
import type { NoticeKind } from '../rollout/plan.ts';
import { receiptOf } from '../rollout/receipt.ts';
import type { RolloutState } from '../rollout/state.ts';
import { ruleOf, type Judgement } from '../rollout/verdict.ts';
import type { OutboxItem } from '../store/store.ts';
import { itemsOf, routesOf, type NoticeTarget } from './notice-routes.ts';
import type { Notice, NoticeReceipt, NoticeVerdict } from './notice.ts';
import { noticeText, severityOf } from './notice-text.ts';

/** Events that people are told of; the others are in the audit only. */
const kinds: Readonly<Partial<Record<RolloutEventType, NoticeKind>>> = {
  started: 'awaiting-acceptance',
  'stage-entered': 'stage-entered',
  'approval-wanted': 'approval-wanted',
  paused: 'paused',
  disabled: 'disabled',
  revised: 'revised',
  alarmed: 'held',
  completed: 'completed',
  'rollback-started': 'rollback-started',
  'rolled-back': 'rolled-back',
};

/**
 * The notifications that these events cause, a copy for everybody who is told. `before` is the state that the first
 * event changes. Ids follow from the event's place in the rollout, so that a repeat is recognized by the receiver.
 */
export function noticesOf(
  before: RolloutState | null,
  events: readonly RolloutEvent[],
  targets: readonly NoticeTarget[] = [],
): readonly OutboxItem[] {
  let state = before;
  return events.flatMap((event) => {
    const known = state;
    state = evolve(state, event);
    const kind = isHold(event) ? 'held' : isLateHarm(known, state) ? 'rolled-back' : kinds[event.type];
    if (kind === undefined) return [];
    return itemsOf(noticeOf(kind, event, state), routesOf(kind, state.plan, targets));
  });
}

/** The comparison is broken: nothing moves until somebody looks. */
function isHold(event: RolloutEvent): boolean {
  return event.type === 'judged' && ruleOf(event.judgement).exposure === 'hold';
}

/**
 * The first audio lost, or the first entry shown twice, by sessions that went on after the receipt was closed: whoever
 * was told that nothing was lost is told. Once for each, because neither is ever taken back.
 */
function isLateHarm(before: RolloutState | null, after: RolloutState): boolean {
  if (before?.phase !== 'rolled-back') return false;
  const [was, is] = [receiptOf(before, after.changedAtMs), receiptOf(after, after.changedAtMs)];
  if (was === null || is === null) return false;
  const isFirst = (of: 'samplesLost' | 'duplicateEntries'): boolean => was[of] === 0 && is[of] > 0;
  return isFirst('samplesLost') || isFirst('duplicateEntries');
}

function noticeOf(kind: NoticeKind, event: RolloutEvent, state: RolloutState): Notice {
  const { plan } = state;
  return {
    id: `${state.name}:${state.revision}:${kind}`,
    kind,
    severity: severityOf(kind, event, state),
    atMs: event.atMs,
    rollout: state.name,
    flag: plan.flag,
    control: plan.control.variant,
    candidate: plan.candidate.variant,
    build: plan.candidate.build,
    stage: event.after.stage,
    sharePercent: Number(((event.after.shareBuckets * 100) / bucketCount).toFixed(3)),
    actor: event.actor.name,
    reason: event.reason,
    ...noticeText(kind, event, state),
    verdict: verdictOf(judgementBehind(event, state)),
    receipt: receiptNumbers(state, event.atMs),
  };
}

/** The judgement that an event speaks of, if any. */
function judgementBehind(event: RolloutEvent, state: RolloutState): Judgement | null {
  if ('judgement' in event) return event.judgement;
  if (event.type === 'rolled-back') return state.rollback?.judgement ?? null;
  return event.type === 'paused' || event.type === 'approval-wanted'
    ? (state.judged?.judgement ?? null)
    : null;
}

function verdictOf(judgement: Judgement | null): NoticeVerdict | null {
  if (judgement === null) return null;
  const { verdict, sentence, culprit, evidence, sessions } = judgement.verdict;
  const shown = evidence.find(({ metric }) => metric === culprit);
  return {
    verdict,
    sentence,
    metric: culprit ?? null,
    candidate: shown?.value ?? null,
    control: shown?.control ?? null,
    limit: shown?.limit ?? null,
    bound: shown?.bound ?? null,
    sessions,
  };
}

function receiptNumbers(state: RolloutState, nowMs: number): NoticeReceipt | null {
  const receipt = receiptOf(state, nowMs);
  if (receipt === null) return null;
  const { startedAtMs, admissionStoppedAtMs, finishedAtMs, sessions } = receipt;
  const outcomes: Record<string, number> = {};
  for (const { outcome } of sessions) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return {
    drainId: receipt.drainId,
    policy: receipt.policy,
    admissionStoppedAfterMs: admissionStoppedAtMs === null ? null : admissionStoppedAtMs - startedAtMs,
    unacknowledged: receipt.unacknowledged,
    unreported: receipt.unreported,
    openSessions: sessions.length,
    outcomes,
    running: receipt.running,
    samplesLost: receipt.samplesLost,
    duplicateEntries: receipt.duplicateEntries,
    finishedAfterMs: finishedAtMs === null ? null : finishedAtMs - startedAtMs,
  };
}
