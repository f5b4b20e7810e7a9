import { describe, expect, test } from 'vitest';
import { autocorrelation, blockContrast, blocksMin } from './block-differences.ts';
import { lnCountEvidence } from './event-counts.ts';
import {
  differenceUpperBoundAtLook,
  lookQuantile,
  poissonUpperBound,
  ratioUpperBound,
} from './fixed-look.ts';
import { LatencySketch } from './latency-sketch.ts';
import { lnQuantileDifference, quantileInterval } from './quantile-interval.ts';
import { lnMismatchEvidence } from './ratio-mismatch.ts';
import { momentsOf } from './ratio-moments.ts';

const options = { alpha: 0.05, tightestAt: 1_000 };

describe('a latency sketch', () => {
  test('is exact at its edges and within two percent elsewhere', () => {
    const sketch = new LatencySketch([1_500]);
    for (let ms = 1; ms <= 3_000; ms++) sketch.add(ms);

    expect(sketch.countFrom(1_500)).toBe(1_501);
    expect(sketch.total).toBe(3_000);
    for (const share of [0.1, 0.5, 0.95]) {
      const shown = (sketch.quantile(share) ?? 0) / (share * 3_000);
      expect(shown).toBeGreaterThanOrEqual(1);
      expect(shown).toBeLessThan(1.021);
    }
  });

  test('without an edge at the limit the count at the limit is wrong: that is why there is one', () => {
    const sketch = new LatencySketch();
    for (let ms = 1; ms <= 3_000; ms++) sketch.add(ms);

    expect(sketch.countFrom(1_500)).not.toBe(1_501);
  });

  test('merges by addition and survives JSON', () => {
    const [whole, left, right] = [
      new LatencySketch([500]),
      new LatencySketch([500]),
      new LatencySketch([500]),
    ];
    for (let i = 0; i < 1_000; i++) {
      whole.add(i);
      (i % 2 === 0 ? left : right).add(i);
    }
    left.merge(right);

    expect(left.buckets()).toEqual(whole.buckets());
    expect(LatencySketch.fromJSON([500], JSON.parse(JSON.stringify(left.toJSON())))).toEqual(left);
  });

  test('nothing, one value, and a value beyond a day', () => {
    const sketch = new LatencySketch([1_500]);
    expect(sketch.quantile(0.95)).toBeNull();

    sketch.add(1_500);
    expect(sketch.countFrom(1_500)).toBe(1);
    expect(sketch.quantile(0.95)).toBeGreaterThanOrEqual(1_500);

    sketch.add(1e12);
    expect(Number.isFinite(sketch.quantile(1))).toBe(true);
  });
});

describe('quantiles', () => {
  test('the interval from a histogram holds the one from the values', () => {
    const sketch = new LatencySketch();
    for (let ms = 1; ms <= 2_000; ms++) sketch.add(ms);
    const [lower, upper] = quantileInterval(sketch.buckets(), 0.95, options);

    expect(lower).toBeLessThan(1_900);
    expect(lower).toBeGreaterThan(1_800);
    expect(upper).toBeGreaterThan(1_900);
    expect(upper).toBeLessThan(2_000);
  });

  test('too few values leave the interval open', () => {
    expect(quantileInterval([{ lower: 5, upper: 5, count: 1 }], 0.95, options)).toEqual([
      -Infinity,
      Infinity,
    ]);
    expect(quantileInterval([], 0.95, options)).toEqual([-Infinity, Infinity]);
  });

  test('two arms alike are no evidence; a shifted one is', () => {
    const counts = (shift: number) =>
      Array.from({ length: 100 }, (_, i) => [i >= shift ? 100 : 0, i < 100 - shift ? 100 : 0] as const);

    expect(lnQuantileDifference(counts(0), 0.5, options)).toBeLessThan(0);
    expect(lnQuantileDifference(counts(20), 0.5, options)).toBeGreaterThan(Math.log(1_000));
    expect(lnQuantileDifference([], 0.5, options)).toBe(0);
  });

  test('coarser buckets never give more evidence', () => {
    const fine = Array.from({ length: 64 }, (_, i) => [i * 2, 126 - i * 2] as const);
    const coarse = Array.from({ length: 16 }, (_, i) =>
      fine
        .slice(i * 4, i * 4 + 4)
        .reduce<readonly [number, number]>((sum, pair) => [sum[0] + pair[0], sum[1] + pair[1]], [0, 0]),
    );

    const lnCoarse = lnQuantileDifference(coarse, 0.5, options);
    expect(lnCoarse).toBeLessThanOrEqual(lnQuantileDifference(fine, 0.5, options) + 1e-9);
    expect(lnCoarse).toBeGreaterThan(Math.log(20));
  });
});

