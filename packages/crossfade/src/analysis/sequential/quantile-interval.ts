/** Quantiles with intervals that hold at any time, from raw ranks or from a histogram (Howard & Ramdas 2022). */
import { lnShareMixture, type ShareMixtureOptions } from './bernoulli-mixture.ts';
import { bisect } from './special-functions.ts';

/** One bucket of a histogram; its values lie between the edges, both included. */
export interface QuantileBucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** Ranks (1 is the smallest) between which the quantile lies; null: unbounded on that side. */
export interface RankInterval {
  readonly lower: number | null;
  readonly upper: number | null;
}

/** The ranks of n values between which the p-quantile lies, at any time, at level alpha. */
export function quantileRanks(n: number, p: number, options: ShareMixtureOptions): RankInterval {
  const goal = Math.log(1 / options.alpha);
  const refutes = (events: number): boolean => lnShareMixture({ events, n }, p, options) >= goal;
  const centre = n * p;
  const lower = n > 0 && refutes(0) ? Math.floor(bisect(0, centre, refutes) + 1) : null;
  const upper = n > 0 && refutes(n) ? Math.ceil(bisect(n, centre, refutes)) : null;
  return { lower, upper };
}

/**
 * The interval to show from a histogram: lower edge of the lower rank's bucket, upper edge of the upper rank's, so it
 * is never narrower than the raw values would give.
 */
export function quantileInterval(
  buckets: readonly QuantileBucket[],
  p: number,
  options: ShareMixtureOptions,
): readonly [lower: number, upper: number] {
  const n = buckets.reduce((sum, { count }) => sum + count, 0);
  const ranks = quantileRanks(n, p, options);
  const lower = ranks.lower === null ? undefined : bucketAt(buckets, ranks.lower);
  const upper = ranks.upper === null ? undefined : bucketAt(buckets, ranks.upper);
  return [lower?.lower ?? -Infinity, upper?.upper ?? Infinity];
}

function bucketAt(buckets: readonly QuantileBucket[], rank: number): QuantileBucket | undefined {
  let seen = 0;
  return buckets.find(({ count }) => (seen += count) >= rank);
}

/** Thirds of the range of counts that a search for its minimum leaves out; 60 bring any count below one part in 10⁹. */
const ternarySteps = 60;

/** The count at which ln M is least: about n × p. ln M is convex in the count. */
function leastCount(n: number, p: number, options: ShareMixtureOptions): number {
  let low = 0;
  let high = n;
  for (let step = 0; step < ternarySteps; step++) {
    const third = (high - low) / 3;
    const left = lnShareMixture({ events: low + third, n }, p, options);
    const right = lnShareMixture({ events: high - third, n }, p, options);
    if (left < right) high -= third;
    else low += third;
  }
  return (low + high) / 2;
}

/**
 * ln E against "both arms have the same p-quantile", from counts over common buckets: wherever the quantile may lie in
 * a bucket, each arm's share below it is only known between the bucket's edges, and the kindest values are taken. Never
 * larger than raw data would give, hence valid.
 */
export function lnQuantileDifference(
  counts: readonly (readonly [candidate: number, control: number])[],
  p: number,
  options: ShareMixtureOptions,
): number {
  const totals = [0, 1].map((arm) => counts.reduce((sum, pair) => sum + (pair[arm] ?? 0), 0));
  const least = totals.map((n) => leastCount(n, p, options));
  const below = [0, 0];
  let lnLeast = Infinity;
  for (const pair of counts) {
    let lnBoth = 0;
    for (const [arm, n] of totals.entries()) {
      const from = below[arm] ?? 0;
      const to = from + (pair[arm] ?? 0);
      below[arm] = to;
      if (n === 0) continue;
      const events = Math.min(to, Math.max(from, least[arm] ?? 0));
      lnBoth += lnShareMixture({ events, n }, p, options);
    }
    lnLeast = Math.min(lnLeast, lnBoth);
  }
  return Number.isFinite(lnLeast) ? lnLeast : 0;
}
