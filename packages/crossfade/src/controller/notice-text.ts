import { formatDurationMs } from '@crossfade/sdk/core/units';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import type { RolloutEvent } from '../rollout/events.ts';
import type { NoticeKind } from '../rollout/plan.ts';
import { receiptOf, type Receipt } from '../rollout/receipt.ts';
import type { RolloutState } from '../rollout/state.ts';
import { eventText } from './event-text.ts';
import type { NoticeSeverity, NoticeText } from './notice.ts';

const critical: ReadonlySet<NoticeKind> = new Set(['held', 'rollback-started']);
const warning: ReadonlySet<NoticeKind> = new Set(['approval-wanted', 'paused', 'disabled', 'dead-lettered']);

export function severityOf(kind: NoticeKind, event: RolloutEvent, state: RolloutState): NoticeSeverity {
  if (kind === 'rolled-back') return isClean(receiptOf(state, event.atMs)) ? 'warning' : 'critical';
  // A person who pauses or disables knows it.
  if (warning.has(kind)) return event.actor.kind === 'person' ? 'info' : 'warning';
  return critical.has(kind) ? 'critical' : 'info';
}

function isClean(receipt: Receipt | null): boolean {
  if (receipt === null) return true;
  const { samplesLost, duplicateEntries, unacknowledged, unreported } = receipt;
  const harm = samplesLost + duplicateEntries + unacknowledged.length + unreported.length;
  return harm === 0;
}

export function noticeText(kind: NoticeKind, event: RolloutEvent, state: RolloutState): NoticeText {
  const { done, nextStep } = actions(kind, event, state);
  return {
    title: titleOf(kind, event, state),
    howBad: howBad(kind, event, state),
    forWhom: forWhom(event, state),
    howSure: howSure(event, state),
    done,
    nextStep,
  };
}

function titleOf(kind: NoticeKind, event: RolloutEvent, state: RolloutState): string {
  const { candidate } = state.plan;
  const what: Readonly<Record<NoticeKind, string>> = {
    'awaiting-acceptance': 'started, waits for acceptance',
    'stage-entered': `entered stage ${event.after.stage ?? ''}`,
    'approval-wanted': 'waits for an approval',
    held: 'is held: the comparison is broken',
    paused: 'is paused',
    disabled: 'is disabled',
    revised: 'has another plan',
    'rollback-started': 'is being rolled back',
    'rolled-back':
      event.type === 'rolled-back'
        ? 'was rolled back'
        : 'was rolled back, with harm found since the receipt was closed',
    completed: 'is completed',
    'dead-lettered': 'could not tell somebody',
  };
  return `${state.name}: ${candidate.variant} (build ${candidate.build}) ${what[kind]}`;
}

function howBad(kind: NoticeKind, event: RolloutEvent, state: RolloutState): string | null {
  if (kind === 'rolled-back') {
    return `${countedText(receiptOf(state, event.atMs))} ${state.rollback?.why ?? ''}`.trim();
  }
  if (kind === 'rollback-started' || kind === 'held' || kind === 'paused' || kind === 'disabled') {
    return event.type === 'judged' ? event.judgement.verdict.sentence : event.reason;
  }
  return null;
}

/** `0 samples of audio lost, 0 entries shown twice, in 9 sessions that were open; 4 still run and are not counted yet.` */
function countedText(receipt: Receipt | null): string {
  const { samplesLost = 0, duplicateEntries = 0, sessions = [], running = 0 } = receipt ?? {};
  const uncounted = running === 0 ? '' : `; ${running} still run and are not counted yet`;
  return `${samplesLost} samples of audio lost, ${duplicateEntries} entries shown twice, in ${sessions.length} sessions that were open${uncounted}.`;
}

/** Who gets the candidate, or got it until now. */
function forWhom(event: RolloutEvent, { plan, stageIndex }: RolloutState): string {
  const wasServed = event.before !== null && event.before.shareBuckets > event.after.shareBuckets;
  const share = (wasServed ? event.before?.shareBuckets : event.after.shareBuckets) ?? 0;
  const audiences = plan.stages.slice(0, (stageIndex ?? -1) + 1).flatMap((stage) => stage.audiences);
  if (stageIndex === null) return `Nobody got ${plan.candidate.variant} yet.`;
  const named = [...new Set(audiences)].join(', ');
  const parts = [
    ...(share > 0 || named === '' ? [`${Number(((share * 100) / bucketCount).toFixed(3))} % of users`] : []),
    ...(named === '' ? [] : [`everybody in ${named}`]),
  ];
  return `${parts.join(', and ')}; stage ${event.after.stage ?? ''}.`;
}

