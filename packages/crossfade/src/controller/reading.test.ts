import { expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import { RolloutEvidence } from '../analysis/sequential/rollout-evidence.ts';
import { Reading } from './reading.ts';

test('remembers ends of two hours at most, also while nobody asks for a rate', () => {
  const evidence = new RolloutEvidence({
    originMs: 0,
    metrics: [],
    maturityMs: 60_000,
    earlyMaturityMs: 60_000,
  });
  const reading = new Reading(1, evidence);
  const seconds = 20_000;
  for (let second = 0; second < seconds; second++) {
    const endedAtMs = second * 1_000;
    reading.add({ ...recordOf({ id: `s${second}` }), startedAtMs: endedAtMs, endedAtMs }, endedAtMs);
  }

  expect(reading.toJSON().endsBySecond.length).toBeLessThanOrEqual(7_200);
  expect(reading.sessionsPerHour(0, seconds * 1_000, 60_000)).toBe(3_600);
});
