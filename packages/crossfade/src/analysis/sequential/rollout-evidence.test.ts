import { expect, test } from 'vitest';
import type { SessionRecord } from '../../transcript/session-record.ts';
import { recordOf, type RecordChanges } from '../record.fixture.ts';
import { deadCandidate, silentCandidate } from './guards.ts';
import { setupOf } from './metric-setup.ts';
import { RolloutEvidence } from './rollout-evidence.ts';

const lossy = { user: { samplesCovered: 0 } };
const died = { counts: { samplesCovered: 0, entries: 0 }, pipeline: { failed: true } };
const hourMs = 3_600_000;

function evidence(): RolloutEvidence {
  const metrics = [setupOf('error-rate')];
  const made = new RolloutEvidence({ originMs: 0, metrics, maturityMs: 60_000, earlyMaturityMs: 60_000 });
  made.openEpoch({ epoch: 1, share: 0.5 });
  return made;
}

function endedAt(second: number, changes: RecordChanges): SessionRecord {
  const startedAtMs = second * 1_000;
  return { ...recordOf(changes), startedAtMs, endedAtMs: startedAtMs + 10_000 };
}

test.each<[string, RecordChanges, number]>([
  ['late', lossy, hourMs],
  ['not-random', { ...lossy, reason: 'TARGETING_MATCH' }, 20_000],
  ['not-random', { ...lossy, reason: 'STALE', arm: 'control' }, 20_000],
])('a user who did not get all counts, though the session is %s', (taken, changes, receivedAtMs) => {
  const known = evidence();

  expect(known.recorded(endedAt(0, changes), receivedAtMs)).toBe(taken);
  expect(known.harmedSessions).toBe(1);
});

test('of an epoch that nobody opened nothing counts', () => {
  const known = evidence();

  expect(known.recorded(endedAt(0, { ...lossy, epoch: 9 }), 20_000)).toBe('unknown-epoch');
  expect(known.recorded(endedAt(0, { ...lossy, epoch: 9 }), hourMs)).toBe('late');
  expect(known.harmedSessions).toBe(0);
});

test('a candidate that is dead for an audience alone is a dead candidate', () => {
  const known = evidence();
  for (let i = 0; i < 30; i++) {
    known.recorded(endedAt(i, { id: `control-${i}`, arm: 'control' }), (i + 11) * 1_000);
    known.recorded(endedAt(i, { id: `dead-${i}`, reason: 'TARGETING_MATCH', ...died }), (i + 11) * 1_000);
  }

  expect(deadCandidate(known.guards(1))?.guard).toBe('dead-candidate');
});

test('control that a lease put there says nothing of a silent candidate', () => {
  const known = evidence();
  known.recorded(endedAt(0, { id: 'candidate' }), 11_000);
  for (let i = 1; i < 60; i++) {
    known.recorded(endedAt(i, { id: `stale-${i}`, arm: 'control', reason: 'STALE' }), (i + 11) * 1_000);
  }

  const options = { nowMs: hourMs, share: 0.5, expectedGapMs: 1_000 };
  expect(silentCandidate(known.guards(1), options)).toBeNull();
});
