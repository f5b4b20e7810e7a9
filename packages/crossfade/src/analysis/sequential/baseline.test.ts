import { describe, expect, test } from 'vitest';
import { baselineOf } from './baseline.ts';
import { scaledRule } from './bets.ts';
import { setupOf } from './metric-setup.ts';
import { defaultBaselines, sequentialMetric, sequentialMetrics } from './sequential-metrics.ts';

const capture = sequentialMetric('capture-completeness');

/** `gaps` sessions of `n` missed 4 of 100 seconds. */
function history(n: number, gaps: number) {
  return Array.from({ length: n }, (_, i) => {
    const y = i < gaps ? 4 : 0;
    return { y, x: 100, yLimit: y };
  });
}

describe('a baseline', () => {
  test('is what control did before', () => {
    const baseline = baselineOf(capture, history(1_000, 10));

    expect(baseline.ratio).toBeCloseTo(4e-4, 12);
    expect(baseline.damage).toBe(4);
    // Half at what a bad session used to cost: ten of a thousand score one half.
    expect(baseline.scoreMean).toBeCloseTo(0.005, 12);
  });

  test.each([
    ['nothing was seen', history(0, 0)],
    ['too little was seen', history(199, 50)],
    ['nothing ever went wrong', history(5_000, 0)],
    ['no session has a denominator', history(500, 5).map((outcome) => ({ ...outcome, x: 0 }))],
  ])('is the default when %s', (_why, seen) => {
    expect(baselineOf(capture, seen)).toEqual(defaultBaselines['capture-completeness']);
  });

  test('of few bad sessions keeps the default of what one costs', () => {
    expect(baselineOf(capture, history(1_000, 4)).damage).toBe(
      defaultBaselines['capture-completeness'].damage,
    );
  });

  test('keeps the edge that latencies are held against', () => {
    const finals = sequentialMetric('finalization-latency');
    const outcomes = Array.from({ length: 400 }, (_, i) => ({ y: i % 20 === 0 ? 1 : 0, x: 4, yLimit: 0 }));

    expect(baselineOf(finals, outcomes, 1_100)).toMatchObject({
      ratio: 0.0125,
      scoreMean: 0.0125,
      p95Ms: 1_100,
    });
    expect(baselineOf(finals, outcomes).p95Ms).toBe(1_200);
  });

  test('scales a saturating score down to usual events, never up', () => {
    expect(scaledRule({ kind: 'saturating', halfAt: 15 }, 4)).toEqual({ kind: 'saturating', halfAt: 4 });
    expect(scaledRule({ kind: 'saturating', halfAt: 15 }, 90)).toEqual({ kind: 'saturating', halfAt: 15 });
    expect(scaledRule({ kind: 'indicator' }, 4)).toEqual({ kind: 'indicator' });
  });
});

describe('the table of metrics', () => {
  test.each(sequentialMetrics.map((metric) => [metric.id, metric] as const))(
    '%s promotes within no smaller margin than it rolls back, and says why',
    (_id, metric) => {
      expect(metric.promotionMargin).toBeGreaterThanOrEqual(metric.rollbackMargin);
      expect(metric.marginReason).not.toBe('');
      expect(defaultBaselines[metric.id].ratio).toBeGreaterThan(0);
      if (metric.limit !== null) expect(defaultBaselines[metric.id].ratio).toBeLessThanOrEqual(metric.limit);
    },
  );
});

describe('a plan’s word on a metric', () => {
  test.each([
    ['capture-completeness', 0.999, 0.001],
    ['duplicate-artifacts', 2, 2e-4],
    ['missed-tail', 80, 80],
    ['error-rate', 0.02, 0.02],
  ] as const)('a limit of %s in its own unit becomes one of the ratio', (id, threshold, limit) => {
    expect(setupOf(id, {}, { [id]: threshold }).metric.limit).toBeCloseTo(limit, 12);
  });

  test('a limit on a p95 stays an edge, and five percent may lie above it', () => {
    expect(setupOf('finalization-latency', {}, { 'finalization-latency': 1_200 })).toMatchObject({
      limitMs: 1_200,
      metric: { limit: 0.05 },
    });
    expect(setupOf('finalization-latency').limitMs).toBe(1_500);
    expect(setupOf('first-partial-latency')).not.toHaveProperty('limitMs');
    expect(setupOf('first-partial-latency', {}, { 'first-partial-latency': 900 }).limitMs).toBe(900);
  });

  test('a promotion margin below the rollback margin is lifted to it', () => {
    const { metric } = setupOf('error-rate', { rollbackMargin: 0.4, promotionMargin: 0.1, roles: ['goal'] });

    expect(metric).toMatchObject({ rollbackMargin: 0.4, promotionMargin: 0.4, roles: ['goal'] });
  });
});
