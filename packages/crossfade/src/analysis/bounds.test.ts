import { seededRandom } from '@crossfade/sdk/core/random';
import { describe, expect, test } from 'vitest';
import { lnBetaLower, lnBetaUpper, lnBinomialAtMost, lnGamma } from './beta-function.ts';
import {
  cappedMeanUpperBound,
  certifiedQuantile,
  lnCapital,
  quantileUpperRank,
  sampleSizeFor,
  shareLowerBound,
  shareUpperBound,
  type Weighted,
  lnMeanAbove,
} from './bounds.ts';

describe('the beta function', () => {
  // Abramowitz & Stegun tables 6.1 and 26.5, and closed forms: Γ(½) = √π, I_x(1, b) = 1 − (1 − x)^b.
  test.each([
    [1, 0],
    [2, 0],
    [0.5, Math.log(Math.sqrt(Math.PI))],
    [10, Math.log(362_880)],
    [0.1, 2.252_712_651_734_206],
    [100, 359.134_205_369_575_4],
    [1e6, 12_815_504.569_147_6],
  ])('ln Γ(%d) is %d', (x, expected) => {
    expect(lnGamma(x)).toBeCloseTo(expected, 7);
  });

  test.each([
    [1, 5, 0.2, 1 - 0.8 ** 5],
    [5, 1, 0.2, 0.2 ** 5],
    [2, 2, 0.5, 0.5],
    [2, 3, 0.25, 0.261_718_75],
    [0.5, 0.5, 0.5, 0.5],
    [30, 40, 0.6, 0.998_246],
  ])('I(%d, %d) at %d is %d', (a, b, x, expected) => {
    expect(Math.exp(lnBetaLower(a, b, x))).toBeCloseTo(expected, 3);
    expect(Math.exp(lnBetaUpper(a, b, x))).toBeCloseTo(1 - expected, 3);
  });

  test('a tail far below the smallest double keeps its digits', () => {
    expect(lnBetaUpper(1, 100_000, 0.5)).toBeCloseTo(100_000 * Math.log(0.5), 6);
    expect(lnBinomialAtMost(0, 50_000, 0.9)).toBeCloseTo(50_000 * Math.log(0.1), 6);
  });

  test('the binomial agrees with its sum', () => {
    const choose = [1, 12, 66, 220];
    const sum = choose.reduce((total, c, k) => total + c * 0.3 ** k * 0.7 ** (12 - k), 0);

    expect(Math.exp(lnBinomialAtMost(3, 12, 0.3))).toBeCloseTo(sum, 12);
  });
});

describe('sample sizes', () => {
  // The published table of zero-, one- and two-failure plans at 95 %.
  test.each([
    [0.0005, 5_990, 9_486, 12_590],
    [0.0001, 29_956, 47_437, 62_956],
    [0.01, 299, 473, 628],
    [0.05, 59, 93, 124],
    [0.001, 2_995, 4_742, 6_294],
  ])('a limit of %d takes %d units with no failure, %d with one, %d with two', (limit, none, one, two) => {
    expect([0, 1, 2].map((events) => sampleSizeFor(limit, events))).toEqual([none, one, two]);
  });

  test('80 % power against half the limit takes the published sizes', () => {
    expect(sampleSizeFor(0.0005, 12)).toBe(38_882);
    expect(sampleSizeFor(0.01, 12)).toBe(1_941);
    expect(sampleSizeFor(0.05, 12)).toBeGreaterThan(361);
  });
});

test('no number of units certifies that nothing ever happens', () => {
  expect(sampleSizeFor(0)).toBe(Infinity);
});

describe('the bound of a share', () => {
  // R: binom.test(k, n, alternative = "less" / "greater")$conf.int
  test.each([
    [0, 10, 0.258_866, 0],
    [1, 10, 0.394_163, 0.005_116],
    [5, 10, 0.777_559, 0.222_441],
    [0, 5_990, 0.000_5, 0],
    [10, 10, 1, 0.741_134],
  ])('%d of %d: at most %d, at least %d', (k, n, upper, lower) => {
    expect(shareUpperBound(k, n)).toBeCloseTo(upper, 5);
    expect(shareLowerBound(k, n)).toBeCloseTo(lower, 5);
  });

  test('nothing seen bounds nothing', () => {
    expect([shareLowerBound(0, 0), shareUpperBound(0, 0)]).toEqual([0, 1]);
  });

  test('one unit fewer than the table does not certify', () => {
    expect(shareUpperBound(0, 5_990)).toBeLessThan(0.0005);
    expect(shareUpperBound(0, 5_989)).toBeGreaterThan(0.0005);
    expect(shareUpperBound(2, 12_590)).toBeLessThan(0.0005);
    expect(shareUpperBound(2, 12_589)).toBeGreaterThan(0.0005);
  });
});

