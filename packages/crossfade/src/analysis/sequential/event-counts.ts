/**
 * Rare events: sessions with an event, counted per arm or against what the limit allows. Count sessions, never events:
 * the events of one burst are not independent.
 */
import { lnGamma } from '../beta-function.ts';
import { lnGammaUpper, logSumExp } from './special-functions.ts';

/** Sessions with an event in one epoch, in which a share of sessions was the candidate's. */
export interface EpochEventCounts {
  readonly candidate: number;
  readonly control: number;
  /** The candidate's share, in (0, 1). */
  readonly share: number;
}

/** How many times worse than the margin the mixture looks for, weighted alike. */
const rateMultiples = [1.25, 1.5, 2, 3, 5, 10, 30] as const;

/**
 * ln E against "the candidate's rate is at most (1 + margin) times control's": given that an event happened, the side it
 * fell on is a coin whose odds are the share's times the rate ratio, whatever the rate did meanwhile (Lindon & Malek 2022).
 */
export function lnCountEvidence(epochs: readonly EpochEventCounts[], margin: number): number {
  const lnLikelihood = (multiple: number): number =>
    epochs.reduce((sum, { candidate, control, share }) => {
      const odds = (share / (1 - share)) * (1 + margin);
      // ln of q(θ)/q(null) and of (1 − q(θ))/(1 − q(null)), with q = oθ/(1 + oθ).
      const lnMiss = Math.log1p(odds) - Math.log1p(odds * multiple);
      return sum + candidate * (Math.log(multiple) + lnMiss) + control * lnMiss;
    }, 0);
  return logSumExp(rateMultiples.map(lnLikelihood)) - Math.log(rateMultiples.length);
}

/** Prior of the relative rate: Gamma(1, rate 0.1), cut to rates above 1. */
const relativeRatePrior = { shape: 1, rate: 0.1 } as const;

/** ln E against "events come at most at the rate of the limit", with `expected` = exposure × limit of them allowed. */
export function lnRateEvidence(
  events: number,
  expected: number,
  prior: { readonly shape: number; readonly rate: number } = relativeRatePrior,
): number {
  const { shape, rate } = prior;
  return (
    lnGamma(shape + events) -
    lnGamma(shape) +
    shape * Math.log(rate) -
    (shape + events) * Math.log(rate + expected) +
    lnGammaUpper(shape + events, rate + expected) -
    lnGammaUpper(shape, rate) +
    expected
  );
}