function howSure(event: RolloutEvent, state: RolloutState): string | null {
  const judgement =
    'judgement' in event ? event.judgement : event.type === 'rolled-back' ? state.rollback?.judgement : null;
  if (judgement === null || judgement === undefined) return null;
  const { evidence, culprit, sessions, verdict } = judgement.verdict;
  const shown = evidence.find(({ metric }) => metric === culprit);
  const counted = `${sessions.candidate} sessions of the candidate, ${sessions.control} of control`;
  if (shown === undefined) return `Verdict ${verdict} over ${counted}.`;
  return `${shown.sentence.replace(/\.$/, '')}. Verdict ${verdict} over ${counted}.`;
}

interface Actions {
  readonly done: string;
  readonly nextStep: string;
}

function actions(kind: NoticeKind, event: RolloutEvent, state: RolloutState): Actions {
  const { name, plan } = state;
  const command = (word: string): string => `crossfade rollout ${word} ${name}`;
  const nothing = `Nothing. To look: ${command('status')}`;
  switch (kind) {
    case 'awaiting-acceptance':
      return {
        done: `Nobody gets ${plan.candidate.variant} yet.`,
        nextStep: `Hand over the report of build ${plan.candidate.build}: ${command('accept')} report.json; or: ${command('waive')} --reason "…"`,
      };
    case 'approval-wanted':
      return { done: eventText(event), nextStep: `${command('approve')} --reason "…"` };
    case 'held':
      return {
        done: 'Nothing is promoted and the bake clock stands; who gets the candidate stays as it is.',
        nextStep: `Find out why the arms do not match; until then: ${command('pause')}, or ${command('rollback')}`,
      };
    case 'paused':
      return {
        done: `${eventText(event)} Nothing is promoted; what is shown bad is still rolled back.`,
        nextStep: `${command('resume')} --reason "…", or ${command('rollback')}`,
      };
    case 'disabled':
      return {
        done: eventText(event),
        nextStep: `${command('enable')} --reason "…", or ${command('rollback')}`,
      };
    case 'rollback-started':
      return {
        done: `No new session gets ${plan.candidate.variant}; open ones ${state.rollback?.policy ?? plan.drain}. ${plan.control.variant} serves.`,
        nextStep: 'Nothing now: the receipt follows. This build is not served again; roll out another one.',
      };
    case 'rolled-back':
      return rolledBackActions(receiptOf(state, event.atMs), command('status'));
    case 'stage-entered':
    case 'revised':
    case 'completed':
    case 'dead-lettered':
      return { done: eventText(event), nextStep: nothing };
  }
}

function rolledBackActions(receipt: Receipt | null, look: string): Actions {
  if (receipt === null) return { done: 'Rolled back.', nextStep: look };
  const { startedAtMs, admissionStoppedAtMs, admissionStoppedBy, sessions, policy } = receipt;
  const after =
    admissionStoppedAtMs === null ? 'not known' : formatDurationMs(admissionStoppedAtMs - startedAtMs);
  const done = `Admission stopped after ${after} (by ${admissionStoppedBy ?? 'nobody yet'}); ${sessions.length} open sessions: ${policy}.`;
  const steps: string[] = [];
  const { unacknowledged, unreported, samplesLost, duplicateEntries } = receipt;
  if (samplesLost > 0) steps.push('Read the receipt: audio was lost.');
  if (duplicateEntries > 0) steps.push('Read the receipt: text was shown twice.');
  if (unacknowledged.length > 0)
    steps.push(`Look after evaluators that gave no word: ${unacknowledged.slice(0, 5).join(', ')}.`);
  if (unreported.length > 0) steps.push(`Look after gateways: ${unreported.slice(0, 5).join(', ')}.`);
  return { done, nextStep: [...steps, `The receipt: ${look}`].join(' ') };
}
