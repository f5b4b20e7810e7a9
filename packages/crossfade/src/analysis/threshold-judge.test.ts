import { describe, expect, test } from 'vitest';
import { CrossedUsers } from './crossed-users.ts';
import { defaultThresholds, type Thresholds } from './metric-spec.ts';
import { MetricAggregate } from './metrics.ts';
import { type RecordChanges, recordOf, recordsOf } from './record.fixture.ts';
import { judge, sourceErrorVerdict } from './threshold-judge.ts';
import type { Verdict } from './verdict.ts';

type Group = readonly [number, RecordChanges];

function arm(groups: readonly Group[]): MetricAggregate {
  return new MetricAggregate(
    'pipeline',
    groups.flatMap(([count, changes]) => recordsOf(count, changes)),
  );
}

function verdictOf(
  candidate: readonly Group[],
  control: readonly Group[] | null,
  thresholds: Thresholds = defaultThresholds,
): Verdict {
  return judge({
    candidate: arm(candidate),
    control: control === null ? null : arm(control),
    thresholds,
    minSessions: 20,
  });
}

const clean: RecordChanges = {};
const slow: RecordChanges = {
  counts: { finalLatenciesMs: [4_000, 4_200], finalLatencyCount: 2, finalLatencyOverLimit: 2 },
};
const hole: RecordChanges = { pipeline: { samplesCovered: 150_000, failed: true } };
const cutTail: RecordChanges = { counts: { missedTailMs: 900 } };
const orphaned: RecordChanges = { counts: { orphans: 1 } };
const doubled: RecordChanges = { counts: { duplicateEntries: 1 } };
const failed: RecordChanges = { pipeline: { failed: true } };
const silent: RecordChanges = {
  counts: { finalLatenciesMs: [], finalLatencyCount: 0, segmentsWithPartial: 0, entries: 0 },
};
const rescued: RecordChanges = { pipeline: { samplesCovered: 80_000 }, user: { samplesCovered: 160_000 } };

