import type { MetricId } from '../metric-spec.ts';
import type { ScoreRule } from './bets.ts';

/**
 * Metrics that are compared between the arms while a rollout runs: those of acceptance, and four that only a live
 * comparison has. `early-failure` is the outcome of a session's first two minutes, reported while it runs.
 */
export type SequentialMetricId =
  MetricId | 'early-failure' | 'word-error-rate' | 'cpu-per-audio-hour' | 'rss-per-process';

/** What a plan uses a metric for. A metric may be guardrail and gate at once. */
export type MetricRole =
  /** Must not be shown worse, else rollback. */
  | 'guardrail'
  /** Must be proven good to move on. */
  | 'gate'
  /** Hoped to improve. */
  | 'goal'
  /** Shown, and decides nothing. */
  | 'watch';

/** How a gate is proven live. */
export type MetricProof =
  /** Upper bound of the ratio below the limit, at a registered look. */
  | 'below-limit'
  /** Upper bound of the difference below the promotion margin. */
  | 'no-worse'
  /** Live faults are too few: acceptance evidence proves it, live it must only not be bad. */
  | 'acceptance';

/** One metric as the judge sees it. Ratios are ΣY/ΣX over sessions, and larger is worse. */
export interface SequentialMetric {
  readonly id: SequentialMetricId;
  readonly roles: readonly MetricRole[];
  /** What a session brings: numerator over denominator. */
  readonly outcome: string;
  /** Limit of ΣY/ΣX; null: compared between the arms only. */
  readonly limit: number | null;
  /** Relative margin of rollback: worse than this is worth waking someone. */
  readonly rollbackMargin: number;
  /** Relative margin of promotion; at least the one of rollback. */
  readonly promotionMargin: number;
  /** Why the margins are what they are. */
  readonly marginReason: string;
  /** The bounded score of the bets between the arms. */
  readonly score: ScoreRule;
  /** `counts`: too rare for a score; sessions with an event are counted by the side they fell on instead. */
  readonly between?: 'counts';
  /** Longest X that one bet against the limit takes. */
  readonly unitMax: number;
  readonly proof: MetricProof;
  /** Share of the error budget, relative to the other metrics; those of lost data count double. */
  readonly weight: number;
  /** When a session's outcome is known: after its first two minutes, at its end, or by blocks of 30 minutes. */
  readonly window: 'early' | 'ended' | 'blocks';
  /** A session that never reports counts as Y = X = 1. */
  readonly missingIsFailure: boolean;
}

const guarded: readonly MetricRole[] = ['guardrail', 'gate'];

/** An hour of audio; longer sessions are weighed as one of it. */
const audioMaxS = 3_600;

