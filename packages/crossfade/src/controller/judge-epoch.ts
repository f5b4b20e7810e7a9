import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { judge, sourceErrorVerdict } from '../analysis/threshold-judge.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { Judgement } from '../rollout/verdict.ts';
import type { EpochEvidence } from './evidence.ts';

/** What the judge says of the epoch that runs, from its session records alone. */
export function judgeEpoch({ plan, stageIndex }: RolloutState, evidence: EpochEvidence): Judgement {
  const { epoch, candidate, control, crossed } = evidence;
  const broken = crossed.verdict({ candidate: candidate.sessions, control: control.sessions });
  if (broken !== null) return { verdict: broken, epoch, broken: 'assignments' };
  const verdict = judge({
    candidate,
    control: hasRandomControl(plan, stageIndex) ? control : null,
    thresholds: plan.guardrails.limits,
    minSessions: plan.guardrails.minSessions,
  });
  return { verdict, epoch };
}

/** The verdict when the records could not be read. */
export function unreadable(epoch: number, problem: string): Judgement {
  return { verdict: sourceErrorVerdict(problem), epoch };
}

/**
 * Whether the two arms of a stage are split at random. An audience alone is not: everybody else is on control.
 * Neither is a share of everybody, unless some are held back; both are judged by limits only.
 */
function hasRandomControl(plan: RolloutState['plan'], stageIndex: number | null): boolean {
  const shareBuckets = plan.stages[stageIndex ?? 0]?.shareBuckets ?? 0;
  return shareBuckets > 0 && (shareBuckets < bucketCount || plan.holdbackBuckets > 0);
}
