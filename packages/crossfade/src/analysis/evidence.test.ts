import { describe, expect, test } from 'vitest';
import { type EvidenceOptions, evidenceOf } from './evidence.ts';
import type { MetricId } from './metric-spec.ts';
import { MetricAggregate } from './metrics.ts';
import { type RecordChanges, recordsOf } from './record.fixture.ts';
import type { MetricEvidence } from './verdict.ts';

/** Evidence of `count` sessions alike, and of some that differ. */
function evidence(
  id: MetricId,
  options: EvidenceOptions,
  ...groups: readonly (readonly [number, RecordChanges])[]
): MetricEvidence {
  const aggregate = new MetricAggregate(
    'pipeline',
    groups.flatMap(([count, changes]) => recordsOf(count, changes)),
  );
  return evidenceOf(aggregate.tally(id), options);
}

const segments = (segmentsWithPartial: number, orphans = 0): RecordChanges => ({
  counts: { segmentsWithPartial, orphans },
});
const capture = { limit: 0.9995, isCaptureProven: true };
const short = { counts: { samplesCovered: 150_000 } };
const tail = (missedTailMs: number): RecordChanges => ({ counts: { missedTailMs } });
const capped = { limit: 100, tailCapMs: 5_000 };
const latency = (ms: number): RecordChanges => ({
  counts: { finalLatenciesMs: [ms], finalLatencyCount: 1, finalLatencyOverLimit: ms < 1_500 ? 0 : 1 },
});
const fault = (recovered: number): RecordChanges => ({ user: { faults: 1, faultsRecovered: recovered } });
const crash = (ms: number): RecordChanges => ({ user: { crashLossMs: [ms] } });

