import type { Json } from '@crossfade/sdk/core/json';
import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { MetricId } from '../analysis/metric-spec.ts';
import type { ControlHistory } from '../analysis/sequential/control-history.ts';
import type { AcceptanceEvidence, Actor, DrainedSession } from './commands.ts';
import type { Plan } from './plan.ts';
import type { BakeStop, Position } from './state.ts';
import type { Judgement } from './verdict.ts';

/** What every event carries: the audit's actor, reason, time, and where the rollout stood before and after. */
export interface EventHead {
  readonly rollout: string;
  readonly actor: Actor;
  readonly reason: string;
  readonly atMs: number;
  /** Null for the first event. */
  readonly before: Position | null;
  readonly after: Position;
}

export type EventBody =
  | { readonly type: 'applied'; readonly plan: Plan }
  | { readonly type: 'started' }
  | { readonly type: 'accepted'; readonly evidence: AcceptanceEvidence }
  | { readonly type: 'waived'; readonly gates: readonly MetricId[] }
  /** Exposure changes here. `judgement` is the evidence of the stage that was left; null for the first. */
  | {
      readonly type: 'stage-entered';
      readonly stageIndex: number;
      readonly byHand: boolean;
      readonly withoutPass: boolean;
      readonly judgement: Judgement | null;
      /** With the first stage: what control's sessions were like until then. Absent: they were too few. */
      readonly history?: ControlHistory;
    }
  | { readonly type: 'approved'; readonly stage: string }
  | { readonly type: 'approval-wanted'; readonly stage: string }
  /** The judge changed its mind, or proved another gate. */
  | { readonly type: 'judged'; readonly judgement: Judgement }
  | { readonly type: 'baked'; readonly healthyMs: number; readonly stopped: BakeStop | null }
  /** The look at the end of the bake proved too little; once, the bake goes on for so long. */
  | { readonly type: 'bake-extended'; readonly byMs: number }
  /** Evidence begins anew, after an incident of both arms: what it left must not count for or against anybody. */
  | { readonly type: 'epoch-begun' }
  /** Users did not get all: somebody must look. Pauses a rollout that runs. */
  | { readonly type: 'alarmed'; readonly harmed: number }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'disabled' }
  | { readonly type: 'enabled' }
  | {
      readonly type: 'revised';
      readonly plan: Plan;
      readonly diff: readonly PlanChange[];
      readonly stageIndex: number | null;
      /** A new bake began. */
      readonly newBake: boolean;
      /** With an error budget of its own: another margin, limit or metric. Absent in older logs: as `newBake`. */
      readonly newBudget?: boolean;
      /** With a new budget: as with the first stage. */
      readonly history?: ControlHistory;
    }
  | {
      readonly type: 'completed';
      readonly byHand: boolean;
      readonly withoutPass: boolean;
      readonly judgement: Judgement | null;
    }
  | {
      readonly type: 'rollback-started';
      readonly drainId: string;
      readonly policy: DrainPolicy;
      readonly judgement: Judgement | null;
      readonly evaluators: readonly string[];
      readonly gateways: readonly string[];
      /** Somebody who runs may not be among these; absent: all are. */
      readonly mayLackWitnesses?: boolean;
    }
  | { readonly type: 'drain-escalated'; readonly drainId: string; readonly policy: DrainPolicy }
  | { readonly type: 'admission-stopped'; readonly evaluator: string; readonly revision: number }
  | {
      readonly type: 'sessions-drained';
      readonly gateway: string;
      readonly sessions: readonly DrainedSession[];
      readonly done: boolean;
    }
  | { readonly type: 'rolled-back' };

/** One fact of a rollout's life. The log of these is the audit, and the state is their fold. */
export type RolloutEvent = EventHead & EventBody;

export type RolloutEventType = EventBody['type'];

/** One place where two plans differ; `path` is dotted, absent values are null. */
export interface PlanChange {
  readonly path: string;
  readonly before: Json;
  readonly after: Json;
}
