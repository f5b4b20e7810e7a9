import { describe, expect, test } from 'vitest';
import { lnShareEvidence, lnShareMixture, shareInterval } from './bernoulli-mixture.ts';

describe('evidence about a share', () => {
  test('a prior that looks at tiny shares sees what a uniform one misses', () => {
    const counts = { events: 4, n: 1_200 };

    expect(lnShareEvidence(counts, 5e-4, 'harm')).toBeCloseTo(3.36, 2);
    expect(lnShareEvidence(counts, 5e-4, 'harm', 1)).toBeCloseTo(-1.27, 2);
  });

  test('no session is no evidence', () => {
    expect(lnShareEvidence({ events: 0, n: 0 }, 0.01, 'harm')).toBeCloseTo(0, 10);
    expect(lnShareEvidence({ events: 0, n: 0 }, 0.01, 'good')).toBeCloseTo(0, 10);
    expect(shareInterval({ events: 0, n: 0 }, { alpha: 0.05, tightestAt: 100 })).toEqual([0, 1]);
  });

  test.each([0.0005, 0.05, 0.3])(
    'one more session at the limit %d multiplies the evidence by 1 in the mean',
    (limit) => {
      for (const [events, n] of [
        [0, 0],
        [1, 3],
        [4, 20],
      ] as const) {
        const now = lnShareEvidence({ events, n }, limit, 'harm');
        const bad = lnShareEvidence({ events: events + 1, n: n + 1 }, limit, 'harm');
        const good = lnShareEvidence({ events, n: n + 1 }, limit, 'harm');

        expect(limit * Math.exp(bad - now) + (1 - limit) * Math.exp(good - now)).toBeCloseTo(1, 6);
      }
    },
  );

  test('a million sessions do not overflow', () => {
    expect(lnShareEvidence({ events: 1_000_000, n: 1_000_000 }, 1e-4, 'harm')).toBeGreaterThan(9_000_000);
    expect(lnShareEvidence({ events: 0, n: 10_000_000 }, 1e-4, 'good')).toBeGreaterThan(900);
    expect(Number.isFinite(lnShareEvidence({ events: 0, n: 10_000_000 }, 1e-4, 'harm'))).toBe(true);
  });

  test('the interval holds exactly the shares that the mixture does not refute', () => {
    const counts = { events: 30, n: 400 };
    const options = { alpha: 0.05, tightestAt: 400 };
    const [lower, upper] = shareInterval(counts, options);

    expect(lnShareMixture(counts, lower, options)).toBeCloseTo(Math.log(20), 6);
    expect(lnShareMixture(counts, upper, options)).toBeCloseTo(Math.log(20), 6);
    expect(lower).toBeLessThan(0.075);
    expect(upper).toBeGreaterThan(0.075);
  });

  test.each([
    [0, 50, 0],
    [50, 50, 1],
  ])('all alike, %d of %d: the interval reaches %d', (events, n, edge) => {
    expect(shareInterval({ events, n }, { alpha: 0.05, tightestAt: 50 })).toContain(edge);
  });
});
