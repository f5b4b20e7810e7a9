import { type ArmIndex, cellAt, momentsAt, type OutcomeKind } from './cell-layout.ts';
import { ratioVariance } from './ratio-moments.ts';
import { userBucket, userBucketCount, type UserKey } from './user-filter.ts';

/** Per metric and arm: Y as compared, X, and Y against the limit of each bucket. */
const bucketWidth = 3;

/** Fewer buckets than this show no variance between them. */
const bucketsMin = 30;

export interface UserBucketsJson {
  readonly hasReturns: boolean;
  /** Empty when no session had a user. */
  readonly sums: readonly number[];
}

/**
 * Totals of users in 256 buckets. Sessions of one user resemble each other, so a user's sessions are not independent;
 * bucket totals are, and their variance is the honest one.
 */
export class UserBuckets {
  readonly #sums: Float64Array;
  #hasReturns = false;

  constructor(metrics: number, sums = new Float64Array(metrics * 2 * userBucketCount * bucketWidth)) {
    this.#sums = sums;
  }

  /** Adds a session of a user. Once one returned, variances are taken between buckets. */
  add(arm: ArmIndex, user: UserKey, isFirst: boolean, outcomes: Float64Array): void {
    if (!isFirst) this.#hasReturns = true;
    const sums = this.#sums;
    const bucket = userBucket(user);
    const metrics = outcomes.length / bucketWidth;
    for (let metric = 0; metric < metrics; metric++) {
      const at = bucketAt(metric, arm, bucket);
      const from = metric * bucketWidth;
      sums[at]! += outcomes[from]!;
      sums[at + 1]! += outcomes[from + 1]!;
      sums[at + 2]! += outcomes[from + 2]!;
    }
  }

  /** Variance between buckets over the variance between sessions of the same sums; never below 1. */
  designEffect(metric: number, arm: ArmIndex, kind: OutcomeKind, cells: Float64Array): number {
    if (!this.#hasReturns) return 1;
    const moments = momentsAt(cells, cellAt(metric, arm), kind, 1);
    const bySession = ratioVariance(moments);
    if (bySession === null || bySession <= 0) return 1;
    const ratio = moments.sumY / moments.sumX;
    let used = 0;
    let residual = 0;
    for (let bucket = 0; bucket < userBucketCount; bucket++) {
      const at = bucketAt(metric, arm, bucket);
      const x = this.#sums[at + 1]!;
      if (x <= 0) continue;
      used += 1;
      residual += (this.#sums[at + (kind === 'limit' ? 2 : 0)]! - ratio * x) ** 2;
    }
    if (used < bucketsMin) return 1;
    const byBucket = ((used / (used - 1)) * residual) / moments.sumX ** 2;
    return Math.max(1, byBucket / bySession);
  }

  toJSON(): UserBucketsJson {
    const isEmpty = this.#sums.every((sum) => sum === 0);
    return { hasReturns: this.#hasReturns, sums: isEmpty ? [] : [...this.#sums] };
  }

  static fromJSON(metrics: number, { hasReturns, sums }: UserBucketsJson): UserBuckets {
    const buckets =
      sums.length === 0 ? new UserBuckets(metrics) : new UserBuckets(metrics, Float64Array.from(sums));
    buckets.#hasReturns = hasReturns;
    return buckets;
  }
}

function bucketAt(metric: number, arm: ArmIndex, bucket: number): number {
  return ((metric * 2 + arm) * userBucketCount + bucket) * bucketWidth;
}
