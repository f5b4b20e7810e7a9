import { latencyValuesMax } from '../transcript/session-record.ts';
import { describe, expect, test } from 'vitest';
import { MetricAggregate } from './metrics.ts';
import type { MetricId } from './metric-spec.ts';
import { type RecordChanges, recordOf, recordsOf } from './record.fixture.ts';

const pipeline = (...changes: readonly RecordChanges[]): MetricAggregate =>
  new MetricAggregate('pipeline', changes.map(recordOf));

/** Latencies of one session, with the counts that belong to them. */
function latencies(...ms: readonly number[]): RecordChanges {
  const counts = {
    finalLatenciesMs: ms,
    finalLatencyCount: ms.length,
    finalLatencyOverLimit: ms.filter((value) => value >= 1_500).length,
  };
  return { counts };
}

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('a metric', () => {
  test.each<readonly [string, MetricId, readonly RecordChanges[], number | null, number, boolean | null]>([
    [
      'is a ratio of sums, not a mean of ratios',
      'capture-completeness',
      [
        { counts: { samplesCovered: 80_000 } },
        { counts: { samplesOffered: 1_440_000, samplesCovered: 1_440_000 } },
      ],
      0.95,
      2,
      false,
    ],
    [
      'passes on its limit',
      'capture-completeness',
      [{ counts: { samplesOffered: 2_000, samplesCovered: 1_999 } }],
      0.9995,
      1,
      true,
    ],
    [
      'does not count more captured than offered',
      'capture-completeness',
      [{ counts: { samplesCovered: 170_000 } }],
      1,
      1,
      true,
    ],
    [
      'leaves out a session that offered nothing',
      'capture-completeness',
      [{ counts: { samplesOffered: 0, samplesCovered: 0 } }, {}],
      1,
      1,
      true,
    ],
    ['has no value without sessions', 'capture-completeness', [], null, 0, null],
    [
      'counts orphans by segment',
      'orphan-rate',
      [{ counts: { segmentsWithPartial: 6, orphans: 1 } }, { counts: { segmentsWithPartial: 4 } }],
      0.1,
      2,
      false,
    ],
    [
      'is not below its limit when on it',
      'orphan-rate',
      [{ counts: { segmentsWithPartial: 2_000, orphans: 1 } }],
      0.0005,
      1,
      false,
    ],
    [
      'leaves out a session without partials',
      'orphan-rate',
      [{ counts: { segmentsWithPartial: 0 } }],
      null,
      0,
      null,
    ],
    ['takes the nearest rank of 20 latencies', 'finalization-latency', [latencies(...upTo(20))], 19, 1, true],
    ['takes the nearest rank of 21 latencies', 'finalization-latency', [latencies(...upTo(21))], 20, 1, true],
    ['is the one latency there is', 'finalization-latency', [latencies(1_499)], 1_499, 1, true],
    ['is not below 1,500 ms on it', 'finalization-latency', [latencies(1_500)], 1_500, 1, false],
    [
      'takes latencies of all sessions together',
      'finalization-latency',
      [latencies(...upTo(10)), latencies(...upTo(90))],
      85,
      2,
      true,
    ],
    [
      'leaves out latencies not at the pace of real time',
      'finalization-latency',
      [{ ...latencies(9_000), realTime: false }, latencies(7)],
      7,
      1,
      true,
    ],
    ['leaves out a session without finals', 'finalization-latency', [latencies()], null, 0, null],
    [
      'counts the last final after stop',
      'stop-latency',
      [{ counts: { stopLatencyMs: 1_600 } }, { counts: { stopLatencyMs: null } }],
      1_600,
      1,
      false,
    ],
    [
      'is the mean tail of the sessions that closed',
      'missed-tail',
      [
        { counts: { missedTailMs: 250 } },
        { counts: { missedTailMs: 0 } },
        { counts: { missedTailMs: null } },
      ],
      125,
      2,
      false,
    ],
    [
      'counts duplicates per 10,000 entries',
      'duplicate-artifacts',
      [{ counts: { entries: 19_990, duplicateEntries: 2 } }, { counts: { entries: 10 } }],
      1,
      2,
      false,
    ],
    [
      'counts faults of the person’s side',
      'recovery-success',
      [{ user: { faults: 3, faultsRecovered: 2 } }, {}],
      2 / 3,
      1,
      false,
    ],
    [
      'is the worst crash',
      'durability-loss',
      [{ user: { crashLossMs: [20, 1_000] } }, { user: { crashLossMs: [3] } }],
      1_000,
      2,
      true,
    ],
    [
      'does not round a loss down to its limit',
      'durability-loss',
      [{ user: { crashLossMs: [1_000.2] } }],
      1_001,
      1,
      false,
    ],
    [
      'counts sessions that their arm failed',
      'error-rate',
      [{ pipeline: { failed: true } }, {}, {}, {}],
      0.25,
      4,
      null,
    ],
    ['has no limit of its own', 'first-partial-latency', [{ counts: { firstPartialMs: 80 } }], 80, 1, null],
  ])('%s: %s', (_promise, id, changes, value, n, passes) => {
    expect(pipeline(...changes).metric(id)).toMatchObject({ id, value, n, passes });
  });

  test('keeps numerator and denominator apart', () => {
    const metrics = pipeline({ counts: { entries: 40, duplicateEntries: 3 } }, latencies(100, 1_700));

    expect(metrics.metric('duplicate-artifacts')).toMatchObject({
      numerator: 3,
      denominator: 45,
      unit: 'per-10000',
    });
    expect(metrics.metric('finalization-latency')).toMatchObject({
      numerator: 1,
      denominator: 6,
      unit: 'ms',
    });
  });

  test('counts latencies that the record did not keep, above or at the limit of the record', () => {
    const kept = Array.from({ length: latencyValuesMax }, () => 300);
    const counts = { finalLatenciesMs: kept, finalLatencyCount: 5_000, finalLatencyOverLimit: 0 };

    expect(pipeline({ counts }).metric('finalization-latency')).toMatchObject({ value: 1_499, passes: true });
    expect(
      pipeline({ counts: { ...counts, finalLatencyOverLimit: 400 } }).metric('finalization-latency').passes,
    ).toBe(false);
  });
});

