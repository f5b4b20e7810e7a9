import type { RolloutEvent, RolloutEventType } from '../rollout/events.ts';
import type { NoticeKind } from '../rollout/plan.ts';
import { ruleOf } from '../rollout/verdict.ts';
import type { OutboxItem } from '../store/store.ts';
import { eventText } from './event-text.ts';

/** What a notification says; the payload of its outbox item. */
export interface Notice {
  readonly rollout: string;
  readonly kind: NoticeKind;
  readonly atMs: number;
  readonly actor: string;
  readonly reason: string;
  readonly text: string;
}

/** Events that people are told of; the others are in the audit only. */
const kinds: Readonly<Partial<Record<RolloutEventType, NoticeKind>>> = {
  started: 'awaiting-acceptance',
  'stage-entered': 'stage-entered',
  'approval-wanted': 'approval-wanted',
  paused: 'paused',
  disabled: 'disabled',
  revised: 'revised',
  completed: 'completed',
  'rollback-started': 'rollback-started',
  'rolled-back': 'rolled-back',
};

/**
 * The notifications that these events cause. `firstRevision` is the first event's place in the rollout: ids
 * follow from it, so that a repeat is recognized by the receiver.
 */
export function noticesOf(events: readonly RolloutEvent[], firstRevision: number): readonly OutboxItem[] {
  return events.flatMap((event, index) => {
    const kind = isHold(event) ? 'held' : kinds[event.type];
    if (kind === undefined) return [];
    const { rollout, atMs, reason, actor } = event;
    const notice: Notice = { rollout, kind, atMs, actor: actor.name, reason, text: eventText(event) };
    return [{ id: `${rollout}:${firstRevision + index}:${kind}`, kind, payload: JSON.stringify(notice) }];
  });
}

/** The comparison is broken: nothing moves until somebody looks. */
function isHold(event: RolloutEvent): boolean {
  return event.type === 'judged' && ruleOf(event.judgement).exposure === 'hold';
}
