import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { AcceptanceEvidence, Past } from '../rollout/commands.ts';
import type { PlanChange, RolloutEvent } from '../rollout/events.ts';
import { changeWords } from '../rollout/plan-words.ts';
import type { Position } from '../rollout/state.ts';

/** What happened, in one sentence, for the audit and for notifications. */
export function eventText(event: RolloutEvent): string {
  switch (event.type) {
    case 'applied':
      return `Plan applied: ${event.plan.candidate.variant} (build ${event.plan.candidate.build}) against ${event.plan.control.variant}, ${count(event.plan.stages.length, 'stage')}.`;
    case 'started':
      return 'Started; acceptance evidence or a waiver opens the first stage.';
    case 'accepted':
      return acceptedText(event.evidence);
    case 'waived':
      return `Acceptance waived for ${event.gates.join(', ') || 'all gates'}.`;
    case 'stage-entered':
      return `Stage ${event.after.stage} entered${how(event)}: ${shareText(event.after)}.${historyText(event)}`;
    case 'approved':
      return `Stage ${event.stage} approved.`;
    case 'approval-wanted':
      return `Stage ${event.stage} waits for a person's approval.`;
    case 'judged':
      return `Verdict ${event.judgement.verdict.verdict}: ${event.judgement.verdict.sentence}`;
    case 'baked':
      return event.stopped === null
        ? `Baked ${formatDurationMs(event.healthyMs)} so far.`
        : `The bake clock stands at ${formatDurationMs(event.healthyMs)}: ${event.stopped.sentence}`;
    case 'bake-extended':
      return `The bake goes on for ${formatDurationMs(event.byMs)}: its look proved too little.`;
    case 'epoch-begun':
      return `Epoch ${event.after.epoch} begins: evidence and bake start anew.`;
    case 'alarmed':
      return `Alarm: ${event.reason}`;
    case 'paused':
      return `Paused at ${shareText(event.after)}.`;
    case 'resumed':
      return 'Resumed.';
    case 'disabled':
      return 'Disabled: no new session gets the candidate.';
    case 'enabled':
      return `Enabled again: ${shareText(event.after)}.`;
    case 'revised':
      return `Plan changed${bakeText(event)}: ${event.diff.map(changeText).join('; ')}.${historyText(event)}`;
    case 'completed':
      return `Completed${how(event)}: ${shareText(event.after)}.`;
    case 'rollback-started':
      return `Rolling back from ${event.before?.stage ?? event.before?.phase ?? 'nothing'}: admission stops, open sessions ${event.policy}.`;
    case 'drain-escalated':
      return `Open sessions now ${event.policy}.`;
    case 'admission-stopped':
      return `Evaluator ${event.evaluator} admits nobody any more (revision ${event.revision}).`;
    case 'sessions-drained':
      return `Gateway ${event.gateway} reports ${count(event.sessions.length, 'session')}${event.done ? ', none open' : ''}.`;
    case 'rolled-back':
      return 'Rolled back.';
  }
}

/** `Accepted by report 3f2a91c07d51 of streaming 2.1, direct, profile smoke: 5 certified, 3 within-limits.` */
export function acceptedText({
  reportId,
  target,
  system,
  profile,
  suite,
  metrics,
}: AcceptanceEvidence): string {
  const counts = new Map<string, number>();
  for (const { result } of metrics) counts.set(result, (counts.get(result) ?? 0) + 1);
  const results = [...counts].map(([result, n]) => `${n} ${result}`).join(', ');
  return `Accepted by report ${reportId.slice(0, 12)} of ${target} (${system}, profile ${profile}, suite ${suite}): ${results}.`;
}

/** What the judge measures by from here on. */
function historyText({ history }: Past): string {
  if (history === undefined) return '';
  const { sessions, fromMs, untilMs, baselines } = history;
  const span = formatDurationMs(Math.max(0, untilMs - fromMs));
  const finalsMs = baselines['finalization-latency']?.p95Ms;
  const slow = finalsMs === undefined ? '' : `; finals count as slow from ${finalsMs} ms`;
  return ` Measured by ${count(sessions, 'session')} of control before it, over ${span}${slow}.`;
}

function how(event: { readonly byHand: boolean; readonly withoutPass: boolean }): string {
  return event.withoutPass ? ' by hand without a pass' : event.byHand ? ' by hand' : '';
}

function shareText({ shareBuckets }: Position): string {
  return `share ${Number(((shareBuckets * 100) / bucketCount).toFixed(3))} %`;
}

/** Values of a diff longer than this are named, not shown. */
const valueCharsMax = 60;

function changeText(change: PlanChange): string {
  const { path, before, after } = changeWords(change);
  return before.length + after.length > 2 * valueCharsMax
    ? `${path} changed`
    : `${path} ${before} → ${after}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** What a revision costs: a bake, or a bake and the error budget with it. */
function bakeText({ newBake, newBudget = newBake }: { newBake: boolean; newBudget?: boolean }): string {
  if (!newBake) return '';
  return newBudget ? ', a new bake begins with a new error budget' : ', a new bake begins';
}
