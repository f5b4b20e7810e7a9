import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { PlanChange } from '../../rollout/events.ts';
import { changeWords } from '../../rollout/plan-words.ts';
import type { FreezeWindow, Plan } from '../../rollout/plan.ts';
import { shareText } from './rollout-text.ts';

/** What a plan means, a few lines. */
export function planText(plan: Plan): string {
  const { name, flag, control, candidate } = plan;
  return [
    `${name} is a valid plan: flag ${flag}, ${candidate.variant} (build ${candidate.build}) against ${control.variant}.`,
    ...stageLines(plan),
  ].join('\n');
}

/** All that a plan says, with every default filled in. */
export function wholePlanText(plan: Plan): string {
  const { guardrails, gates, goals, control, candidate } = plan;
  const limits = Object.entries(guardrails.limits).map(([metric, limit]) => `${metric} ${limit}`);
  const goalText = goals.map(({ metric, mustImprove }) => metric + (mustImprove ? ' (must improve)' : ''));
  const rows: readonly (readonly [string, string])[] = [
    ['flag', plan.flag],
    ['control', `${control.variant}, upstream ${control.upstream}`],
    ['candidate', `${candidate.variant}, upstream ${candidate.upstream}, build ${candidate.build}`],
    ['audiences', Object.keys(plan.audiences).join(', ') || 'none'],
    ['acceptance', plan.acceptance],
    ['gates', gates.map(({ metric, requires, liveAtStage }) => `${metric} ${requires}${liveAtStage === undefined ? '' : ` live at ${liveAtStage}`}`).join(', ') || 'none'],
    ['guardrails', `${limits.join(', ') || 'none'}; from ${guardrails.minSessions} sessions on`],
    ['goals', goalText.join(', ') || 'none'],
    ['alpha', `${plan.alpha}: worst-case chance of taking back a healthy build`],
    ['holdback', shareText(plan.holdbackBuckets)],
    ['drain', `${plan.drain}, at most ${formatDurationMs(plan.drainLimitMs)}`],
    ['no data', `pauses after ${formatDurationMs(plan.noDataLimitMs)}`],
    ['freeze', plan.freeze.map(freezeText).join('; ') || 'never'],
    ['notifications', `${plan.notifications.length} of its own`],
    ['salt', plan.salt],
    ['overrides', `${Object.keys(plan.overrides).length} users`],
  ]; // prettier-ignore
  return [plan.name, ...rows.map(([what, text]) => `  ${what.padEnd(13)} ${text}`), ...stageLines(plan)].join(
    '\n',
  );
}

function stageLines({ stages }: Plan): readonly string[] {
  return stages.map((stage) => {
    const who = [
      ...stage.audiences.map((audience) => `all of ${audience}`),
      `${shareText(stage.shareBuckets)} of the rest`,
    ];
    const more = [
      `bake ${formatDurationMs(stage.bakeMs)}`,
      `at most ${formatDurationMs(stage.longestBakeMs)}`,
      `${stage.minSessionsPerHour} ${stage.minSessionsPerHour === 1 ? 'session' : 'sessions'} an hour`,
      ...(stage.approval ? ['a person approves'] : []),
    ];
    return `  ${stage.name.padEnd(13)} ${who.join(', ')}; ${more.join(', ')}`;
  });
}

const dayNames = ['', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

function freezeText(window: FreezeWindow): string {
  if ('fromLocal' in window)
    return `${window.name}: ${window.fromLocal} to ${window.untilLocal} ${window.zone}`;
  const time = (minute: number): string =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  const days = window.days.map((day) => dayNames[day]).join(', ');
  return `${window.name}: ${days} ${time(window.fromMinute)} to ${time(window.untilMinute)} ${window.zone}`;
}

/** Characters of one value in a line of a diff; a list of keys is not printed. */
const shownChars = 60;

/** Where two plans differ, a line each, and what revising would mean. */
export function diffText(changes: readonly PlanChange[], meaning: string): string {
  const shown = (text: string): string =>
    text.length > shownChars ? `${text.slice(0, shownChars)}… (${text.length} characters)` : text;
  const lines = changes
    .map(changeWords)
    .map(({ path, before, after }) => `  ${path}: ${shown(before)} → ${shown(after)}`);
  return [meaning, ...lines].join('\n');
}
