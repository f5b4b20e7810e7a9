import type { Json, JsonObject } from '../core/json.ts';

/** How many buckets a share is counted in: resolution 0.001 %. A share of n holds exactly n of them. */
export const bucketCount = 100_000;

/**
 * What evaluators use: a pure function of the rollouts' state. Sent whole, validated whole,
 * compiled on arrival. `revision` only grows.
 */
export interface Ruleset {
  readonly schema: 'crossfade.ruleset/1';
  readonly revision: number;
  readonly flags: Readonly<Record<string, Flag>>;
  readonly audiences: Readonly<Record<string, Audience>>;
  /** Candidates whose open sessions must leave; read by gateways, ignored by evaluators. */
  readonly drains?: readonly Drain[];
}

export interface Flag {
  /** Name to value. Any JSON value. */
  readonly variants: Readonly<Record<string, Json>>;
  /** Served when no rule matches, outside every share, when disabled, and when the lease is over. */
  readonly defaultVariant: string;
  /** The kill switch: false serves the default variant to everybody, overrides included. */
  readonly enabled: boolean;
  /** Hashed with the key. Two flags with one salt share buckets on purpose. */
  readonly salt: string;
  /** Targeting key to variant; wins over every rule. */
  readonly overrides?: Readonly<Record<string, string>>;
  /** In order; the first whose condition matches decides. */
  readonly rules: readonly Rule[];
  /** A served non-default variant, and a share's decision, is valid only this long after the control plane was last heard. */
  readonly leaseMs?: number;
  /** The rollout that owns this flag, copied into every decision. */
  readonly rollout?: RolloutStamp;
  readonly metadata?: JsonObject;
}

/** What a decision says of the rollout that made it, so that a session record can be judged. */
export interface RolloutStamp {
  readonly name: string;
  /** A stretch of constant share; evidence is never pooled across epochs. */
  readonly epoch: number;
  readonly controlVariant: string;
  readonly candidateVariant: string;
  readonly candidateBuild?: string;
}

export interface Rule {
  readonly id: string;
  /** Absent: everybody. */
  readonly when?: Condition;
  readonly serve: Serve;
}

export type Serve = { readonly variant: string } | Share;

/**
 * A sticky percentage. Two independent hashes: the first asks whether the key is in at all
 * (bucket < share), the second which variant it gets (the slice that holds its bucket).
 * Outside the share, or in no slice: the default variant.
 */
export interface Share {
  /** Buckets in [0, 100_000]; the share holds exactly this many. */
  readonly share: number;
  /** Half-open, disjoint ranges of the second hash. */
  readonly slices: readonly Slice[];
  /** The attribute that is hashed; the targeting key when absent. */
  readonly by?: string;
}

export interface Slice {
  readonly variant: string;
  readonly start: number;
  readonly end: number;
}

export interface Audience {
  readonly description?: string;
  readonly when: Condition;
}

export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | { readonly audience: string }
  | Comparison;

/**
 * How an attribute is compared. What cannot be compared does not match; `notEquals` and `notIn` are exact
 * opposites, so they hold for a missing attribute. Numbers may come as text ("42"). Dates: ISO 8601 with a
 * zone, a plain date (midnight UTC), milliseconds, or a `Date`. `in` and `contains` also look into a list
 * in the context. `matches` takes the subset that pattern-syntax.ts describes. `exists` is neither missing
 * nor null.
 */
export const operators = [
  'equals',
  'notEquals',
  'in',
  'notIn',
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'lessThan',
  'atMost',
  'greaterThan',
  'atLeast',
  'before',
  'after',
  'semverEquals',
  'semverLessThan',
  'semverAtMost',
  'semverGreaterThan',
  'semverAtLeast',
  'exists',
] as const;

export type Operator = (typeof operators)[number];

/** `attribute` is a dotted path into the context; `targetingKey` names the key itself. */
export interface Comparison {
  readonly attribute: string;
  readonly op: Operator;
  readonly value?: Json;
}

/** `finish`: end where they are. `migrate`: move at a segment boundary. `cut`: move now. */
export type DrainPolicy = 'finish' | 'migrate' | 'cut';

/** An order to every gateway: sessions of this build leave. Repeating it changes nothing. */
export interface Drain {
  /** Unique for the rollback that gave it. */
  readonly id: string;
  readonly rollout: string;
  readonly flag: string;
  readonly variant: string;
  readonly policy: DrainPolicy;
}

/** What the app knows of the user. `targetingKey` decides shares. */
export interface EvaluationContext {
  readonly targetingKey?: string;
  readonly [attribute: string]: unknown;
}

/**
 * OpenFeature's reasons. TARGETING_MATCH: a rule or an override named the variant. SPLIT: a share did, also
 * for those outside it. DEFAULT: no rule matched; STATIC: there are none. STALE: the lease is over, and the default
 * served to all who would get another variant and to all whom a share would decide. ERROR: `errorCode` says what failed.
 */
export type Reason = 'STATIC' | 'DEFAULT' | 'TARGETING_MATCH' | 'SPLIT' | 'DISABLED' | 'STALE' | 'ERROR';

/** OpenFeature's error codes, as far as an in-process evaluator can meet them. */
export type EvaluationErrorCode =
  | 'FLAG_NOT_FOUND'
  | 'TARGETING_KEY_MISSING'
  | 'PROVIDER_NOT_READY'
  | 'TYPE_MISMATCH'
  | 'INVALID_CONTEXT'
  | 'GENERAL';

export interface EvaluationResult {
  readonly value: Json | undefined;
  readonly variant: string | undefined;
  readonly reason: Reason;
  /** The rule that decided; `@override` when an override did. */
  readonly rule?: string;
  /** Of the ruleset that decided; -1 when there was none. */
  readonly revision: number;
  readonly rollout?: RolloutStamp;
  /** Set exactly when the reason is ERROR. */
  readonly errorCode?: EvaluationErrorCode;
  /** A sentence; also set when the reason is STALE. */
  readonly errorMessage?: string;
}
