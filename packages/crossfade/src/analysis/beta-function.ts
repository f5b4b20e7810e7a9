/**
 * The regularised incomplete beta function, in logs: tails as small as 10⁻³⁰⁰ keep their digits. Continued fraction
 * after Lentz, always on the side where it converges (Numerical Recipes §6.4; DLMF 8.17.22).
 */

/** Lanczos coefficients for g = 7, n = 9 (Godfrey); relative error below 10⁻¹⁴ for x > 0. */
const lanczos = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1_259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_59, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
] as const;

/** ln Γ(x) for x > 0. */
export function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const shifted = x - 1;
  const sum = lanczos.reduce((total, c, i) => (i === 0 ? c : total + c / (shifted + i)), 0);
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** ln B(a, b). */
export function lnBeta(a: number, b: number): number {
  return lnGamma(a) + lnGamma(b) - lnGamma(a + b);
}

/** Enough for a, b up to 10⁷: the fraction needs about √max(a, b) terms. */
const fractionTermsMax = 20_000;
const tiny = 1e-300;

/** The continued fraction of I_x(a, b), for x below (a + 1)/(a + b + 2). */
function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let h = d;
  for (let m = 1; m <= fractionTermsMax; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let delta = 1;
    for (const coefficient of [even, odd]) {
      d = 1 + coefficient * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + coefficient / c;
      if (Math.abs(c) < tiny) c = tiny;
      delta = d * c;
      h *= delta;
    }
    if (Math.abs(delta - 1) < 1e-15) break;
  }
  return h;
}

/** ln of the part that converges: I_x(a, b) for x on its side of the mean. */
function lnDirect(a: number, b: number, x: number): number {
  return a * Math.log(x) + b * Math.log1p(-x) - Math.log(a) - lnBeta(a, b) + Math.log(betaFraction(a, b, x));
}

/** ln I_x(a, b): the lower tail of Beta(a, b) at x. */
export function lnBetaLower(a: number, b: number, x: number): number {
  if (x <= 0) return -Infinity;
  if (x >= 1) return 0;
  if (x < (a + 1) / (a + b + 2)) return lnDirect(a, b, x);
  return Math.log1p(-Math.exp(lnDirect(b, a, 1 - x)));
}

/** ln (1 − I_x(a, b)): the upper tail. */
export function lnBetaUpper(a: number, b: number, x: number): number {
  return lnBetaLower(b, a, 1 - x);
}

/** ln P(Bin(n, p) ≤ k). */
export function lnBinomialAtMost(k: number, n: number, p: number): number {
  if (k >= n) return 0;
  return k < 0 ? -Infinity : lnBetaUpper(k + 1, n - k, p);
}
