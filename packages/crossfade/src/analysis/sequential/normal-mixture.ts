/**
 * The normal mixture on a score in information time: evidence that may be watched at any time, sharp for dense metrics,
 * asymptotic (Robbins 1970; Johari et al. 2022; Waudby-Smith, Arbour et al. 2024).
 */
import { bisect, doubleUntilNot, lnErfcx, lnNormalCdf, logSumExp } from './special-functions.ts';
import type { Contrast, RatioMoments } from './ratio-moments.ts';

/**
 * Effect sizes that the mixture looks for, as multiples of the historical ratio. One alone is a trap: tuned to small
 * effects it takes hours to see a catastrophe.
 */
export const tauMultiples = [0.15, 0.6, 2.5, 10] as const;

/** Below this the estimated variance is not to be trusted: sessions, and sessions with an event, in each arm. */
export const minimumExposure = { sessions: 100, events: 10 } as const;

/** Whether an arm has seen enough for the mixture to speak. */
export function isExposed({ n, events }: RatioMoments): boolean {
  return n >= minimumExposure.sessions && events >= minimumExposure.events;
}

/** ln E against d ≤ 0, for effects of about `tau`. */
export function lnMixture(
  { score, information }: Pick<Contrast, 'score' | 'information'>,
  tau: number,
): number {
  const rho = 1 / (tau * tau);
  const total = information + rho;
  return (
    0.5 * Math.log((4 * rho) / total) + (score * score) / (2 * total) + lnNormalCdf(score / Math.sqrt(total))
  );
}

/** Up to this z, exp(z²/2) is far from the end of doubles. */
const plainScoreMax = 30;

/**
 * ln of the average over effect sizes, weighted alike; 0 (E = 1) when nothing is known. It is asked for every metric,
 * start and minute, so it is summed without logarithms where nothing can overflow.
 */
export function lnMixtureEvidence(
  { score, information }: Pick<Contrast, 'score' | 'information'>,
  taus: readonly number[],
): number {
  if (Math.abs(score) > plainScoreMax * Math.sqrt(information)) {
    return logSumExp(taus.map((tau) => lnMixture({ score, information }, tau))) - Math.log(taus.length);
  }
  let sum = 0;
  for (let i = 0; i < taus.length; i++) {
    const total = information + 1 / (taus[i]! * taus[i]!);
    const z = score / Math.sqrt(total);
    // exp(z²/2) Φ(z), from erfcx on the side where it is small.
    const half = 0.5 * Math.exp(lnErfcx(Math.abs(z) * Math.SQRT1_2));
    sum += (z < 0 ? half : Math.exp((z * z) / 2) - half) / (taus[i]! * Math.sqrt(total));
  }
  return Math.log((2 * sum) / taus.length);
}

/**
 * Never below `lnMixtureEvidence`, and cheap: at most twice the evidence when there is any (Φ ≤ 1, and exp(z²/2) Φ(z) ≤ ½
 * for z ≤ 0).
 */
export function lnMixtureCeiling(
  { score, information }: Pick<Contrast, 'score' | 'information'>,
  taus: readonly number[],
): number {
  if (Math.abs(score) > plainScoreMax * Math.sqrt(information)) {
    return lnMixtureEvidence({ score, information }, taus);
  }
  let sum = 0;
  for (let i = 0; i < taus.length; i++) {
    const total = information + 1 / (taus[i]! * taus[i]!);
    const height = score > 0 ? Math.exp((score * score) / (2 * total)) : 0.5;
    sum += height / (taus[i]! * Math.sqrt(total));
  }
  return Math.log((2 * sum) / taus.length);
}

/** The taus of a metric whose ratio has been `historicalRatio`. */
export function tausOf(historicalRatio: number): readonly number[] {
  return tauMultiples.map((multiple) => multiple * historicalRatio);
}

/** The score at which the evidence reaches 1/alpha. */
function criticalScore(information: number, taus: readonly number[], alpha: number): number {
  const isBelow = (score: number): boolean =>
    lnMixtureEvidence({ score, information }, taus) < Math.log(1 / alpha);
  const high = doubleUntilNot(Math.sqrt(information) || 1, isBelow);
  return Number.isFinite(high) ? bisect(0, high, isBelow) : Infinity;
}

/** Lower bound of d, at level alpha and valid at any time; −Infinity when nothing is known. */
export function differenceLowerBound(contrast: Contrast, taus: readonly number[], alpha: number): number {
  const { information } = contrast;
  if (information <= 0) return -Infinity;
  return (contrast.score - criticalScore(information, taus, alpha)) / information;
}

/** Upper bound of d, at level alpha and valid at any time. */
export function differenceUpperBound(contrast: Contrast, taus: readonly number[], alpha: number): number {
  return -differenceLowerBound({ ...contrast, score: -contrast.score }, taus, alpha);
}

/** The closed form of the critical score for one tau: a little larger than the root, so still valid. */
export function conservativeCriticalScore(information: number, tau: number, alpha: number): number {
  const rho = 1 / (tau * tau);
  const total = information + rho;
  return Math.sqrt(2 * total * Math.log(0.5 + Math.sqrt(total / rho) / (2 * alpha)));
}

/** The two-sided interval of d, at level alpha and valid at any time, tightest for effects of about `tau`. */
export function differenceInterval(
  { score, information }: Pick<Contrast, 'score' | 'information'>,
  tau: number,
  alpha: number,
): readonly [lower: number, upper: number] {
  if (information <= 0) return [-Infinity, Infinity];
  const rho = 1 / (tau * tau);
  const total = information + rho;
  const critical = Math.sqrt(total * (Math.log(total / rho) + 2 * Math.log(1 / alpha)));
  return [(score - critical) / information, (score + critical) / information];
}