describe('the bound of a quantile', () => {
  test('59 values bound the 95th percentile by their maximum, 58 do not', () => {
    expect(quantileUpperRank(59, 0.95)).toBe(59);
    expect(quantileUpperRank(58, 0.95)).toBeNull();
    expect(quantileUpperRank(0, 0.95)).toBeNull();
  });

  test('one slower value is allowed from 93, two from 124, 83 from 2,000', () => {
    expect([92, 93, 123, 124].map((n) => n - (quantileUpperRank(n, 0.95) ?? n))).toEqual([0, 1, 1, 2]);
    expect(quantileUpperRank(2_000, 0.95)).toBe(1_917);
  });

  test('crashes certify the quantile that their number allows', () => {
    expect([59, 299, 2_995].map((n) => certifiedQuantile(n) >= 1 - 3 / n)).toEqual([true, true, true]);
    expect(certifiedQuantile(59)).toBeGreaterThanOrEqual(0.95);
    expect(certifiedQuantile(58)).toBeLessThan(0.95);
    expect(certifiedQuantile(299)).toBeGreaterThanOrEqual(0.99);
    expect(certifiedQuantile(0)).toBe(0);
  });
});

describe('the bound of a capped mean', () => {
  // Published sizes for a mean of 40 ms, by cap: with some spread; a steady 40 ms needs a few per cent less.
  test.each([
    [1_000, 52],
    [2_000, 106],
    [5_000, 265],
    [10_000, 533],
  ])('with a cap of %d ms, %d sessions certify a mean of 40 ms, and a tenth fewer do not', (cap, n) => {
    const wins = (count: number): boolean => (lnCapital([[40, count]], 100, cap) ?? 0) >= Math.log(20);

    expect([wins(n), wins(Math.floor(n * 0.9))]).toEqual([true, false]);
  });

  test('spikes at the limit are not certified more often than one time in twenty', () => {
    // 2 % spikes of 3 s over a floor that makes the mean exactly 100 ms: where a t interval certifies 41 %.
    const random = seededRandom(7);
    const floor = (100 - 0.02 * 3_000) / 0.98;
    let wins = 0;
    for (let run = 0; run < 1_000; run++) {
      const values = Array.from({ length: 60 }, (): Weighted => [random.next() < 0.02 ? 3_000 : floor, 1]);
      if ((lnCapital(values, 100, 5_000) ?? 0) >= Math.log(20)) wins++;
    }

    expect(wins / 1_000).toBeLessThanOrEqual(0.05);
  });

  test('lies below a limit exactly when the bet against that limit wins', () => {
    const values: readonly Weighted[] = [
      [0, 280],
      [40, 40],
      [900, 3],
    ];
    for (const limit of [20, 50, 62, 80, 100, 400]) {
      const wins = (lnCapital(values, limit, 5_000) ?? 0) >= Math.log(20);
      expect((cappedMeanUpperBound(values, 5_000) ?? 0) <= limit, `limit ${limit}`).toBe(wins);
    }
  });

  test('no value has no bound, one has a wide one, and a broken cap is refused', () => {
    expect(cappedMeanUpperBound([], 5_000)).toBeNull();
    expect(cappedMeanUpperBound([[0, 1]], 5_000)).toBeGreaterThan(4_000);
    expect(cappedMeanUpperBound([[5_000, 10]], 5_000)).toBeCloseTo(5_000, 0);
    expect(cappedMeanUpperBound([[5_001, 1]], 5_000)).toBeNull();
    expect(lnCapital([[5_001, 1]], 100, 5_000)).toBeNull();
  });
});

describe('bets that a mean is above its limit', () => {
  test('win soon when it is, and never by one value at the limit', () => {
    expect(lnMeanAbove([[300, 4]], 100)).toBeGreaterThan(Math.log(40) - 1.5);
    expect(lnMeanAbove([[300, 8]], 100)).toBeGreaterThan(Math.log(40));
    expect(lnMeanAbove([[100, 1_000]], 100)).toBeCloseTo(0, 10);
    expect(lnMeanAbove([], 100)).toBeCloseTo(0, 10);
  });

  test('lose when it is below, and survive any number of zeros', () => {
    expect(lnMeanAbove([[50, 1_000]], 100)).toBeLessThan(0);
    expect(Number.isFinite(lnMeanAbove([[0, 100_000]], 100))).toBe(true);
  });
});
