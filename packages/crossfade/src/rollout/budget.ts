import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import type { EpochInfo } from '../analysis/sequential/epoch-sums.ts';
import type { Coins } from '../analysis/sequential/roll-evidence.ts';
import type { Past } from './commands.ts';
import type { RolloutEvent } from './events.ts';
import { meets } from './evidence-problem.ts';
import type { Plan } from './plan.ts';
import type { Budget, ProvenGate, RolloutState } from './state.ts';

/** All stages, one after the other. */
export function horizonMs({ stages }: Plan): number {
  return stages.reduce((sum, { bakeMs }) => sum + bakeMs, 0);
}

/**
 * The coin of a stage: the candidate's share among the sessions that one rule splits at random. Null: there is none,
 * because an audience alone is in, everybody is, or nobody.
 */
export function coinOf(plan: Plan, stageIndex: number | null, epoch: number, isExposed: boolean): EpochInfo {
  const none = { epoch, share: null };
  const stage = stageIndex === null ? undefined : plan.stages[stageIndex];
  if (stage === undefined || !isExposed) return none;
  const open = bucketCount - plan.holdbackBuckets;
  const buckets = stage.shareBuckets === 0 ? open : Math.min(stage.shareBuckets, open);
  if (buckets === bucketCount) return none;
  return { epoch, share: buckets / bucketCount, coin: stage.shareBuckets === 0 ? 'audience:' : 'stage:' };
}

/** In how many stages of a plan there is a coin. */
export function coinsOf(plan: Plan): Coins {
  const tossed = plan.stages.filter((_, index) => coinOf(plan, index, 0, true).share !== null).length;
  return tossed === 0 ? 'none' : tossed < plan.stages.length ? 'some' : 'all';
}

/** When an epoch begins, whether with a budget of its own, and what that is measured by. */
export interface Beginning extends Past {
  readonly atMs: number;
  readonly isFresh: boolean;
}

/** The budget with one more epoch; a fresh one when `isFresh`. */
export function withEpoch(
  budget: Budget | null,
  { plan, stageIndex, epoch, disabled }: Pick<RolloutState, 'plan' | 'stageIndex' | 'epoch' | 'disabled'>,
  { atMs, isFresh, history }: Beginning,
): Budget {
  const coin = coinOf(plan, stageIndex, epoch, !disabled);
  if (budget !== null && !isFresh) return { ...budget, epochs: [...budget.epochs, coin] };
  return {
    number: (budget?.number ?? 0) + 1,
    sinceMs: atMs,
    horizonMs: horizonMs(plan),
    coins: coinsOf(plan),
    // An older history lies before this budget too, and says more than none.
    history: history ?? budget?.history ?? null,
    epochs: [coin],
    proven: [],
    alarmedAt: 0,
  };
}

/** Gates of the stage that is left which its last judgement proved. Registered looks alone prove. */
export function provenOnLeaving(
  { plan, stageIndex }: RolloutState,
  event: Extract<RolloutEvent, { readonly type: 'stage-entered' | 'completed' }>,
): readonly ProvenGate[] {
  const stage = stageIndex === null ? undefined : plan.stages[stageIndex];
  const { judgement } = event;
  if (stage === undefined || judgement === null || judgement.verdict.verdict !== 'pass') return [];
  return plan.gates.flatMap(({ metric, requires, liveAtStage }) => {
    const found = judgement.verdict.evidence.find((evidence) => evidence.metric === metric);
    return liveAtStage === stage.name && meets(found?.result, requires)
      ? [{ metric, stage: stage.name }]
      : [];
  });
}