describe('a sample ratio mismatch', () => {
  test('a split as planned never speaks, one that is off by a tenth soon does', () => {
    const shares = [0.1, 0.9];

    expect(lnMismatchEvidence([{ counts: [1_000, 9_000], shares }])).toBeLessThan(0);
    expect(lnMismatchEvidence([{ counts: [1_300, 8_700], shares }])).toBeGreaterThan(Math.log(1_000));
    expect(lnMismatchEvidence([])).toBe(0);
  });

  test('a unit on an arm without a share is a broken split at once', () => {
    expect(lnMismatchEvidence([{ counts: [1, 9], shares: [0, 1] }])).toBe(Infinity);
  });
});

describe('rare events', () => {
  test('epochs without an event add nothing', () => {
    const epoch = { candidate: 6, control: 1, share: 0.5 };
    const quiet = { candidate: 0, control: 0, share: 0.01 };

    expect(lnCountEvidence([epoch, quiet], 0.25)).toBeCloseTo(lnCountEvidence([epoch], 0.25), 12);
  });

  test('one more event is worth 1 in the mean when the rates differ by the margin', () => {
    const [share, margin] = [0.2, 0.25];
    const odds = (share / (1 - share)) * (1 + margin);
    const q = odds / (1 + odds);
    const at = (candidate: number, control: number): number =>
      Math.exp(lnCountEvidence([{ candidate, control, share }], margin));

    expect((q * at(4, 6) + (1 - q) * at(3, 7)) / at(3, 6)).toBeCloseTo(1, 10);
  });
});

describe('blocks of CPU and memory', () => {
  const steady = (n: number, lift: number) =>
    Array.from({ length: n }, (_, i) => ({ candidate: 100 + lift + (i % 3), control: 100 + ((i + 1) % 3) }));

  test('eleven blocks say nothing, twelve do', () => {
    expect(blockContrast(steady(blocksMin - 1, 40), 0.1).information).toBe(0);
    expect(blockContrast(steady(blocksMin, 40), 0.1).score).toBeGreaterThan(0);
    expect(blockContrast([], 0.1)).toEqual({ difference: 0, score: 0, information: 0 });
  });

  test('blocks that resemble their neighbours are worth less', () => {
    const values = Array.from({ length: 48 }, (_, i) => Math.sin(i / 8));
    const alternating = Array.from({ length: 48 }, (_, i) => (i % 2 === 0 ? 1 : -1));

    expect(autocorrelation(values)).toBeGreaterThan(0.8);
    expect(autocorrelation(alternating)).toBe(0);
    expect(autocorrelation([5, 5, 5])).toBe(0);
  });
});

describe('proof at a fixed look', () => {
  test('few events take the Poisson bound times what a bad session costs', () => {
    const clean = momentsOf(Array.from({ length: 1_000 }, () => [0, 40] as const));

    // 3 events allowed by none seen, 2 segments each, over 40,000 segments.
    expect(ratioUpperBound(clean, 2)).toBeCloseTo((poissonUpperBound(0) * 2) / 40_000, 12);
    expect(ratioUpperBound(momentsOf([]), 2)).toBeNull();
  });

  test('many events take the bound of the logarithm, which is above Wald', () => {
    const moments = momentsOf(Array.from({ length: 1_000 }, (_, i) => [i % 50 === 0 ? 1 : 0, 1] as const));
    const wald = 0.02 + lookQuantile * Math.sqrt((0.02 * 0.98) / 999);

    expect(ratioUpperBound(moments, 1)).toBeGreaterThan(wald);
    expect(ratioUpperBound(moments, 1)).toBeLessThan(0.03);
  });

  test('no worse than the margin is proven by enough sessions, and by too few it is not', () => {
    const arm = (n: number) =>
      momentsOf(Array.from({ length: n }, (_, i) => [i % 20 === 0 ? 1 : 0, 1] as const));
    const upper = (n: number) => differenceUpperBoundAtLook([{ candidate: arm(n), control: arm(n) }], 0.25);

    expect(upper(200)).toBeGreaterThan(0);
    expect(upper(20_000)).toBeLessThan(0);
    expect(differenceUpperBoundAtLook([], 0.25)).toBeNull();
  });
});
