import { expect, test } from 'vitest';
import { seededRandom } from '@crossfade/sdk/core/random';
import { recordOf } from '../record.fixture.ts';
import { question } from './judge-question.fixture.ts';
import { setupOf } from './metric-setup.ts';
import { RolloutEvidence } from './rollout-evidence.ts';
import { judgeSequentially } from './sequential-judge.ts';
import { sequentialMetrics } from './sequential-metrics.ts';

/** Without limits: both arms may fail together, and nobody holds them. */
const metrics = sequentialMetrics
  .map(({ id }) => setupOf(id))
  .map((setup) => ({ ...setup, metric: { ...setup.metric, limit: null } }));

const setup = { originMs: 0, maturityMs: 60_000, earlyMaturityMs: 60_000 };

const whole = /^Nothing is shown bad/;
const none = /^0 sessions of the candidate reported their end in time, 100 are planned\.$/;
const late =
  /^0 sessions of the candidate reported their end in time, 100 are planned; 700 reports came after .*`maturity`\.$/;

test.each<[string, number | null, 'pass' | 'no-data', RegExp]>([
  ['reports in time', 10_000, 'pass', whole],
  ['never reports', null, 'no-data', none],
  ['reports too late', 300_000, 'no-data', late],
])('a pass needs ends that were measured: every session %s', (_what, lagMs, verdict, sentence) => {
  const evidence = new RolloutEvidence({ ...setup, metrics });
  evidence.openEpoch({ epoch: 1, share: 0.5 });
  const random = seededRandom(1);
  for (let i = 0; i < 700; i++) {
    const arm = random.next() < 0.5 ? ('candidate' as const) : ('control' as const);
    const userHash = Math.floor(random.next() * 2 ** 52)
      .toString(16)
      .padStart(16, '0');
    const startedAtMs = i * 1_000;
    const record = {
      ...recordOf({ id: `s${i}`, arm, userHash }),
      startedAtMs,
      endedAtMs: startedAtMs + 9_000,
    };
    const session = { sessionId: record.sessionId, arm, userHash, epoch: 1, startedAtMs, reason: 'SPLIT' };
    evidence.started(session, startedAtMs);
    evidence.reportedEarly(session, false, startedAtMs);
    if (lagMs !== null) evidence.recorded(record, startedAtMs + lagMs);
  }
  evidence.advance(1e9);

  const found = judgeSequentially({ ...question, evidence, nowMs: 1e6 });
  expect(found.verdict).toBe(verdict);
  expect(found.sentence).toMatch(sentence);
});

test('a bad time of control in its history lowers nothing that the candidate has to show', () => {
  const metric = setupOf('error-rate', { baseline: { ratio: 0.05, scoreMean: 0.05, damage: 1 } });
  const evidence = new RolloutEvidence({ ...setup, metrics: [metric] });
  evidence.openEpoch({ epoch: 1, share: 0.5 });
  for (let i = 0; i < 1_000; i++) {
    const arm = i % 2 === 0 ? ('candidate' as const) : ('control' as const);
    const failed = arm === 'candidate' ? i % 100 === 0 : i % 500 === 1;
    const userHash = (i * 2_654_435_761).toString(16).padStart(16, '0').slice(-16);
    const record = recordOf({ id: `s${i}`, arm, userHash, pipeline: { failed } });
    evidence.recorded({ ...record, startedAtMs: i * 1_000, endedAtMs: i * 1_000 + 9_000 });
  }
  evidence.advance(1e9);
  const found = judgeSequentially({ ...question, evidence, nowMs: 1e9, gates: ['error-rate'] });

  // Two failures of control are too few to compare with; ten of 500 are beyond what the table grants.
  expect(found.metrics.find(({ id }) => id === 'error-rate')?.proof?.proven).toBe(false);
  expect(found.verdict).toBe('inconclusive');
});
