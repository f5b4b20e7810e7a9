/** Which upstream a session goes to: first by decision, then by what went wrong. Pure. */
import type { EvaluationResult } from '@crossfade/sdk/flags/ruleset';
import type { Arm, Assignment, AttemptEnd } from '../transcript/session-record.ts';

/** Pins a session by a decision. What the decision cannot say (no flag, an unknown upstream) is control. */
export function assign(input: {
  readonly flag: string;
  readonly decision: EvaluationResult;
  readonly knownUpstreams: ReadonlySet<string>;
  readonly controlUpstream: string;
  readonly userHash: string;
}): Assignment {
  const { decision, controlUpstream } = input;
  const isServable = typeof decision.value === 'string' && input.knownUpstreams.has(decision.value);
  const upstream = isServable ? decision.value : controlUpstream;
  const stamp = decision.rollout;
  const isCandidate = isServable && stamp !== undefined && decision.variant === stamp.candidateVariant;
  const arm: Arm = isCandidate ? 'candidate' : 'control';
  return {
    flag: input.flag,
    variant: decision.variant ?? '',
    reason: isServable ? decision.reason : 'ERROR',
    ...(decision.rule === undefined ? {} : { rule: decision.rule }),
    rulesetRevision: decision.revision,
    upstream,
    arm,
    ...(stamp === undefined
      ? {}
      : {
          rollout: {
            name: stamp.name,
            epoch: stamp.epoch,
            ...(stamp.candidateBuild === undefined ? {} : { candidateBuild: stamp.candidateBuild }),
          },
        }),
    userHash: input.userHash,
  };
}

/** Waits between attempts, ms: at once first, because a person is waiting; then gently. */
const backoffMs = [0, 100, 300, 1_000, 2_000];

/** An upstream that dies again and again, with a final in between each time, has this many times its retries in all. */
const faultsPerRetry = 3;

export interface NextAttempt {
  readonly upstream: string;
  readonly delayMs: number;
  /** Nobody better is left: take finals that skip audio rather than ask for ever. */
  readonly acceptHoles: boolean;
}

/**
 * Where to go after a fault. An upstream that skipped audio would skip it again, so control takes over at once; one
 * that died is asked again until its budget is out. Control is asked as long as the session lives.
 */
export function nextAttempt(input: {
  readonly current: string;
  readonly control: string;
  readonly end: AttemptEnd;
  /** Faults in a row on the current upstream without a new final. */
  readonly faultsInRow: number;
  /** Faults on the current upstream in all. */
  readonly faults: number;
  readonly retriesMax: number;
}): NextAttempt {
  const { current, control, end, faultsInRow, faults, retriesMax } = input;
  const isSpent = faultsInRow > retriesMax || faults > retriesMax * faultsPerRetry;
  const isRescue = current !== control && (end === 'broke-protocol' || isSpent);
  if (isRescue) return { upstream: control, delayMs: 0, acceptHoles: false };
  const delayMs = backoffMs[Math.min(Math.max(0, faultsInRow - 1), backoffMs.length - 1)]!;
  return {
    upstream: current,
    delayMs,
    acceptHoles: current === control && end === 'broke-protocol' && faultsInRow > retriesMax,
  };
}
