import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { ControlHistory } from '../analysis/sequential/control-history.ts';
import type { EpochInfo } from '../analysis/sequential/epoch-sums.ts';
import type { Coins } from '../analysis/sequential/roll-evidence.ts';
import type { MetricId } from '../analysis/metric-spec.ts';
import type { VerdictKind } from '../analysis/verdict.ts';
import type { AcceptanceEvidence, Actor, DrainedSession } from './commands.ts';
import type { Plan } from './plan.ts';
import type { Judgement } from './verdict.ts';

export const phases = [
  'draft',
  'awaiting-acceptance',
  'running',
  'paused',
  'completed',
  'rolling-back',
  'rolled-back',
] as const;

export type Phase = (typeof phases)[number];

/** What one rollout is: the fold of its events, nothing else. */
export interface RolloutState {
  readonly name: string;
  readonly phase: Phase;
  readonly plan: Plan;
  /** 1 for the applied plan; grows with each revise. */
  readonly planVersion: number;
  /** Events folded so far: what the next append expects. */
  readonly revision: number;
  /** Index into `plan.stages`; null until the first stage was entered. */
  readonly stageIndex: number | null;
  /** Grows whenever the candidate's exposure changes or a new bake begins; 0 before the first stage. */
  readonly epoch: number;
  /** Share is 0 until enabled again. */
  readonly disabled: boolean;
  readonly acceptance: Acceptance | null;
  /** Of the current stage; null before the first. */
  readonly bake: Bake | null;
  /** What the judge's evidence is about; null before the first stage. */
  readonly budget: Budget | null;
  /** Last verdict on the current epoch; null until there is one. */
  readonly judged: StandingJudgement | null;
  /** Stages (by name) that a person let begin. */
  readonly approvals: readonly string[];
  /** Stage whose approval was asked for; null when none is. */
  readonly approvalWanted: string | null;
  readonly rollback: Rollback | null;
  readonly appliedAtMs: number;
  readonly changedAtMs: number;
}

/**
 * One error budget: what the judge may be wrong with over all epochs since it began. Another margin, limit, metric or
 * alpha begins another one; another share does not.
 */
export interface Budget {
  /** 1 for the first. */
  readonly number: number;
  /** When it began: the origin of its evidence. */
  readonly sinceMs: number;
  /** All bakes of the plan as it was then; the weights of the evidence's start times follow from it. */
  readonly horizonMs: number;
  /** In how many stages of that plan a coin assigns sessions; the weights of comparisons and limits follow from it. */
  readonly coins: Coins;
  /** What control's sessions were like before it; null: they were too few. */
  readonly history: ControlHistory | null;
  /** Its epochs, and the coin of each. */
  readonly epochs: readonly EpochInfo[];
  /** Gates that live evidence proved at their stage. */
  readonly proven: readonly ProvenGate[];
  /** Sessions whose users did not get all, as of the last alarm. */
  readonly alarmedAt: number;
  /** When that was; absent: there was none. */
  readonly alarmedAtMs?: number;
}

export interface ProvenGate {
  readonly metric: MetricId;
  readonly stage: string;
}

/** What opened the first stage, and what settled gates since. */
export interface Acceptance {
  readonly evidence: AcceptanceEvidence | null;
  readonly waivers: readonly Waiver[];
}

/** A person's recorded decision to go without proof of these gates. */
export interface Waiver {
  readonly gates: readonly MetricId[];
  readonly actor: Actor;
  readonly reason: string;
  readonly atMs: number;
}

/** The bake clock of one stage. */
export interface Bake {
  /** Healthy, observed time counted so far. */
  readonly healthyMs: number;
  /** When this bake began (a resume begins it anew for `longestBakeMs`). */
  readonly sinceMs: number;
  /** What the bake was lengthened by when its look proved too little; 0: it was not. */
  readonly extensionMs: number;
  /** Last tick; no stretch of time counts twice. */
  readonly tickedAtMs: number;
  /** Why it stands still; null while it runs. */
  readonly stopped: BakeStop | null;
}

export interface BakeStop {
  readonly reason: BakeStopReason;
  readonly sentence: string;
}

export type BakeStopReason =
  | 'gap'
  | 'stale'
  | 'unknown-upstream'
  | 'too-few-sessions'
  | 'freeze'
  | 'paused'
  | 'disabled'
  | 'not-judged'
  | 'shared-incident'
  | Exclude<VerdictKind, 'pass' | 'inconclusive'>;

export interface StandingJudgement {
  readonly judgement: Judgement;
  /** Since when the judge says so. */
  readonly sinceMs: number;
}

/** A rollback under way or done. */
export interface Rollback {
  /** Unique for this rollback and its drain policy; gateways act once per id. */
  readonly drainId: string;
  readonly actor: Actor;
  readonly why: string;
  /** The evidence, when the judge asked for it. */
  readonly judgement: Judgement | null;
  readonly policy: DrainPolicy;
  /** Where it came from. */
  readonly from: Position;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  /** Evaluator to its acknowledgement; null while there is none. */
  readonly evaluators: Readonly<Record<string, Acknowledgement | null>>;
  /** Gateway to whether it has said that none of its sessions is open any more. */
  readonly gateways: Readonly<Record<string, boolean>>;
  /** It began so soon after a start that somebody who runs may not have been known; absent: everybody was. */
  readonly mayLackWitnesses?: boolean;
  readonly sessions: Readonly<Record<string, RolledBackSession>>;
}

export interface Acknowledgement {
  readonly revision: number;
  readonly atMs: number;
}

export interface RolledBackSession extends DrainedSession {
  readonly gateway: string;
  readonly atMs: number;
}

/** The part of a state that the audit shows before and after each event. */
export interface Position {
  readonly phase: Phase;
  readonly stage: string | null;
  readonly epoch: number;
  /** Share of those in no audience; 0 when nobody may get the candidate. */
  readonly shareBuckets: number;
  readonly disabled: boolean;
}

/** Whether a session that was open at a rollback is over; until then nobody knows what it loses. */
export function hasEnded({ ended, outcome }: DrainedSession): boolean {
  return ended ?? outcome !== 'open';
}

/** Whether new sessions may get the candidate. */
export function isExposed(state: RolloutState): boolean {
  return (
    !state.disabled && (state.phase === 'running' || state.phase === 'paused' || state.phase === 'completed')
  );
}

/** Whether another rollout may take the flag. */
export function isOver(state: RolloutState): boolean {
  return state.phase === 'completed' || state.phase === 'rolled-back';
}

/** Where the rollout stands. */
export function positionOf(state: RolloutState): Position {
  const stage = state.stageIndex === null ? undefined : state.plan.stages[state.stageIndex];
  return {
    phase: state.phase,
    stage: stage?.name ?? null,
    epoch: state.epoch,
    shareBuckets: isExposed(state) ? (stage?.shareBuckets ?? 0) : 0,
    disabled: state.disabled,
  };
}
