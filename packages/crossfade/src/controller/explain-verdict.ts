import { judgeMeasured } from '../analysis/sequential/sequential-judge.ts';
import type { Measurement } from '../analysis/sequential/measurement.ts';
import type { RolloutEvent } from '../rollout/events.ts';
import { evolve } from '../rollout/evolve.ts';
import { metricSetups } from '../rollout/judge-setup.ts';
import { isSameJson } from '../rollout/plan-diff.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { Judgement } from '../rollout/verdict.ts';
import { type Comparison, comparisonOf } from './comparison.ts';
import { judgementOf } from './judge-epoch.ts';
import type { HistoryEntry } from './rollout-status.ts';

/** A decision of the judge, made again from the log alone. */
export interface VerdictExplanation {
  readonly rollout: string;
  /** The record of the log that holds the verdict. */
  readonly sequence: number;
  readonly atMs: number;
  readonly stage: string | null;
  readonly planVersion: number;
  /** As it was recorded. */
  readonly verdict: Judgement['verdict'];
  /**
   * `agrees`: judging what was recorded gives the same verdict, word for word. `differs`: it does not. `not-judged`: the
   * verdict was not made from evidence (the source could not answer).
   */
  readonly replay: 'agrees' | 'differs' | 'not-judged';
  /** What judging again gives; absent when there was nothing to judge. */
  readonly replayed?: Comparison;
  /** What was asked: the moment, the error budget, the gates, whether it was a look. */
  readonly question?: Measurement['question'];
  /** One plain sentence: what was decided, and whether it holds. */
  readonly sentence: string;
}

/** Makes the last verdict at or before `atMs` again from the log. Null: nothing was judged by then. */
export function explainVerdict(history: readonly HistoryEntry[], atMs: number): VerdictExplanation | null {
  let state: RolloutState | null = null;
  let found: { readonly entry: HistoryEntry; readonly event: Judged; readonly at: RolloutState } | null =
    null;
  for (const entry of history) {
    if (entry.atMs > atMs) break;
    const event = entry.event as RolloutEvent;
    state = evolve(state, event);
    if (event.type === 'judged') found = { entry, event, at: state };
  }
  return found === null ? null : explained(found.entry, found.event, found.at);
}

type Judged = Extract<RolloutEvent, { readonly type: 'judged' }>;

function explained(entry: HistoryEntry, { judgement }: Judged, state: RolloutState): VerdictExplanation {
  const { measurement, ...recorded } = judgement;
  const head = {
    rollout: entry.rollout,
    sequence: entry.sequence,
    atMs: entry.atMs,
    stage: state.stageIndex === null ? null : (state.plan.stages[state.stageIndex]?.name ?? null),
    planVersion: state.planVersion,
    verdict: recorded.verdict,
  };
  const said = `${recorded.verdict.verdict}: ${recorded.verdict.sentence}`;
  if (measurement === undefined) {
    return {
      ...head,
      replay: 'not-judged',
      sentence: `${said} Nothing was measured, so nothing can be judged again.`,
    };
  }
  const again = judgeMeasured({ metrics: metricSetups(state.plan, state.budget?.history) }, measurement);
  const { atLook: _look, ...compared } = recorded;
  const holds = isSameJson(compared, judgementOf(again, judgement.epoch));
  const replayed = comparisonOf(again, {
    rollout: entry.rollout,
    atMs: measurement.question.nowMs,
    epoch: judgement.epoch,
  });
  const sentence = holds
    ? `${said} Judged again from the log: the same.`
    : `${said} Judged again from the log it is another: ${again.verdict}: ${again.sentence} The log or this program is not the one that decided.`;
  return {
    ...head,
    replay: holds ? 'agrees' : 'differs',
    replayed,
    question: measurement.question,
    sentence,
  };
}