describe('an aggregate', () => {
  const bad = { pipeline: { samplesCovered: 0, failed: true } };

  test('judges the ledger it was asked for', () => {
    const records = recordsOf(2, bad);

    expect(new MetricAggregate('pipeline', records).metric('capture-completeness').value).toBe(0);
    expect(new MetricAggregate('user', records).metric('capture-completeness').value).toBe(1);
  });

  test('sums audio in milliseconds whatever the sample rate', () => {
    const half = { sampleRate: 8_000, counts: { samplesOffered: 8_000, samplesCovered: 4_000 } };
    const metrics = new MetricAggregate('user', [recordOf(half), recordOf()]);

    expect([metrics.sessions, metrics.offeredMs, metrics.lostMs]).toEqual([2, 11_000, 500]);
  });

  test('merges to what one aggregate of all records says', () => {
    const first = [recordOf(latencies(...upTo(30))), recordOf({ counts: { missedTailMs: 300.5 } })];
    const second = [recordOf({ user: { crashLossMs: [40], faults: 1 } }), recordOf(bad)];
    const merged = new MetricAggregate('pipeline', first);
    merged.merge(new MetricAggregate('pipeline', second));
    const whole = new MetricAggregate('pipeline', [...first, ...second]);

    expect(merged.metrics()).toEqual(whole.metrics());
    expect([merged.sessions, merged.offeredMs, merged.lostMs]).toEqual([4, whole.offeredMs, whole.lostMs]);
    expect(merged.tally('capture-completeness').sessionsBeyond(0.9995)).toBe(1);
  });

  test('counts sessions that lie beyond a limit when taken alone', () => {
    const metrics = pipeline(
      {},
      { counts: { samplesOffered: 2_000, samplesCovered: 1_999 } },
      bad,
      latencies(1_500, 1_500),
    );

    expect(metrics.tally('capture-completeness').sessionsBeyond(0.9995)).toBe(1);
    expect(metrics.tally('finalization-latency').sessionsBeyond(1_500)).toBe(1);
    expect(metrics.tally('error-rate').sessionsBeyond(0.01)).toBe(1);
  });
});
