/**
 * Proof at looks that were registered beforehand: fixed-sample bounds at 5 % each. Every gating metric must be proven,
 * so nothing is split: the chance to promote while any metric is truly bad stays at 5 % (Berger 1982).
 */
import { bisect, doubleUntilNot, lnGammaUpper } from './special-functions.ts';
import { contrastOf, type RatioMoments, ratioVariance, sumContrasts } from './ratio-moments.ts';

/** Φ(1.645) = 95 %. */
export const lookQuantile = 1.644_853_626_951_472_2;
const lookAlpha = 0.05;

/** From so many sessions with an event on, the spread of the logarithm is known; Wald's bound certifies too easily. */
export const logDeltaEventsMin = 5;

/** The largest mean at which `events` or fewer Poisson events are still as likely as alpha. */
export function poissonUpperBound(events: number, alpha = lookAlpha): number {
  const isLikely = (mean: number): boolean => lnGammaUpper(events + 1, mean) > Math.log(alpha);
  return bisect(0, doubleUntilNot(events + 1, isLikely), isLikely);
}

/**
 * 95 % upper bound of a ratio at a fixed look: R exp(1.645 SE/R), or with few events the Poisson bound on them times
 * what one bad session costs: what was seen, and no less than history. Null of nothing.
 */
export function ratioUpperBound(moments: RatioMoments, historicalDamage: number): number | null {
  const { events, sumX, sumY } = moments;
  const variance = ratioVariance(moments);
  if (variance === null) return null;
  if (events < logDeltaEventsMin) {
    const damage = Math.max(events === 0 ? 0 : sumY / events, historicalDamage);
    return (poissonUpperBound(events) * damage) / sumX;
  }
  const ratio = sumY / sumX;
  return ratio * Math.exp((lookQuantile * Math.sqrt(variance)) / ratio);
}

/** Both arms of one epoch. */
export interface ArmMoments {
  readonly candidate: RatioMoments;
  readonly control: RatioMoments;
}

/**
 * 95 % upper bound of d = R₁ − (1 + margin) R₀ at a fixed look, over epochs that are never pooled. Below 0: the
 * candidate is proven no more than the margin worse. Null of nothing.
 */
export function differenceUpperBoundAtLook(epochs: readonly ArmMoments[], margin: number): number | null {
  const contrasts = epochs.map(({ candidate, control }) => contrastOf(candidate, control, margin));
  const { difference, information } = sumContrasts(contrasts);
  return information > 0 ? difference + lookQuantile / Math.sqrt(information) : null;
}
