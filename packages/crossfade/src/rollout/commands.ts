import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { MetricId } from '../analysis/metric-spec.ts';
import type { ControlHistory } from '../analysis/sequential/control-history.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import type { DrainOutcome } from '../transcript/session-record.ts';
import type { Plan } from './plan.ts';
import type { Judgement } from './verdict.ts';

/** Who asks. The automatic actor's only destructive verb is rollback. */
export interface Actor {
  readonly kind: 'person' | 'automatic';
  readonly name: string;
}

interface Asked {
  readonly actor: Actor;
  /** Why, in the actor's words; kept in the audit. */
  readonly reason: string;
}

/** Everything a rollout can be asked or told. What each does in each phase: `docs/rollout.md`. */
export type Command =
  /** Makes the rollout, in `draft`. On an existing one with the same plan it changes nothing. */
  | (Asked & { readonly type: 'apply'; readonly plan: Plan })
  | (Asked & { readonly type: 'start' })
  /** Acceptance evidence for this build; opens the first stage. */
  | (Asked & { readonly type: 'accept'; readonly evidence: AcceptanceEvidence } & Past)
  /** A person's recorded waiver of the acceptance evidence (all gates, or the named ones); opens the first stage. */
  | (Asked & { readonly type: 'waive'; readonly gates?: readonly MetricId[] } & Past)
  /**
   * By hand, one stage on: skips what is left of the bake, never the verdict. `withoutPass` is a person's recorded
   * decision to go on without one; a verdict of `fail` or `invalid` cannot be passed over.
   */
  | (Asked & { readonly type: 'advance'; readonly withoutPass?: boolean })
  /** Lets the next stage begin; `stage` names it so that a late click does not approve another. */
  | (Asked & { readonly type: 'approve'; readonly stage?: string })
  | (Asked & { readonly type: 'pause' })
  | (Asked & { readonly type: 'resume' })
  | (Asked & { readonly type: 'disable' })
  | (Asked & { readonly type: 'enable' })
  /** Dynamic configuration: a whole new plan for the same build. */
  | (Asked & { readonly type: 'revise'; readonly plan: Plan } & Past)
  /** Accepted in every phase, idempotent. `policy` overrides the plan's; a stronger one escalates a running rollback. */
  | (Asked & {
      readonly type: 'rollback';
      readonly policy?: DrainPolicy;
    } & Witnesses)
  /** From the judge. The witnesses are used when it rolls back. */
  | (Asked & { readonly type: 'verdict'; readonly judgement: Judgement } & Witnesses)
  /** The bake clock: what was observed since the last tick. */
  | (Asked & {
      readonly type: 'tick';
      /** Healthy, observed time since the last tick, by the monotonic clock. Never counts more than passed by `now`. */
      readonly healthyMs: number;
      /** Candidate sessions an hour as measured; null when not known, which stops the clock if the stage asks for any. */
      readonly sessionsPerHour: number | null;
      /** A compressed clock, for demonstrations: what passed by `now` counts this many times over. 1 when absent. */
      readonly timeScale?: number;
      /** Why the clock must stop although nothing else says so (a gap, stale metrics, a gateway that cannot serve). */
      readonly stop?: {
        readonly reason: 'gap' | 'stale' | 'unknown-upstream';
        readonly sentence: string;
      };
    })
  /** An evaluator serves a ruleset in which admission has stopped. Sent only for revisions at or after the rollback. */
  | (Asked & { readonly type: 'acknowledge'; readonly evaluator: string; readonly revision: number })
  /** What became of sessions that were open at the rollback; a gateway repeats it as often as it likes. */
  | (Asked & {
      readonly type: 'drain-report';
      readonly gateway: string;
      readonly sessions: readonly DrainedSession[];
      /** None of its sessions is open any more; absent: as the gateway said last. */
      readonly done?: boolean;
    })
  /** Closes the rollback: refused while sessions are open or evaluators silent, until their limits are over. */
  | (Asked & { readonly type: 'finish-rollback' });

export type CommandType = Command['type'];

/** What an error budget that begins with the command is measured by; kept with it. */
export interface Past {
  readonly history?: ControlHistory;
}

/** Who is known at a rollback: the receipt lists those that never answer. */
export interface Witnesses {
  /** Evaluators heard from within their lease, gateways included. */
  readonly evaluators?: readonly string[];
  /** Gateways whose report of open sessions is awaited. */
  readonly gateways?: readonly string[];
  /** The control plane started a moment ago: somebody who only has to come back may not be among them. */
  readonly mayLackWitnesses?: boolean;
}

export interface DrainedSession {
  readonly sessionId: string;
  readonly outcome: DrainOutcome;
  /** Whether it is over, so that what it lost and repeated is counted. Absent in older logs: unless it is open. */
  readonly ended?: boolean;
  /** Samples offered that nobody transcribed, known at its end. Must be 0. */
  readonly samplesLost: number;
  /** Entries its user was shown twice, known at its end. Must be 0. */
  readonly duplicateEntries?: number;
  /** From the move, or from when it was said if that was later, to the first text after it; absent: not moved, or none yet. */
  readonly pauseMs?: number;
}

/** What an acceptance report says, as far as a rollout keeps it; `evidenceOfReport` makes it. */
export interface AcceptanceEvidence {
  /** What was tested; null when neither the target nor who ran the suite named it. */
  readonly build: string | null;
  /** Digest of the whole report. */
  readonly reportId: string;
  readonly startedAtMs: number;
  readonly result: 'passed' | 'failed' | 'evidence-missing' | 'could-not-run';
  /** The run ended before its plan did. */
  readonly partial: boolean;
  /** The one case that was run; null for the whole plan. */
  readonly case: string | null;
  readonly system: string;
  readonly target: string;
  readonly protocol: string;
  readonly suite: string;
  readonly profile: string;
  readonly probe: string;
  readonly seed: number;
  readonly corpusDigest: string;
  readonly metrics: readonly AcceptanceMetric[];
}

export interface AcceptanceMetric {
  readonly metric: MetricId;
  readonly result: EvidenceResult;
  readonly value: number | null;
  readonly n: number;
  readonly bound: number | null;
  readonly threshold: number;
  readonly observer: string;
  readonly sentence: string;
  /** A person's recorded reason to go on without a measurement; only where the result is `not-measurable`. */
  readonly waiver: string | null;
}
