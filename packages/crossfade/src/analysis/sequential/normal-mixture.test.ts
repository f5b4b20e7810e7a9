import { describe, expect, test } from 'vitest';
import { seededRandom } from '@crossfade/sdk/core/random';
import {
  conservativeCriticalScore,
  differenceInterval,
  differenceLowerBound,
  differenceUpperBound,
  isExposed,
  lnMixture,
  lnMixtureEvidence,
  tausOf,
} from './normal-mixture.ts';
import { contrastOf, momentsOf, ratioVariance, sumContrasts } from './ratio-moments.ts';

describe('the delta method', () => {
  test('a mean is a ratio with X = 1: its variance is the one of every textbook', () => {
    const values = [1, 2, 4, 9];
    const moments = momentsOf(values.map((value) => [value, 1]));

    // Sample variance 12.6667, over n = 4.
    expect(ratioVariance(moments)).toBeCloseTo(12.666_667 / 4, 5);
  });

  test('one session, none, and sessions all alike say nothing of the spread', () => {
    expect(ratioVariance(momentsOf([]))).toBeNull();
    expect(ratioVariance(momentsOf([[1, 10]]))).toBeNull();
    expect(
      ratioVariance(
        momentsOf([
          [1, 10],
          [2, 20],
          [3, 30],
        ]),
      ),
    ).toBeCloseTo(0, 12);
  });

  test('the variance of a clustered ratio is what repeated sampling shows', () => {
    const random = seededRandom(5);
    const session = (): readonly [number, number] => {
      const x = 5 + Math.floor(random.next() * 30);
      const isFlaky = random.next() < 0.2;
      return [isFlaky ? Math.floor(x * 0.4) : 0, x];
    };
    const sets = Array.from({ length: 2_000 }, () => momentsOf(Array.from({ length: 200 }, session)));
    const ratios = sets.map(({ sumY, sumX }) => sumY / sumX);
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    const seen = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / (ratios.length - 1);
    const told = sets.reduce((sum, set) => sum + (ratioVariance(set) ?? 0), 0) / sets.length;

    expect(told / seen).toBeGreaterThan(0.9);
    expect(told / seen).toBeLessThan(1.1);
  });

  test('a control without a single event is no division by zero', () => {
    const control = momentsOf(Array.from({ length: 50 }, () => [0, 10] as const));
    const candidate = momentsOf(Array.from({ length: 50 }, (_, i) => [i % 2, 10] as const));
    const { difference, score, information } = contrastOf(candidate, control, 0.25);

    expect(difference).toBeCloseTo(0.05, 10);
    expect(score / information).toBeCloseTo(difference, 10);
  });

  test('epochs add as scores: a bad day that both arms shared does not look like a difference', () => {
    // Errors 1 % at share 10 %, then 10 % for everybody at share 50 %: pooled, the candidate seems twice as bad.
    const arm = (sessions: number, percent: number) =>
      momentsOf(Array.from({ length: sessions }, (_, i) => [i % 100 < percent ? 1 : 0, 1] as const));
    const epochs = [
      contrastOf(arm(1_000, 1), arm(9_000, 1), 0),
      contrastOf(arm(5_000, 10), arm(5_000, 10), 0),
    ];
    const pooled = contrastOf(
      momentsOf([...Array.from({ length: 6_000 }, (_, i) => [i < 510 ? 1 : 0, 1] as const)]),
      momentsOf([...Array.from({ length: 14_000 }, (_, i) => [i < 590 ? 1 : 0, 1] as const)]),
      0,
    );

    expect(sumContrasts(epochs).difference).toBeCloseTo(0, 6);
    expect(lnMixtureEvidence(sumContrasts(epochs), tausOf(0.05))).toBeLessThan(0);
    expect(lnMixtureEvidence(pooled, tausOf(0.05))).toBeGreaterThan(Math.log(1_000));
  });
});

describe('the normal mixture', () => {
  test('without information the evidence is 1', () => {
    expect(lnMixtureEvidence({ score: 0, information: 0 }, [0.1, 1])).toBeCloseTo(0, 10);
  });

  test.each([0.15, 0.6, 2.5, 10])('its mean is at most 1 when there is no difference (tau %d)', (tau) => {
    // E exp over score ~ N(0, v), by the trapezoid rule: 1 at d = 0 up to the rule's own error.
    for (const information of [1, 30, 4_000]) {
      const sd = Math.sqrt(information);
      let mean = 0;
      const step = 0.01;
      for (let z = -12; z <= 12; z += step) {
        const density = Math.exp(-z * z * 0.5 + lnMixture({ score: z * sd, information }, tau));
        mean += (density * step) / Math.sqrt(2 * Math.PI);
      }

      // With much information the integrand reaches far out; what is cut off only lowers the mean.
      expect(mean).toBeLessThan(1.001);
      if (tau * sd < 2) expect(mean).toBeGreaterThan(0.98);
    }
  });

  test('the bounds are where the evidence reaches 1/alpha, and mirror each other', () => {
    const contrast = { difference: 0.02, score: 0.02 * 40_000, information: 40_000 };
    const taus = tausOf(0.05);
    const lower = differenceLowerBound(contrast, taus, 0.05);
    const shifted = {
      score: contrast.score - lower * contrast.information,
      information: contrast.information,
    };

    expect(lnMixtureEvidence(shifted, taus)).toBeCloseTo(Math.log(20), 6);
    expect(lower).toBeLessThan(0.02);
    expect(differenceUpperBound(contrast, taus, 0.05)).toBeCloseTo(0.04 - lower, 8);
    expect(differenceLowerBound({ difference: 0, score: 0, information: 0 }, taus, 0.05)).toBe(-Infinity);
  });

  test('the closed form is never below the root', () => {
    for (const information of [1, 100, 10_000]) {
      for (const tau of [0.15, 2.5]) {
        const critical = conservativeCriticalScore(information, tau, 0.05);

        expect(lnMixture({ score: critical, information }, tau)).toBeGreaterThanOrEqual(Math.log(20) - 1e-9);
      }
    }
  });

  test('the two-sided interval is centred on the difference, and everything without information', () => {
    const [lower, upper] = differenceInterval({ score: 50, information: 1_000 }, 0.2, 0.05);

    expect((lower + upper) / 2).toBeCloseTo(0.05, 10);
    expect(differenceInterval({ score: 0, information: 0 }, 0.2, 0.05)).toEqual([-Infinity, Infinity]);
  });

  test('no overflow far out', () => {
    expect(Number.isFinite(lnMixture({ score: 1e8, information: 1e6 }, 0.1))).toBe(true);
    expect(Number.isFinite(lnMixture({ score: -1e8, information: 1e6 }, 0.1))).toBe(true);
  });

  test('ninety-nine sessions or nine events are not enough to speak', () => {
    const seen = (n: number, events: number) => ({ ...momentsOf([]), n, events });

    expect(isExposed(seen(100, 10))).toBe(true);
    expect(isExposed(seen(99, 10))).toBe(false);
    expect(isExposed(seen(100, 9))).toBe(false);
  });
});
