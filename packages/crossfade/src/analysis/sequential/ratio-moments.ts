/** What many sessions say of a ratio of sums, by addition: Y the numerator of a session, X its denominator. */
export interface RatioMoments {
  readonly n: number;
  /** Sessions with Y > 0. */
  readonly events: number;
  readonly sumY: number;
  readonly sumX: number;
  readonly sumYY: number;
  readonly sumXY: number;
  readonly sumXX: number;
  /**
   * Variance of totals that were clustered by user over the variance that sessions alone show; 1 when each user has
   * one session.
   */
  readonly designEffect?: number;
}

export const noMoments: RatioMoments = {
  n: 0,
  events: 0,
  sumY: 0,
  sumX: 0,
  sumYY: 0,
  sumXY: 0,
  sumXX: 0,
};

/** The sums of sessions given one by one. */
export function momentsOf(sessions: Iterable<readonly [y: number, x: number]>): RatioMoments {
  const sum = { ...noMoments } as { -readonly [Key in keyof RatioMoments]-?: number };
  for (const [y, x] of sessions) {
    sum.n += 1;
    if (y > 0) sum.events += 1;
    sum.sumY += y;
    sum.sumX += x;
    sum.sumYY += y * y;
    sum.sumXY += x * y;
    sum.sumXX += x * x;
  }
  return sum;
}

/** ΣY/ΣX; null of nothing. */
export function ratioOf({ sumX, sumY }: RatioMoments): number | null {
  return sumX > 0 ? sumY / sumX : null;
}

/**
 * Variance of the ratio by the delta method, sessions (or users) being the units (Deng, Knoblich & Lu 2018); a mean is
 * X = 1. Null of fewer than two sessions.
 */
export function ratioVariance(moments: RatioMoments): number | null {
  const { n, sumX, sumY, sumYY, sumXY, sumXX, designEffect = 1 } = moments;
  if (n < 2 || sumX <= 0) return null;
  const ratio = sumY / sumX;
  const residual = Math.max(0, sumYY - 2 * ratio * sumXY + ratio * ratio * sumXX);
  return ((n / (n - 1)) * residual * designEffect) / (sumX * sumX);
}

/** Candidate against control with a relative margin: d = R₁ − (1 + m) R₀, as a score in information time. */
export interface Contrast {
  readonly difference: number;
  /** d/SE². */
  readonly score: number;
  /** 1/SE²: how much is known. 0: nothing. */
  readonly information: number;
}

const noContrast: Contrast = { difference: 0, score: 0, information: 0 };

/** The contrast of two arms of one epoch. No logs and no division by R₀: safe when the control has no event at all. */
export function contrastOf(candidate: RatioMoments, control: RatioMoments, margin: number): Contrast {
  const r1 = ratioOf(candidate);
  const r0 = ratioOf(control);
  const v1 = ratioVariance(candidate);
  const v0 = ratioVariance(control);
  if (r1 === null || r0 === null || v1 === null || v0 === null) return noContrast;
  const squaredError = v1 + (1 + margin) ** 2 * v0;
  const difference = r1 - (1 + margin) * r0;
  if (squaredError <= 0) return { difference, score: 0, information: 0 };
  return { difference, score: difference / squaredError, information: 1 / squaredError };
}

/**
 * Several epochs together: scores and information add. Raw sums of epochs with different shares must never be pooled:
 * a day that was bad for everybody would look like a difference (Simpson).
 */
export function sumContrasts(contrasts: Iterable<Contrast>): Contrast {
  let score = 0;
  let information = 0;
  for (const contrast of contrasts) {
    score += contrast.score;
    information += contrast.information;
  }
  return { difference: information > 0 ? score / information : 0, score, information };
}
