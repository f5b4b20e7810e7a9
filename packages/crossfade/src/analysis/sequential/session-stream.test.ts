import { describe, expect, test } from 'vitest';
import { recordOf } from '../record.fixture.ts';
import { candidateArm, cellAt, column } from './cell-layout.ts';
import { setupOf } from './metric-setup.ts';
import { ObservedTime } from './observed-time.ts';
import { outcomesOf } from './session-outcomes.ts';
import { type AssignedSession, SessionStream } from './session-stream.ts';

const minuteMs = 60_000;
const maturityMs = 10 * minuteMs;
const setups = [setupOf('error-rate'), setupOf('orphan-rate')];
const clean = outcomesOf(setups, recordOf());

function stream(): SessionStream {
  const made = new SessionStream(setups, 0, maturityMs);
  made.openEpoch({ epoch: 1, share: 0.5 });
  return made;
}

function assigned(id: number, minute: number, changes: Partial<AssignedSession> = {}): AssignedSession {
  return {
    sessionId: `s${id}`,
    arm: 'candidate',
    epoch: 1,
    userHash: id.toString(16).padStart(16, '0'),
    startedAtMs: minute * minuteMs + id,
    reason: 'SPLIT',
    ...changes,
  };
}

function cell(of: SessionStream, name: keyof typeof column): number {
  const [epoch] = of.epochs;
  return epoch!.since(0, new Float64Array(epoch!.width))[cellAt(0, candidateArm) + column[name]]!;
}

describe('sessions on their way into the sums', () => {
  test('enter when their minute has matured, not before', () => {
    const sessions = stream();
    sessions.report(assigned(1, 0), clean);

    sessions.advance(maturityMs + minuteMs - 1);
    expect(cell(sessions, 'n')).toBe(0);

    sessions.advance(maturityMs + minuteMs);
    expect(cell(sessions, 'n')).toBe(1);
    expect(sessions.pending).toBe(0);
  });

  test('that were announced and never report are failures, in either arm', () => {
    const sessions = stream();
    sessions.announce(assigned(1, 0));
    sessions.announce(assigned(2, 0));
    sessions.report(assigned(2, 0), clean);
    sessions.advance(maturityMs + minuteMs);

    expect(cell(sessions, 'n')).toBe(2);
    expect(cell(sessions, 'sumY')).toBe(1);
    expect(sessions.epochs[0]!.units(candidateArm)).toEqual({ assigned: 2, ended: 1 });
  });

  test('count once, however often they are reported, and never after their minute has matured', () => {
    const sessions = stream();
    expect(sessions.report(assigned(1, 0), clean)).toBe('taken');
    expect(sessions.report(assigned(1, 0), clean)).toBe('repeated');
    sessions.advance(maturityMs + minuteMs);

    expect(sessions.report(assigned(1, 0), clean)).toBe('late');
    expect(sessions.report(assigned(9, 0), clean)).toBe('late');
    sessions.advance(3 * maturityMs);
    expect(cell(sessions, 'n')).toBe(1);
    expect(sessions.refused).toEqual({
      repeated: 1,
      late: 2,
      'unknown-epoch': 0,
      'not-random': 0,
      ahead: 0,
      full: 0,
    });
  });

  test('give the same sums in any order', () => {
    const reports = Array.from({ length: 60 }, (_, i) => assigned(i % 40, i % 3, { sessionId: `s${i}` }));
    const forward = stream();
    const backward = stream();
    for (const report of reports) forward.report(report, clean);
    for (const report of reports.toReversed()) backward.report(report, clean);
    forward.advance(1e9);
    for (let nowMs = 0; nowMs < 20 * minuteMs; nowMs += 7_000) backward.advance(nowMs);
    backward.advance(1e9);

    expect(backward.epochs[0]!.toJSON()).toEqual(forward.epochs[0]!.toJSON());
  });

  test('of an epoch nobody opened are refused, and so is one more than may wait', () => {
    const sessions = stream();

    expect(sessions.report(assigned(1, 0, { epoch: 2 }), clean)).toBe('unknown-epoch');
  });

  test('that no coin assigned are no part of a comparison, and count where there is none', () => {
    const sessions = stream();
    sessions.openEpoch({ epoch: 2, share: null });

    expect(sessions.report(assigned(1, 0, { reason: 'TARGETING_MATCH' }), clean)).toBe('not-random');
    expect(sessions.announce(assigned(2, 0, { reason: 'STATIC' }))).toBe('not-random');
    expect(sessions.announce(assigned(4, 0, { reason: 'STALE', arm: 'control' }))).toBe('not-random');
    expect(sessions.report(assigned(3, 0, { reason: 'TARGETING_MATCH', epoch: 2 }), clean)).toBe('taken');
  });

  test('survive a restart in the middle: nothing is lost and nothing counts twice', () => {
    const before = stream();
    before.report(assigned(1, 0), clean);
    before.announce(assigned(2, 1));
    before.advance(maturityMs + minuteMs);
    const after = new SessionStream(setups, 0, maturityMs);
    after.restore(JSON.parse(JSON.stringify(before)));

    expect(after.report(assigned(1, 0), clean)).toBe('late');
    expect(after.report(assigned(2, 1), clean)).toBe('taken');
    after.advance(1e9);
    expect(cell(after, 'n')).toBe(2);
    expect(cell(after, 'sumY')).toBe(0);
  });

  test('wait longer by the time in which nobody looked, those that began in it too', () => {
    const observed = new ObservedTime();
    const sessions = new SessionStream(setups, 0, maturityMs, minuteMs, observed);
    sessions.openEpoch({ epoch: 1, share: null });
    for (const minute of [0, 7, 30]) sessions.announce(assigned(minute, minute), minute * minuteMs + 100);
    observed.miss(5 * minuteMs, 45 * minuteMs);

    sessions.advance(51 * minuteMs - 1);
    expect(sessions.pending).toBe(3);
    expect(sessions.report(assigned(0, 0), clean, 50 * minuteMs)).toBe('taken');
    sessions.advance(51 * minuteMs);
    expect(sessions.pending).toBe(2);
    expect(sessions.report(assigned(7, 7), clean, 54 * minuteMs)).toBe('taken');
    sessions.advance(55 * minuteMs);
    expect(sessions.pending).toBe(0);
    expect([cell(sessions, 'n'), cell(sessions, 'sumY')]).toEqual([3, 1]);
  });

  test('a clock that goes back changes nothing', () => {
    const sessions = stream();
    sessions.report(assigned(1, 0), clean);
    sessions.advance(1e9);
    sessions.advance(0);

    expect(sessions.report(assigned(3, 1), clean)).toBe('late');
  });
});

