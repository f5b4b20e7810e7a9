/**
 * Evidence about a share from k events in n trials that may be watched at any time (Robbins 1970; Howard, Ramdas,
 * McAuliffe & Sekhon 2021). Valid for any outcome in [0, 1] whose mean, given the past, is on the null's side.
 */
import { lnBeta, lnBetaLower, lnBetaUpper } from '../beta-function.ts';
import { bisect } from './special-functions.ts';

/** `harm`: the share is above the limit. `good`: it is below. */
export type EvidenceSide = 'harm' | 'good';

export interface BernoulliCounts {
  readonly events: number;
  readonly n: number;
}

/**
 * ln E against "the share is at most `limit`" (harm) or "at least `limit`" (good): a Beta(1, b) prior cut at the limit.
 * b = 0.1/limit for harm and 1/limit for good, so that the prior looks where a share near a tiny limit would be. A
 * uniform prior would waste itself on shares near one half.
 */
export function lnShareEvidence(
  { events, n }: BernoulliCounts,
  limit: number,
  side: EvidenceSide,
  prior = side === 'harm' ? 0.1 / limit : 1 / limit,
): number {
  const misses = n - events;
  const lnTail = side === 'harm' ? lnBetaUpper : lnBetaLower;
  return (
    lnBeta(1 + events, prior + misses) -
    lnBeta(1, prior) +
    lnTail(1 + events, prior + misses, limit) -
    lnTail(1, prior, limit) -
    events * Math.log(limit) -
    misses * Math.log1p(-limit)
  );
}

export interface ShareMixtureOptions {
  readonly alpha: number;
  /** Trials at which the interval is to be tightest. */
  readonly tightestAt: number;
}

/** ln M(p): the two-sided mixture against a share of exactly p. `events` may be any real number in [0, n]. */
export function lnShareMixture(
  { events, n }: BernoulliCounts,
  p: number,
  { alpha, tightestAt }: ShareMixtureOptions,
): number {
  const variance = p * (1 - p);
  const lnInverse = Math.log(1 / alpha);
  const rho = (variance * tightestAt) / (2 * lnInverse + Math.log1p(2 * lnInverse));
  const r = Math.max(rho - variance, 0.001 * variance);
  const a = r / (1 - p);
  const d = r / p;
  return (
    lnBeta(a + events, d + n - events) - lnBeta(a, d) - events * Math.log(p) - (n - events) * Math.log1p(-p)
  );
}

/** Shares closer to 0 or 1 than this are shown as 0 or 1. */
const shareResolution = 1e-12;

/** The shares that the data do not refute at level alpha, at any time: [lower, upper] around events/n. */
export function shareInterval(
  counts: BernoulliCounts,
  options: ShareMixtureOptions,
): readonly [lower: number, upper: number] {
  const { events, n } = counts;
  if (n === 0) return [0, 1];
  const refutes = (p: number): boolean => lnShareMixture(counts, p, options) >= Math.log(1 / options.alpha);
  const share = Math.min(1 - shareResolution, Math.max(shareResolution, events / n));
  const lower = events > 0 && refutes(shareResolution) ? bisect(shareResolution, share, refutes) : 0;
  const upper =
    events < n && refutes(1 - shareResolution) ? bisect(share, 1 - shareResolution, (p) => !refutes(p)) : 1;
  return [lower, upper];
}
