import type { Audience, DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { MetricId, Thresholds } from '../analysis/metric-spec.ts';
import type { MetricProof, SequentialMetricId } from '../analysis/sequential/sequential-metrics.ts';

/**
 * The versioned file that says how a candidate is rolled out, as the domain sees it: durations in milliseconds,
 * shares in buckets, every default filled in. `parsePlan` makes it from YAML or an object.
 */
export interface Plan {
  /** The rollout's name; also the default salt, so that another rollout risks other users first. */
  readonly name: string;
  readonly flag: string;
  readonly control: PipelineRef;
  readonly candidate: CandidateRef;
  readonly audiences: Readonly<Record<string, Audience>>;
  /** At least one; shares never shrink from one to the next, and an audience that is in stays in. */
  readonly stages: readonly Stage[];
  /** `required`: only acceptance evidence opens the first stage. `waiver`: a person's recorded waiver does too. */
  readonly acceptance: AcceptanceRule;
  /** Evidence that is older has gone stale. Absent: `evidenceMaxAgeMs`. */
  readonly acceptanceMaxAgeMs?: number;
  /** What evidence must show per metric, beside what the gates require of it. Absent: nothing more. */
  readonly acceptanceRequires?: Readonly<Partial<Record<MetricId, RequiredResult>>>;
  /** Must be proven good to move on. */
  readonly gates: readonly Gate[];
  /** Must not be shown worse, else rollback. */
  readonly guardrails: Guardrails;
  /** Hoped to improve. */
  readonly goals: readonly Goal[];
  /** What is different from the judge's table, by metric. */
  readonly metrics: Readonly<Partial<Record<SequentialMetricId, PlanMetric>>>;
  /** Worst-case chance that the whole rollout takes a healthy build back. */
  readonly alpha: number;
  /** From the start of a session until its end is overdue. */
  readonly maturityMs: number;
  /** How long an incident of both arms holds before the evidence begins anew. */
  readonly incidentHoldMs: number;
  /** Buckets that stay on control in every stage, in audiences too; 0: none. Ends with the flag's next rollout. */
  readonly holdbackBuckets: number;
  readonly drain: DrainPolicy;
  /** How long a rollback waits for its open sessions before the receipt lists them as open. */
  readonly drainLimitMs: number;
  /** How long `no-data` or `source-error` may last before the rollout pauses itself. */
  readonly noDataLimitMs: number;
  readonly freeze: readonly FreezeWindow[];
  readonly notifications: readonly Notification[];
  readonly salt: string;
  /** Targeting key to side; wins over stages while the rollout runs. */
  readonly overrides: Readonly<Record<string, 'control' | 'candidate'>>;
}

/** A build does not change; the machines, models and vendors around it do, within weeks. */
export const evidenceMaxAgeMs = 30 * 86_400_000;

/** One mistake in a plan. */
export interface PlanMistake {
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

export type AcceptanceRule = 'required' | 'waiver';

/** A side of the rollout: the flag's variant, and the upstream that the variant's value names. */
export interface PipelineRef {
  readonly variant: string;
  readonly upstream: string;
}

export interface CandidateRef extends PipelineRef {
  /** Digest of the build; a rollback is final for it. */
  readonly build: string;
}

export interface Stage {
  readonly name: string;
  /** Audiences that come in here, in full; those of earlier stages stay in. */
  readonly audiences: readonly string[];
  /** Share of everybody else, in buckets of 0.001 %. */
  readonly shareBuckets: number;
  /** Healthy, observed time that the bake clock must count. */
  readonly bakeMs: number;
  /** Fewer sessions an hour than this stop the bake clock. */
  readonly minSessionsPerHour: number;
  /** Still inconclusive after this much wall time: pause and notify. */
  readonly longestBakeMs: number;
  /** A person must approve before this stage begins. */
  readonly approval: boolean;
}

/** The seven acceptance metrics of the glossary; a plan's gates unless it names its own. */
export const acceptanceMetrics = [
  'capture-completeness',
  'orphan-rate',
  'finalization-latency',
  'missed-tail',
  'recovery-success',
  'duplicate-artifacts',
  'durability-loss',
] as const satisfies readonly MetricId[];

/** How good acceptance or live evidence must be: a bound on the right side, or the value alone. */
export type RequiredResult = 'certified' | 'within-limits';

export interface Gate {
  readonly metric: MetricId;
  readonly requires: RequiredResult;
  /** Stage that may not be left before live evidence proves the gate. Absent: acceptance evidence or a waiver. */
  readonly liveAtStage?: string;
}

export interface Guardrails {
  /** By metric, in its unit; `defaultThresholds` with the plan's own over them. A metric without one is not judged. */
  readonly limits: Thresholds;
  /** Sessions that each arm must have in an epoch before anything passes. */
  readonly minSessions: number;
}

/** A plan's choices for one metric; what is absent is as in the judge's table. */
export interface PlanMetric {
  readonly role?: 'guardrail' | 'watch';
  /** Relative: 0.1 is a tenth worse. */
  readonly rollbackMargin?: number;
  readonly promotionMargin?: number;
  readonly proof?: Exclude<MetricProof, 'acceptance'>;
  /** What control had before, in the metric's unit. */
  readonly history?: number;
}

export interface Goal {
  readonly metric: MetricId;
  /** True: the rollout does not complete before the metric is shown better. */
  readonly mustImprove: boolean;
}

/** No promotion while one is open, and the bake clock stops. Rollback ignores it. */
export type FreezeWindow =
  | {
      readonly name: string;
      /** IANA zone, such as Europe/Berlin. */
      readonly zone: string;
      /** Days on which it opens: 1 Monday … 7 Sunday. */
      readonly days: readonly number[];
      /** Minutes after local midnight; an end at or before the start lies on the next day. */
      readonly fromMinute: number;
      readonly untilMinute: number;
    }
  | {
      readonly name: string;
      readonly zone: string;
      /** Local date and time, such as 2026-12-20T00:00; half-open. */
      readonly fromLocal: string;
      readonly untilLocal: string;
    };

export const noticeKinds = [
  'awaiting-acceptance',
  'stage-entered',
  'approval-wanted',
  'held',
  'paused',
  'disabled',
  'revised',
  'rollback-started',
  'rolled-back',
  'completed',
  'dead-lettered',
] as const;

export type NoticeKind = (typeof noticeKinds)[number];

/** What a webhook's body looks like: an event as the Standard Webhooks specification has it, or a message for Slack. */
export const webhookFormats = ['standard', 'slack'] as const;
export type WebhookFormat = (typeof webhookFormats)[number];

/** Who is told: a target of the system's configuration by name, or a webhook of the plan's own. */
export type Notification = (NamedTarget | PlanWebhook) & { readonly on: readonly NoticeKind[] };

interface NamedTarget {
  readonly target: string;
}

export interface PlanWebhook {
  readonly webhook: string;
  readonly format: WebhookFormat;
  /** Environment variable of the control plane that holds the signing secret; absent: not signed. */
  readonly secretFromEnv?: string | undefined;
}