describe('a record as outcomes', () => {
  const all = [
    'error-rate',
    'capture-completeness',
    'finalization-latency',
    'missed-tail',
    'duplicate-artifacts',
    'first-partial-latency',
    'recovery-success',
  ] as const;
  const allSetups = all.map((id) => setupOf(id));
  const outcome = (id: (typeof all)[number], record = recordOf()) => {
    const at = all.indexOf(id) * 3;
    return [...outcomesOf(allSetups, record).subarray(at, at + 3)];
  };

  test('audio is missed in seconds', () => {
    const record = recordOf({ counts: { samplesOffered: 160_000, samplesCovered: 152_000 } });

    expect(outcome('capture-completeness', record)).toEqual([0.5, 10, 0.5]);
  });

  test('finals are held against the historical p95 and against the limit', () => {
    const counts = { finalLatenciesMs: [400, 1_300, 1_600], finalLatencyCount: 3, finalLatencyOverLimit: 1 };

    expect(outcome('finalization-latency', recordOf({ counts }))).toEqual([2, 3, 1]);
  });

  test('what a session does not have does not enter', () => {
    expect(outcome('recovery-success')).toEqual([0, 0, 0]);
    expect(outcome('missed-tail', recordOf({ counts: { missedTailMs: null } }))).toEqual([0, 0, 0]);
    expect(outcome('first-partial-latency', recordOf({ realTime: false }))).toEqual([0, 0, 0]);
  });

  test('the pipeline ledger is judged: a rescued session is an error of its arm', () => {
    const record = recordOf({ pipeline: { failed: true, failure: 'died' }, user: { rescuedBy: 'control' } });

    expect(outcome('error-rate', record)).toEqual([1, 1, 1]);
  });
});