describe('the threshold judge', () => {
  test.each<
    readonly [string, readonly Group[], readonly Group[] | null, Verdict['verdict'], Verdict['culprit']]
  >([
    ['passes a candidate within every limit', [[20, clean]], [[20, clean]], 'pass', undefined],
    ['passes without a control where the stage has none', [[20, clean]], null, 'pass', undefined],
    [
      'passes a candidate that is better than a bad control',
      [[20, clean]],
      [[20, cutTail]],
      'pass',
      undefined,
    ],
    ['never passes without data', [], [[20, clean]], 'no-data', undefined],
    ['never passes without data of control', [[20, clean]], [], 'no-data', undefined],
    ['waits for the candidate’s sessions', [[19, clean]], [[20, clean]], 'inconclusive', undefined],
    ['waits for the control’s sessions', [[20, clean]], [[19, clean]], 'inconclusive', undefined],
    ['fails slow finals', [[20, slow]], [[20, clean]], 'fail', 'finalization-latency'],
    ['fails lost audio before anything else', [[20, hole]], [[20, clean]], 'fail', 'capture-completeness'],
    ['fails a cut tail', [[20, cutTail]], [[20, clean]], 'fail', 'missed-tail'],
    [
      'fails orphans',
      [
        [17, clean],
        [3, orphaned],
      ],
      [[20, clean]],
      'fail',
      'orphan-rate',
    ],
    [
      'fails duplicates',
      [
        [17, clean],
        [3, doubled],
      ],
      [[20, clean]],
      'fail',
      'duplicate-artifacts',
    ],
    [
      'fails a candidate whose sessions need rescue',
      [
        [17, clean],
        [3, failed],
      ],
      [[20, clean]],
      'fail',
      'error-rate',
    ],
    ['judges the arm before its rescue', [[20, rescued]], [[20, clean]], 'fail', 'capture-completeness'],
    [
      'fails at once when a few sessions are all bad',
      [[3, slow]],
      [[1, clean]],
      'fail',
      'finalization-latency',
    ],
    ['fails at once when control has not reported yet', [[3, hole]], [], 'fail', 'capture-completeness'],
    ['fails at once without a control', [[3, hole]], null, 'fail', 'capture-completeness'],
    ['does not fail on two bad sessions', [[2, hole]], [[20, clean]], 'inconclusive', 'capture-completeness'],
    [
      'does not pass with two bad sessions among many',
      [
        [18, clean],
        [2, failed],
      ],
      [[20, clean]],
      'inconclusive',
      'error-rate',
    ],
    [
      'waits while few of few are bad',
      [
        [14, clean],
        [3, orphaned],
      ],
      [[20, clean]],
      'inconclusive',
      'orphan-rate',
    ],
    [
      'holds when both arms are hit alike',
      [[20, slow]],
      [[20, slow]],
      'inconclusive',
      'finalization-latency',
    ],
    [
      'does not let two sessions of control excuse a candidate',
      [[20, slow]],
      [[2, slow]],
      'fail',
      'finalization-latency',
    ],
    [
      'does not pass a candidate that says nothing',
      [[20, silent]],
      [[20, clean]],
      'inconclusive',
      'orphan-rate',
    ],
    [
      'does not pass a candidate that says nothing without a control',
      [[20, silent]],
      null,
      'inconclusive',
      'finalization-latency',
    ],
    ['does not wait for what neither arm has', [[20, silent]], [[20, silent]], 'pass', undefined],
  ])('%s', (_promise, candidate, control, verdict, culprit) => {
    const found = verdictOf(candidate, control);

    expect([found.verdict, found.culprit]).toEqual([verdict, culprit]);
  });

  test('says both numbers, and what control did', () => {
    expect(verdictOf([[20, slow]], [[20, clean]]).sentence).toBe(
      'finalization latency p95 of the candidate 4,200 ms, limit 1,500 ms, control 600 ms; 20 of 20 sessions are beyond it: shown bad.',
    );
    expect(verdictOf([[7, clean]], [[20, clean]]).sentence).toBe(
      '7 sessions of the candidate ended, 20 are needed; nothing is beyond its limit.',
    );
  });

  test('keeps the value, the bound and the other arm’s value of each judged metric', () => {
    const { evidence, sessions } = verdictOf([[20, clean]], [[25, cutTail]]);

    expect(evidence.map(({ metric }) => metric)).toEqual(Object.keys(defaultThresholds));
    expect(evidence.find(({ metric }) => metric === 'missed-tail')).toMatchObject({
      value: 0,
      control: 900,
      limit: 100,
    });
    expect(sessions).toEqual({ candidate: 20, control: 25 });
  });

  test('judges only what has a threshold, and nothing is not a pass', () => {
    expect(verdictOf([[20, slow]], [[20, clean]], { 'missed-tail': 100 }).verdict).toBe('pass');
    expect(verdictOf([[20, slow]], [[20, clean]], {}).verdict).toBe('inconclusive');
  });

  test('is a function of its data: the same records give the same verdict', () => {
    const once = verdictOf([[20, slow]], [[20, clean]]);

    expect(JSON.parse(JSON.stringify(once))).toEqual(verdictOf([[20, slow]], [[20, clean]]));
  });

  test('a source that cannot answer is its own verdict', () => {
    expect(sourceErrorVerdict('the disk is full')).toMatchObject({ verdict: 'source-error', evidence: [] });
  });
});

describe('users on both sides', () => {
  const sessions = { candidate: 10, control: 10 };
  const user = (i: number, changes: RecordChanges): ReturnType<typeof recordOf> =>
    recordOf({ userHash: `user-${i}`, ...changes });
  const crossed = (count: number, changes: RecordChanges = {}): CrossedUsers => {
    const found = new CrossedUsers();
    for (let i = 0; i < count; i++) {
      found.add(user(i, { arm: 'control' }));
      found.add(user(i, { arm: 'candidate', ...changes }));
    }
    return found;
  };

  test('break the comparison', () => {
    expect(crossed(3).verdict(sessions)).toMatchObject({ verdict: 'invalid' });
    expect(crossed(2).verdict(sessions)).toBeNull();
  });

  test('may change sides between epochs, and when a share did not decide', () => {
    expect(crossed(5, { epoch: 2 }).crossed).toBe(0);
    expect(crossed(5, { reason: 'STALE' }).crossed).toBe(0);
    expect(crossed(5, { userHash: '' }).crossed).toBe(0);
  });

  test('are no pattern when they are few among many', () => {
    const found = crossed(3);
    for (let i = 10; i < 1_000; i++) found.add(user(i, {}));

    expect(found.verdict(sessions)).toBeNull();
  });
});