describe('evidence', () => {
  test.each<
    readonly [
      string,
      MetricId,
      EvidenceOptions,
      readonly (readonly [number, RecordChanges])[],
      Partial<MetricEvidence>,
      string,
    ]
  >([
    [
      'certifies 5,990 segments without an orphan',
      'orphan-rate',
      { limit: 0.0005 },
      [[60, segments(100)]],
      { result: 'certified', n: 6_000 },
      '0 % of 6,000',
    ],
    [
      'says how many more are needed',
      'orphan-rate',
      { limit: 0.0005 },
      [[60, segments(10)]],
      { result: 'within-limits', n: 600 },
      '5,390 more',
    ],
    [
      'counts sessions below 60 of them',
      'orphan-rate',
      { limit: 0.0005 },
      [[59, segments(1_000)]],
      { result: 'within-limits', n: 59 },
      '5,931 more sessions',
    ],
    [
      'fails on the value',
      'orphan-rate',
      { limit: 0.0005 },
      [
        [59, segments(10)],
        [1, segments(10, 1)],
      ],
      { result: 'failed', n: 600, value: 1 / 600 },
      'limit below 0.05 %',
    ],
    [
      'never certifies a declared capture',
      'capture-completeness',
      { limit: 0.9995 },
      [[6_000, {}]],
      { result: 'within-limits', n: 6_000 },
      'declared',
    ],
    [
      'certifies a proven capture of 6,306 sessions',
      'capture-completeness',
      capture,
      [[6_306, {}]],
      { result: 'certified', n: 6_306 },
      'certified',
    ],
    [
      'does not certify it one session earlier',
      'capture-completeness',
      capture,
      [[6_305, {}]],
      { result: 'within-limits' },
      '1 more session like these certifies it',
    ],
    [
      'fails a capture with a hole',
      'capture-completeness',
      capture,
      [
        [1, short],
        [9, {}],
      ],
      { result: 'failed', n: 10 },
      '99.375 %',
    ],
    [
      'certifies latency of 59 finals in 60 sessions',
      'finalization-latency',
      { limit: 1_500 },
      [[60, latency(700)]],
      { result: 'certified', n: 60, bound: 700 },
      '700 ms',
    ],
    [
      'needs 93 finals when one is slow',
      'finalization-latency',
      { limit: 1_500 },
      [
        [91, latency(700)],
        [1, latency(4_000)],
      ],
      { result: 'within-limits', bound: 4_000 },
      '1 more',
    ],
    [
      'has them at 93',
      'finalization-latency',
      { limit: 1_500 },
      [
        [92, latency(700)],
        [1, latency(4_000)],
      ],
      { result: 'certified', bound: 700 },
      'certified',
    ],
    [
      'does not count many finals of few sessions',
      'finalization-latency',
      { limit: 1_500 },
      [[20, {}]],
      { result: 'within-limits', n: 20, bound: null },
      '40 more sessions',
    ],
    [
      'certifies a capped tail of 265 short sessions',
      'missed-tail',
      capped,
      [[265, tail(40)]],
      { result: 'certified', n: 265 },
      '40 ms',
    ],
    [
      'says how many more tails are needed',
      'missed-tail',
      capped,
      [[200, tail(40)]],
      { result: 'within-limits' },
      '60 more',
    ],
    [
      'does not trust a cap that does not hold',
      'missed-tail',
      capped,
      [
        [300, tail(0)],
        [1, tail(5_100)],
      ],
      { result: 'within-limits', bound: null },
      'does not hold',
    ],
    [
      'has no bound of an uncapped mean',
      'missed-tail',
      { limit: 100 },
      [[10_000, tail(0)]],
      { result: 'within-limits', bound: null },
      'without a cap',
    ],
    [
      'fails a tail on its limit',
      'missed-tail',
      capped,
      [[5, tail(100)]],
      { result: 'failed' },
      'limit below 100 ms',
    ],
    [
      'certifies 299 recoveries',
      'recovery-success',
      { limit: 0.99 },
      [[299, fault(1)]],
      { result: 'certified', n: 299 },
      '100 %',
    ],
    [
      'needs 473 with one that failed',
      'recovery-success',
      { limit: 0.99 },
      [
        [471, fault(1)],
        [1, fault(0)],
      ],
      { result: 'within-limits' },
      '1 more fault like these certifies it',
    ],
    [
      'fails 98 of 100 recoveries',
      'recovery-success',
      { limit: 0.99 },
      [
        [98, fault(1)],
        [2, fault(0)],
      ],
      { result: 'failed' },
      '98 %',
    ],
    [
      'certifies a quantile of crashes, not a maximum',
      'durability-loss',
      { limit: 1_000 },
      [[59, crash(30)]],
      { result: 'certified', bound: 30 },
      '95.0 %',
    ],
    [
      'says that 58 crashes are too few',
      'durability-loss',
      { limit: 1_000 },
      [[58, crash(30)]],
      { result: 'within-limits' },
      '1 more crash like these certifies it.',
    ],
    [
      'says once what so many crashes are good for',
      'durability-loss',
      { limit: 1_000 },
      [[4, crash(30)]],
      { result: 'within-limits' },
      '(95 % sure of 47.2 % of all), 95 % bound 30 ms, limit at most 1,000 ms: within limits; 55 more crashes like',
    ],
    [
      'fails on the worst crash',
      'durability-loss',
      { limit: 1_000 },
      [
        [59, crash(30)],
        [1, crash(1_001)],
      ],
      { result: 'failed' },
      '1,001 ms',
    ],
    [
      'counts failed sessions one by one',
      'error-rate',
      { limit: 0.01 },
      [[299, {}]],
      { result: 'certified', n: 299 },
      '0 % of 299 sessions',
    ],
    [
      'does not promise what no number shows',
      'error-rate',
      { limit: 0 },
      [[10, {}]],
      { result: 'within-limits' },
      'cannot be certified',
    ],
    [
      'is not a pass without data',
      'orphan-rate',
      { limit: 0.0005 },
      [],
      { result: 'not-measurable', value: null },
      'no segments',
    ],
    [
      'says why it cannot be measured',
      'recovery-success',
      { limit: 0.99, unmeasurable: 'a vendor cannot be killed' },
      [[5, fault(1)]],
      { result: 'not-measurable', value: null },
      'a vendor cannot be killed',
    ],
  ])('%s', (_promise, id, options, groups, expected, words) => {
    const found = evidence(id, options, ...groups);

    expect(found).toMatchObject({ metric: id, ...expected });
    expect(found.sentence).toContain(words);
  });

  const shown = { failWhen: 'shown' } as const;

  test.each<[string, MetricId, EvidenceOptions, readonly (readonly [number, RecordChanges])[], string]>([
    [
      'one orphan of many segments',
      'orphan-rate',
      { limit: 0.0005 },
      [
        [99, segments(10)],
        [1, segments(10, 1)],
      ],
      'inconclusive',
    ],
    [
      'orphans in many sessions',
      'orphan-rate',
      { limit: 0.0005 },
      [
        [90, segments(10)],
        [10, segments(10, 1)],
      ],
      'failed',
    ],
    [
      'many orphans of a single session',
      'orphan-rate',
      { limit: 0.0005 },
      [
        [99, segments(10)],
        [1, segments(10, 9)],
      ],
      'inconclusive',
    ],
    [
      'one fault of four not recovered',
      'recovery-success',
      { limit: 0.99 },
      [
        [3, fault(1)],
        [1, fault(0)],
      ],
      'inconclusive',
    ],
    [
      'three faults of four not recovered',
      'recovery-success',
      { limit: 0.99 },
      [
        [1, fault(1)],
        [3, fault(0)],
      ],
      'failed',
    ],
  ])('blames a build for %s, or does not', (_what, id, options, groups, result) => {
    expect(evidence(id, { ...options, ...shown }, ...groups).result).toBe(result);
    expect(evidence(id, options, ...groups).result).toBe('failed');
  });

  test('shows the session-level bound beside the one of segments', () => {
    const { bound, sessionBound } = evidence('orphan-rate', { limit: 0.0005 }, [100, segments(100)]);

    expect(bound).toBeCloseTo(3 / 10_000, 5);
    expect(sessionBound).toBeCloseTo(3 / 100, 3);
  });
});