/** The table: what each metric counts, what is tolerated and how it is proven. Plans override limits, margins and roles. */
export const sequentialMetrics: readonly SequentialMetric[] = [
  {
    id: 'early-failure',
    roles: ['guardrail'],
    outcome: 'sessions that did not start, stored nothing or failed in two minutes / sessions',
    limit: null,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason: 'rare: the difference of a few sessions is chance; a broken start is many times the margin',
    score: { kind: 'indicator' },
    unitMax: 1,
    proof: 'no-worse',
    weight: 1,
    window: 'early',
    missingIsFailure: true,
  },
  {
    id: 'error-rate',
    roles: guarded,
    outcome: 'failed / asked',
    limit: null,
    rollbackMargin: 0.1,
    promotionMargin: 0.25,
    marginReason:
      'a tenth more errors drift in with any week; errors cluster, so proof of less than a quarter takes weeks',
    score: { kind: 'saturating', halfAt: 1 },
    // Live, a session is asked once: it failed or it did not.
    unitMax: 1,
    proof: 'no-worse',
    weight: 1,
    window: 'ended',
    missingIsFailure: true,
  },
  {
    id: 'capture-completeness',
    roles: guarded,
    outcome: 'seconds missing / seconds recorded',
    limit: 5e-4,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason:
      'gaps are rare and of very different length: their sum swings by a quarter without any cause',
    score: { kind: 'saturating', halfAt: 15 },
    unitMax: audioMaxS,
    proof: 'below-limit',
    weight: 2,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'orphan-rate',
    roles: guarded,
    outcome: 'orphans / segments with a partial',
    limit: 5e-4,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason: 'orphans come in rare bursts; sessions are counted, and few have any',
    score: { kind: 'indicator' },
    unitMax: 500,
    proof: 'below-limit',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'finalization-latency',
    roles: guarded,
    outcome:
      'finals slower than the limit (against it), or than the historical p95 (against control) / finals',
    limit: 0.05,
    rollbackMargin: 0.1,
    promotionMargin: 0.1,
    marginReason: 'a tenth more slow finals is about 2 % of latency: nobody notices',
    score: { kind: 'ratio', cap: 3, unitMax: 60 },
    unitMax: 100,
    proof: 'below-limit',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'stop-latency',
    roles: guarded,
    outcome: 'stops slower than the limit, or than the historical p95 / stops',
    limit: 0.05,
    rollbackMargin: 0.1,
    promotionMargin: 0.1,
    marginReason: 'as for finals',
    score: { kind: 'indicator' },
    unitMax: 1,
    proof: 'below-limit',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'missed-tail',
    roles: guarded,
    outcome: 'milliseconds of the end missed / sessions',
    limit: 100,
    rollbackMargin: 0.1,
    promotionMargin: 0.1,
    marginReason: 'a tenth of the limit is 10 ms, less than a sound',
    score: { kind: 'capped', cap: 1_000 },
    unitMax: 1,
    proof: 'below-limit',
    weight: 2,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'duplicate-artifacts',
    roles: guarded,
    outcome: 'duplicate entries / entries',
    limit: 1e-4,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason: 'as for orphans, and rarer',
    score: { kind: 'indicator' },
    unitMax: 500,
    proof: 'below-limit',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'first-partial-latency',
    roles: guarded,
    outcome: 'milliseconds to the first partial / sessions',
    limit: null,
    rollbackMargin: 0.05,
    promotionMargin: 0.1,
    marginReason: 'the mean is well known after an hour, and 5 % of it is below what a person feels',
    score: { kind: 'capped', cap: 2_000 },
    unitMax: 1,
    proof: 'no-worse',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'recovery-success',
    roles: guarded,
    outcome: 'faults not recovered / faults met',
    limit: 0.01,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason: 'live faults are few; acceptance makes them on purpose',
    score: { kind: 'indicator' },
    between: 'counts',
    unitMax: 10,
    proof: 'acceptance',
    weight: 1,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'durability-loss',
    roles: guarded,
    outcome: 'crashes that lost more than the limit / crashes',
    limit: 0.05,
    rollbackMargin: 0.25,
    promotionMargin: 0.25,
    marginReason: 'live crashes are few; acceptance makes them on purpose',
    score: { kind: 'indicator' },
    between: 'counts',
    unitMax: 10,
    proof: 'acceptance',
    weight: 2,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'word-error-rate',
    roles: ['watch'],
    outcome: 'word errors / reference words',
    limit: null,
    rollbackMargin: 0.02,
    promotionMargin: 0.02,
    marginReason: 'two percent of the errors is what a release note calls the same accuracy',
    score: { kind: 'ratio', cap: 100, unitMax: 1_000 },
    unitMax: 5_000,
    proof: 'no-worse',
    weight: 0,
    window: 'ended',
    missingIsFailure: false,
  },
  {
    id: 'cpu-per-audio-hour',
    roles: ['guardrail'],
    outcome: 'CPU seconds per audio hour, candidate processes against control, by blocks of 30 minutes',
    limit: null,
    rollbackMargin: 0.1,
    promotionMargin: 0.1,
    marginReason: 'a tenth more machines is a cost to decide on, not an outage',
    score: { kind: 'capped', cap: 1 },
    unitMax: 1,
    proof: 'no-worse',
    weight: 0.5,
    window: 'blocks',
    missingIsFailure: false,
  },
  {
    id: 'rss-per-process',
    roles: ['guardrail'],
    outcome: 'resident bytes per process, candidate against control, by blocks of 30 minutes',
    limit: null,
    rollbackMargin: 0.1,
    promotionMargin: 0.1,
    marginReason:
      'as for CPU; a leak passes any margin, and the restarts of the evidence see it late in a bake too',
    score: { kind: 'capped', cap: 1 },
    unitMax: 1,
    proof: 'no-worse',
    weight: 0.5,
    window: 'blocks',
    missingIsFailure: false,
  },
];

/** A metric of the table. */
export function sequentialMetric(id: SequentialMetricId): SequentialMetric {
  const found = sequentialMetrics.find((metric) => metric.id === id);
  if (found === undefined) throw new RangeError(`Expected a metric of the table, got ${id}.`);
  return found;
}

/** What history says of a metric, fixed before the canary. A wrong history costs power, not validity. */
export interface Baseline {
  /** ΣY/ΣX, Y as compared between the arms. Above 0. */
  readonly ratio: number;
  /** Mean score of a session (the ratio again when the score is a ratio). */
  readonly scoreMean: number;
  /** What one bad session costs against the limit: mean Y of those with any. */
  readonly damage: number;
  /** Latencies: the historical p95, above which a value counts as slow between the arms, ms. */
  readonly p95Ms?: number;
}

/**
 * What to believe without any history, per metric. Chosen a factor of two to five inside the limits, where services that
 * pass acceptance are; control's own history replaces them as soon as there is one.
 */
export const defaultBaselines: Readonly<Record<SequentialMetricId, Baseline>> = {
  'early-failure': { ratio: 0.002, scoreMean: 0.002, damage: 1 },
  'error-rate': { ratio: 0.005, scoreMean: 0.0025, damage: 1 },
  'capture-completeness': { ratio: 1e-4, scoreMean: 0.002, damage: 5 },
  'orphan-rate': { ratio: 1.5e-4, scoreMean: 0.003, damage: 2 },
  'finalization-latency': { ratio: 0.05, scoreMean: 0.05, damage: 1, p95Ms: 1_200 },
  'stop-latency': { ratio: 0.05, scoreMean: 0.05, damage: 1, p95Ms: 1_200 },
  'missed-tail': { ratio: 50, scoreMean: 0.05, damage: 60 },
  'recovery-success': { ratio: 0.003, scoreMean: 0.003, damage: 1 },
  'duplicate-artifacts': { ratio: 2e-5, scoreMean: 5e-4, damage: 2 },
  'durability-loss': { ratio: 0.01, scoreMean: 0.01, damage: 1 },
  'first-partial-latency': { ratio: 400, scoreMean: 0.2, damage: 400 },
  'word-error-rate': { ratio: 0.1, scoreMean: 0.1, damage: 5 },
  'cpu-per-audio-hour': { ratio: 60, scoreMean: 0.5, damage: 60 },
  'rss-per-process': { ratio: 500_000_000, scoreMean: 0.5, damage: 500_000_000 },
};
