/**
 * One-sided confidence bounds for fixed samples. Units must be independent: sessions, faults, crashes. Each function
 * says how it was derived; the tests pin them to published numbers.
 */
import { lnBetaLower, lnBinomialAtMost } from './beta-function.ts';
import { bisect } from './sequential/special-functions.ts';

/** What a bound may be wrong with: 5 %, one-sided. */
export const defaultAlpha = 0.05;

/**
 * Clopper–Pearson upper bound: the largest share at which `events` or fewer of `n` are still as likely as alpha.
 * Exact for independent events, conservative for outcomes in [0, 1] that count as events when above 0.
 */
export function shareUpperBound(events: number, n: number, alpha = defaultAlpha): number {
  if (n === 0 || events >= n) return 1;
  return bisect(0, 1, (p) => lnBinomialAtMost(events, n, p) > Math.log(alpha));
}

/** Clopper–Pearson lower bound: the smallest share at which `events` or more of `n` are as likely as alpha. */
export function shareLowerBound(events: number, n: number, alpha = defaultAlpha): number {
  if (n === 0 || events <= 0) return 0;
  return bisect(0, 1, (p) => lnBetaLower(events, n - events + 1, p) < Math.log(alpha));
}

/** Above this no suite is run; the search stops there. */
const sampleSizeMax = 100_000_000;

/**
 * The fewest units that certify a share below `limit` with `events` bad ones among them: the smallest n with
 * P(Bin(n, limit) ≤ events) ≤ alpha. Infinity when no suite is large enough (a limit of 0).
 */
export function sampleSizeFor(limit: number, events = 0, alpha = defaultAlpha): number {
  const isEnough = (n: number): boolean => lnBinomialAtMost(events, n, limit) <= Math.log(alpha);
  let high = events + 1;
  while (!isEnough(high) && high < sampleSizeMax) high *= 2;
  if (!isEnough(high)) return Infinity;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Rank (1 is the smallest) of the order statistic that bounds a quantile from above: the smallest r with
 * P(Bin(n, quantile) ≥ r) ≤ alpha. Null when even the largest of n values is no bound.
 */
export function quantileUpperRank(n: number, quantile: number, alpha = defaultAlpha): number | null {
  // r − 1 = n − 1 − slower, where `slower` is how many values may lie above the bound.
  if (lnBinomialAtMost(0, n, 1 - quantile) > Math.log(alpha)) return null;
  let low = 0;
  let high = n;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (lnBinomialAtMost(middle, n, 1 - quantile) <= Math.log(alpha)) low = middle;
    else high = middle;
  }
  return n - low;
}

/** The quantile that n values certify to lie at or below their maximum: q with qⁿ = alpha. 0 of no values. */
export function certifiedQuantile(n: number, alpha = defaultAlpha): number {
  return n === 0 ? 0 : Math.exp(Math.log(alpha) / n);
}

/** A value and how many times it was seen. */
export type Weighted = readonly [value: number, count: number];

/**
 * ln of the capital of one bet against "the mean is `limit` or more", fixed beforehand at 0.95/(cap − limit): each
 * value multiplies it by 1 + bet × (limit − value), which is never below 0.05 and has mean ≤ 1 when the claim is true
 * (Waudby-Smith & Ramdas 2024). So 20 or more proves the mean below the limit at 95 %, whatever the distribution,
 * and may be watched while it grows. Values above the cap break the proof and are refused with null.
 */
export function lnCapital(values: Iterable<Weighted>, limit: number, cap: number): number | null {
  const bet = 0.95 / (cap - limit);
  let sum = 0;
  for (const [value, count] of values) {
    if (value > cap) return null;
    sum += count * Math.log1p(bet * (limit - value));
  }
  return sum;
}

/**
 * Upper bound of the mean of values in [0, cap]: the smallest limit that the capped bet proves. It is below a limit
 * exactly when the bet against that limit wins. Null without values, or when one is above the cap.
 */
export function cappedMeanUpperBound(
  values: readonly Weighted[],
  cap: number,
  alpha = defaultAlpha,
): number | null {
  if (values.length === 0 || values.some(([value]) => value > cap)) return null;
  // The capital grows with the limit, and reaches any height as the limit nears the cap unless all values are the cap.
  const share = bisect(0, 1, (part) => (lnCapital(values, part * cap, cap) ?? 0) < -Math.log(alpha));
  return share * cap;
}

/** Halvings of the largest bet in `lnMeanAbove`: from means of twice the limit to ones just above it. */
const betHalvings = 6;

/**
 * ln of the capital of bets against "the mean of these values, none below 0, is `limit` or less": the average of bets
 * of 0.95/limit and its halves, fixed beforehand; each value multiplies a bet's capital by 1 + bet × (value − limit).
 * 1/alpha or more shows the mean above the limit, whatever the distribution, and may be watched while it grows.
 */
export function lnMeanAbove(values: readonly Weighted[], limit: number): number {
  const logs = Array.from({ length: betHalvings }, (_, i) => {
    const bet = (0.95 / limit) * 2 ** -i;
    return values.reduce((sum, [value, count]) => sum + count * Math.log1p(bet * (value - limit)), 0);
  });
  const top = Math.max(...logs);
  return top + Math.log(logs.reduce((sum, each) => sum + Math.exp(each - top), 0) / betHalvings);
}
