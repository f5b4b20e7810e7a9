/**
 * Functions that sequential evidence needs, in logs: a tail of 10⁻³⁰⁰ keeps its digits and a wealth of 10⁴⁰⁰ does not
 * overflow.
 */
import { lnGamma } from '../beta-function.ts';

/** ln Σ exp(values), safe for any size of them. −Infinity of nothing. */
export function logSumExp(values: Iterable<number>): number {
  const list = [...values];
  const top = list.reduce((max, value) => Math.max(max, value), -Infinity);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(list.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** ln(eᵃ + eᵇ). */
export function logAddExp(a: number, b: number): number {
  const top = Math.max(a, b);
  return Number.isFinite(top) ? top + Math.log1p(Math.exp(Math.min(a, b) - top)) : top;
}

/** ln(1 − eˣ) for x ≤ 0, exact at both ends. */
export function lnOneMinusExp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/**
 * Chebyshev coefficients of ln(erfcx(z)/t) in y = 2t − 1, t = 2/(2 + z), z ≥ 0, computed with 40 digits. The function
 * is smooth over the whole half line, so one short series gives erfc to a double's precision however far out.
 */
const erfcxSeries = [
  -1.302_653_719_781_709_4, 6.419_697_923_564_902_6e-1, 1.947_647_320_418_583_6e-2,
  -9.561_514_786_808_631_7e-3, -9.465_953_444_820_368_5e-4, 3.668_394_978_527_614_4e-4,
  4.252_332_480_690_778_3e-5, -2.027_857_811_253_425_4e-5, -1.624_290_004_647_014_8e-6,
  1.303_655_835_580_513_2e-6, 1.562_644_172_207_548_8e-8, -8.523_809_591_493_512_6e-8,
  6.529_054_439_106_619_7e-9, 5.059_343_495_544_563_6e-9, -9.913_641_564_870_331_6e-10,
  -2.273_651_222_982_411_3e-10, 9.646_791_102_423_923_8e-11, 2.394_038_079_953_894_3e-12,
  -6.886_027_524_430_104_1e-12, 8.944_879_262_721_407_4e-13, 3.130_921_399_343_172_3e-13,
  -1.127_082_225_767_835_1e-13, 3.810_884_581_123_592_6e-16, 7.106_100_698_786_989e-15,
  -1.523_032_285_384_786e-15, -9.456_988_821_418_282_4e-17, 1.210_177_190_339_195_6e-16,
] as const;

/**
 * A running ln Σ exp: one exponential per number, nothing kept. What lies e⁻⁴⁰ below the largest is left out: it is
 * beyond the digits of a double.
 */
export class LogSum {
  #top = -Infinity;
  #sum = 0;

  add(value: number): void {
    if (value <= this.#top) {
      if (value > this.#top - 40) this.#sum += Math.exp(value - this.#top);
    } else {
      this.#sum = this.#sum * Math.exp(this.#top - value) + 1;
      this.#top = value;
    }
  }

  /** −Infinity of nothing. */
  get ln(): number {
    return this.#sum > 0 ? this.#top + Math.log(this.#sum) : this.#top;
  }
}

/** ln erfcx(z) = ln(exp(z²) erfc(z)) for z ≥ 0. */
export function lnErfcx(z: number): number {
  const t = 2 / (2 + z);
  const twoY = 4 * t - 2;
  let previous = 0;
  let sum = 0;
  for (let j = erfcxSeries.length - 1; j > 0; j--) {
    const next = twoY * sum - previous + (erfcxSeries[j] ?? 0);
    previous = sum;
    sum = next;
  }
  return Math.log(t) + 0.5 * (erfcxSeries[0] + twoY * sum) - previous;
}

/** ln Φ(z): exact in both tails (Φ the standard normal distribution function). */
export function lnNormalCdf(z: number): number {
  if (z === -Infinity) return -Infinity;
  if (z < 0) return lnErfcx(-z / Math.SQRT2) - (z * z) / 2 - Math.LN2;
  return Math.log1p(-0.5 * Math.exp(lnErfcx(z / Math.SQRT2) - (z * z) / 2));
}

/** Φ(z). */
export function normalCdf(z: number): number {
  return Math.exp(lnNormalCdf(z));
}

/** Terms of the series or the fraction; both need about √a of them near x = a, and a stays below 10⁷. */
const gammaTermsMax = 20_000;
const gammaPrecision = 1e-16;
const tiny = 1e-300;

/** ln P(a, x) by its series, for x < a + 1, where it converges. */
function lnGammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n <= gammaTermsMax; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * gammaPrecision) break;
  }
  return a * Math.log(x) - x - lnGamma(a) + Math.log(sum);
}

/** ln Q(a, x) by its continued fraction after Lentz, for x ≥ a + 1, where it converges (DLMF 8.9.2). */
function lnGammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n <= gammaTermsMax; n++) {
    const coefficient = -n * (n - a);
    b += 2;
    d = coefficient * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + coefficient / c;
    if (Math.abs(c) < tiny) c = tiny;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < gammaPrecision * 4) break;
  }
  return a * Math.log(x) - x - lnGamma(a) + Math.log(h);
}

/** ln Q(a, x): the upper tail of a Gamma(a, 1) variable; also ln P(Poisson(x) < a) for whole a. */
export function lnGammaUpper(a: number, x: number): number {
  if (x <= 0) return 0;
  return x < a + 1 ? lnOneMinusExp(lnGammaSeries(a, x)) : lnGammaFraction(a, x);
}

/** ln P(a, x): the lower tail. */
export function lnGammaLower(a: number, x: number): number {
  if (x <= 0) return -Infinity;
  return x < a + 1 ? lnGammaSeries(a, x) : lnOneMinusExp(lnGammaFraction(a, x));
}

/** Halvings that bring any bracket below the resolution of a double at its size. */
const bisectionSteps = 80;

/** Where a condition stops holding between `low` (holds) and `high` (does not). */
export function bisect(low: number, high: number, holds: (x: number) => boolean): number {
  let inside = low;
  let outside = high;
  for (let step = 0; step < bisectionSteps; step++) {
    const middle = (inside + outside) / 2;
    if (holds(middle)) inside = middle;
    else outside = middle;
  }
  return (inside + outside) / 2;
}

/** Doublings of a search that has no upper end; 2⁶⁰ is beyond any count or time that occurs. */
const doublingsMax = 60;

/** The first of start, 2 start, 4 start … at which a condition does not hold; Infinity when none. */
export function doubleUntilNot(start: number, holds: (x: number) => boolean): number {
  let x = start;
  for (let step = 0; step < doublingsMax; step++) {
    if (!holds(x)) return x;
    x *= 2;
  }
  return Infinity;
}
