import { describe, expect, test } from 'vitest';
import { seededRandom } from '@crossfade/sdk/core/random';
import type { SessionRecord } from '../../transcript/session-record.ts';
import { recordOf, type RecordChanges } from '../record.fixture.ts';
import { question as firstEpoch } from './judge-question.fixture.ts';
import { setupOf } from './metric-setup.ts';
import { RolloutEvidence, type EvidenceSetup, type RolloutEvidenceJson } from './rollout-evidence.ts';
import { judgeSequentially, type SequentialJudgeInput, type SequentialVerdict } from './sequential-judge.ts';
import { sequentialMetrics } from './sequential-metrics.ts';

const setup: EvidenceSetup = {
  originMs: 0,
  metrics: sequentialMetrics.map(({ id }) => setupOf(id)),
  maturityMs: 60_000,
  earlyMaturityMs: 60_000,
};

/** Sessions come a second apart, by a coin; what a bad candidate does is up to the test. */
interface Run {
  readonly sessions: number;
  readonly share?: number | null;
  readonly candidate?: (i: number) => RecordChanges;
  readonly control?: (i: number) => RecordChanges;
  readonly seed?: number;
}

const noChanges = (): RecordChanges => ({});

function records({
  sessions,
  share = 0.5,
  candidate = noChanges,
  control = noChanges,
  seed = 1,
}: Run): readonly SessionRecord[] {
  const random = seededRandom(seed);
  return Array.from({ length: sessions }, (_, i) => {
    const arm = random.next() < (share ?? 1) ? ('candidate' as const) : ('control' as const);
    const changes = arm === 'candidate' ? candidate(i) : control(i);
    const userHash = Math.floor(random.next() * 2 ** 52)
      .toString(16)
      .padStart(16, '0');
    const startedAtMs = i * 1_000;
    const record = recordOf({ id: `s${i}`, arm, userHash, ...changes });
    return { ...record, startedAtMs, endedAtMs: startedAtMs + 10_000 };
  });
}

function evidenceOf(run: Run): RolloutEvidence {
  const evidence = new RolloutEvidence(setup);
  evidence.openEpoch({ epoch: 1, share: run.share === undefined ? 0.5 : run.share });
  for (const record of records(run)) evidence.recorded(record);
  evidence.advance(run.sessions * 1_000 + 120_000);
  return evidence;
}

/** The same session in the epoch that follows. */
function laterInEpoch2(record: SessionRecord): SessionRecord {
  const startedAtMs = record.startedAtMs + 1e6;
  const rollout = { ...record.assignment.rollout!, epoch: 2 };
  return {
    ...record,
    sessionId: `later-${record.sessionId}`,
    startedAtMs,
    endedAtMs: startedAtMs + 10_000,
    assignment: { ...record.assignment, rollout },
  };
}

/** Once all of it has matured. */
const question = { ...firstEpoch, nowMs: 2e6 };

function judge(run: Run, changes: Partial<SequentialJudgeInput> = {}): SequentialVerdict {
  return judgeSequentially({
    ...question,
    evidence: evidenceOf(run),
    nowMs: run.sessions * 1_000 + 120_000,
    hasRandomControl: run.share !== null,
    ...changes,
  });
}

const slow = (i: number): RecordChanges =>
  i % 3 === 0
    ? { counts: { finalLatenciesMs: [900, 1_600, 1_730, 1_800], finalLatencyOverLimit: 3 } }
    : { counts: { finalLatenciesMs: [600, 700, 800, 1_210], finalLatencyOverLimit: 0 } };
const usual = (i: number): RecordChanges => ({
  counts: { finalLatenciesMs: [600, 700, 800, i % 4 === 0 ? 1_210 : 900], finalLatencyOverLimit: 0 },
});

describe('the sequential judge', () => {
  test('takes back a candidate whose finals are slow, and says so in one sentence with both numbers', () => {
    const verdict = judge({ sessions: 900, candidate: slow, control: usual });

    expect(verdict).toMatchObject({ verdict: 'fail', culprit: 'finalization-latency', guard: null });
    expect(verdict.sentence).toMatch(
      /^finalization latency p95: 1,8\d\d ms against 1,2\d\d ms in control, limit 1,500 ms; \d{3} sessions; evidence .+ : 1, acted at 20 : 1\.$/,
    );
    expect(verdict.metrics.find(({ id }) => id === 'finalization-latency')?.state).toBe('bad');
  });

  test('asks for more evidence when the error budget is smaller', () => {
    const run = { sessions: 900, candidate: slow, control: usual };

    expect(judge(run, { alpha: 0.01 }).sentence).toContain('acted at 100 : 1');
  });

  test('passes a candidate that is like its control, at a look, once the planned exposure is there', () => {
    const verdict = judge({ sessions: 1_200, candidate: usual, control: usual });

    expect(verdict.verdict).toBe('pass');
    expect(verdict.sentence).toContain('Nothing is shown bad');
  });

  test.each<[string, Run, Partial<SequentialJudgeInput>, SequentialVerdict['verdict'], RegExp]>([
    [
      'nothing arrived',
      { sessions: 0 },
      {},
      'no-data',
      /^0 sessions of the candidate have matured, 100 are planned\.$/,
    ],
    [
      'control is missing',
      { sessions: 300, share: 1 },
      { hasRandomControl: true },
      'no-data',
      /^0 sessions of control have matured, 100 are planned\.$/,
    ],
    [
      'exposure is short',
      { sessions: 150 },
      {},
      'inconclusive',
      /of (the candidate|control) have matured, 100 are planned/,
    ],
    ['the bake is not over', { sessions: 600 }, { isLook: false }, 'inconclusive', /the bake is not over/],
    [
      'a gate is not proven',
      { sessions: 600 },
      { gates: ['duplicate-artifacts'] },
      'inconclusive',
      /^0 of 1 gates are proven\. duplicate entries: .* its 95 % bound is .*, it must be below/,
    ],
    [
      'a gate needs acceptance evidence',
      { sessions: 600 },
      { gates: ['recovery-success'] },
      'inconclusive',
      /^0 of 1 gates are proven/,
    ],
  ])('never passes when %s', (_why, run, changes, verdict, sentence) => {
    const found = judge(run, changes);

    expect(found.verdict).toBe(verdict);
    expect(found.sentence).toMatch(sentence);
  });

  test('proves a gate that the traffic can prove', () => {
    const verdict = judge(
      { sessions: 1_200, candidate: usual, control: usual },
      { gates: ['missed-tail', 'finalization-latency'] },
    );

    expect(verdict.verdict).toBe('pass');
    expect(verdict.sentence).toContain('2 of 2 gates are proven');
  });

  test('holds, and does not roll back, when both arms break a limit together', () => {
    const bad = (i: number): RecordChanges => ({ counts: { missedTailMs: 300 + (i % 5) * 20 } });
    const verdict = judge({ sessions: 900, candidate: bad, control: bad });

    expect(verdict).toMatchObject({ verdict: 'inconclusive', sharedIncident: true, culprit: null });
    expect(verdict.sentence).toContain('Both arms are beyond their limits');
  });

  test('what was held before does not hold the epoch that begins after it', () => {
    const evidence = new RolloutEvidence(setup);
    evidence.openEpoch({ epoch: 1, share: 0.5 });
    evidence.openEpoch({ epoch: 2, share: 0.5 });
    const bad = (i: number): RecordChanges => ({ counts: { missedTailMs: 300 + (i % 5) * 20 } });
    for (const record of records({ sessions: 900, candidate: bad, control: bad })) evidence.recorded(record);
    for (const record of records({ sessions: 900, seed: 2 })) evidence.recorded(laterInEpoch2(record));
    evidence.advance(1e9);
    const verdictAt = (epoch: number): SequentialVerdict =>
      judgeSequentially({ ...question, evidence, epoch });

    expect(verdictAt(1).sharedIncident).toBe(true);
    expect(verdictAt(2)).toMatchObject({ verdict: 'pass', sharedIncident: false });
  });

  test('rolls back on limits alone where no coin assigns, and says so', () => {
    const bad = (): RecordChanges => ({ counts: { missedTailMs: 400 } });
    const verdict = judge({ sessions: 400, share: null, candidate: bad });

    expect(verdict).toMatchObject({ verdict: 'fail', culprit: 'missed-tail' });
    expect(verdict.sentence).toContain('judged by its limits alone');
  });

  describe('of a rollout with stages of both kinds', () => {
    /** An audience alone, then a share. */
    const walk = (audience: Run, share: Run): RolloutEvidence => {
      const evidence = new RolloutEvidence(setup);
      evidence.openEpoch({ epoch: 1, share: null });
      evidence.openEpoch({ epoch: 2, share: 0.5 });
      for (const record of records({ ...audience, share: null })) evidence.recorded(record);
      for (const record of records({ ...share, seed: 2 })) evidence.recorded(laterInEpoch2(record));
      evidence.advance(1e9);
      return evidence;
    };
    const asked = { ...question, coins: 'some' } as const;

    test('evidence of a stage without a control counts on in the next one, and is not started anew', () => {
      const bad = (): RecordChanges => ({ counts: { missedTailMs: 160 } });
      const evidence = walk({ sessions: 40, candidate: bad }, { sessions: 300 });
      const inAudience = judgeSequentially({ ...asked, evidence, hasRandomControl: false });
      const inShare = judgeSequentially({ ...asked, evidence, epoch: 2 });

      expect(inAudience.lnE).toBeGreaterThan(1);
      expect(inShare.lnE).toBe(inAudience.lnE);
    });

    test('what crosses before the new stage has a session is said of the stages before it', () => {
      const bad = (): RecordChanges => ({ counts: { missedTailMs: 400 } });
      const evidence = walk({ sessions: 200, candidate: bad }, { sessions: 0 });
      const { sentence } = judgeSequentially({ ...asked, evidence, epoch: 2 });
      expect(sentence).toMatch(
        /^missed tail: seen in the stages before this one; evidence .+ : 1, acted at 20 : 1\.$/,
      );
    });

    test('a limit that both arms miss beside a control holds as a shared incident, and rolls nothing back', () => {
      const bad = (): RecordChanges => ({ counts: { missedTailMs: 160 } });
      const evidence = walk({ sessions: 10 }, { sessions: 600, candidate: bad, control: bad });
      const verdict = judgeSequentially({ ...asked, evidence, epoch: 2 });

      expect(verdict).toMatchObject({ verdict: 'inconclusive', sharedIncident: true });
      expect(verdict.lnE).toBeLessThan(Math.log(2));
    });

    test('a log from before is judged as if all stages were like the one that ran', () => {
      const evidence = walk(
        { sessions: 60, candidate: () => ({ counts: { missedTailMs: 160 } }) },
        { sessions: 0 },
      );
      const { coins: _, ...old } = { ...asked, evidence, hasRandomControl: false };
      expect(judgeSequentially(old).lnE).toBe(judgeSequentially({ ...old, coins: 'none' }).lnE);
    });
  });

  describe('names what tells most of the sessions that failed', () => {
    const failed = { pipeline: { failed: true } };
    const orphaned = { ...failed, counts: { orphans: 1, samplesCovered: 120_000, missedTailMs: 2_500 } };
    const holed = { ...failed, counts: { samplesCovered: 120_000 } };
    const gone = { pipeline: { failed: true, deaths: 1 }, counts: { samplesCovered: 80_000 } };

    test('an orphan, when some of the sessions had none and all missed a tail', () => {
      const tail = { ...failed, counts: { samplesCovered: 120_000, missedTailMs: 2_500 } };
      const candidate = (i: number) => (i % 3 === 0 ? tail : orphaned);

      expect(judge({ sessions: 200, share: null, candidate }).culprit).toBe('orphan-rate');
    });

    test.each<[string, RecordChanges, string]>([
      ['an orphan, which misses audio and a tail too', orphaned, 'orphan-rate'],
      ['missing audio', holed, 'capture-completeness'],
      ['an error rate, when the pipeline was gone', gone, 'error-rate'],
      ['an error rate, when nothing else is beyond its limit', failed, 'error-rate'],
    ])('%s', (_what, changes, culprit) => {
      const verdict = judge({ sessions: 200, share: null, candidate: (i) => (i % 2 === 0 ? changes : {}) });

      expect(verdict).toMatchObject({ verdict: 'fail', culprit });
      expect(verdict.metrics.filter(({ state }) => state === 'bad').map(({ id }) => id)).toEqual([culprit]);
    });
  });

  test('a dead candidate is taken back by a guard, before the statistics speak', () => {
    const dead = (i: number): RecordChanges =>
      i < 60
        ? {}
        : {
            counts: { samplesCovered: 0, entries: 0, finalLatenciesMs: [], finalLatencyCount: 0 },
            pipeline: { failed: true },
          };
    const evidence = new RolloutEvidence(setup);
    evidence.openEpoch({ epoch: 1, share: 0.5 });
    for (const record of records({ sessions: 75, candidate: dead })) evidence.recorded(record);
    const verdict = judgeSequentially({ ...question, evidence, nowMs: 76_000, isLook: false });

    expect(verdict).toMatchObject({ verdict: 'fail', guard: 'dead-candidate' });
  });

  test('users on the wrong side of the planned split break the comparison', () => {
    const evidence = evidenceOf({ sessions: 1_000, share: 0.5 });
    const wrong = new RolloutEvidence(setup);
    wrong.openEpoch({ epoch: 1, share: 0.4 });
    for (const record of records({ sessions: 1_000, share: 0.5 })) wrong.recorded(record);
    wrong.advance(1e9);
    const input = { ...question, nowMs: 1e6 };

    expect(judgeSequentially({ ...input, evidence }).verdict).toBe('pass');
    expect(judgeSequentially({ ...input, evidence: wrong })).toMatchObject({
      verdict: 'invalid',
      broken: 'assignments',
    });
  });

  test('a candidate that dies silently shows in the ends that are reported', () => {
    const evidence = new RolloutEvidence(setup);
    evidence.openEpoch({ epoch: 1, share: 0.5 });
    for (const [i, record] of records({ sessions: 700 }).entries()) {
      const { arm, userHash, reason } = record.assignment;
      const { sessionId, startedAtMs } = record;
      evidence.started({ sessionId, arm, userHash, epoch: 1, startedAtMs, reason });
      if (arm === 'control' || i % 2 === 0) evidence.recorded(record);
    }
    evidence.advance(1e9);
    const verdict = judgeSequentially({
      evidence,
      nowMs: 800_000,
      epoch: 1,
      alpha: 0.05,
      horizonMinutes: 2_880,
      hasRandomControl: true,
      plannedSessions: 100,
      isLook: true,
      gates: [],
      expectedGapMs: null,
    });

    // The missing ends are failures of the candidate: the statistics are even faster than the split.
    expect(['fail', 'invalid']).toContain(verdict.verdict);
    expect(verdict.culprit ?? verdict.broken).toMatch(/error-rate|early-failure|ends/);
  });

  test('replays to the same verdict from what was saved, and refuses what another setup saved', () => {
    const run = { sessions: 700, candidate: slow, control: usual };
    const evidence = evidenceOf(run);
    const saved = JSON.parse(JSON.stringify(evidence)) as RolloutEvidenceJson;
    const restored = RolloutEvidence.restore(setup, saved);

    expect(restored).not.toBeNull();
    const input = { ...question, nowMs: 900_000 };
    expect(judgeSequentially({ evidence: restored!, ...input })).toEqual(
      judgeSequentially({ evidence, ...input }),
    );
    expect(RolloutEvidence.restore({ ...setup, maturityMs: 1 }, saved)).toBeNull();
  });

  test('a goal is better, worse or not shown, and more memory is shown bad by its blocks', () => {
    const fast = (i: number): RecordChanges => ({ counts: { firstPartialMs: 100 + (i % 7) } });
    const usualStart = (i: number): RecordChanges => ({ counts: { firstPartialMs: 200 + (i % 7) } });
    const run = { sessions: 900, candidate: fast, control: usualStart };
    const goal = (verdict: SequentialVerdict) =>
      verdict.metrics.find(({ id }) => id === 'first-partial-latency')?.goal;

    expect(goal(judge(run))).toBe('better');
    expect(goal(judge({ ...run, candidate: usualStart, control: fast }))).toBe('worse');
    expect(goal(judge({ ...run, candidate: fast }))).not.toBe('worse');

    const evidence = evidenceOf({ sessions: 300 });
    for (let i = 0; i < 24; i++) {
      const block = { minute: i * 30, candidate: 1e9 + (i % 3) * 1e6, control: 5e8 + (i % 2) * 1e6 };
      expect(evidence.blockMeasured('rss-per-process', block)).toBe(true);
      expect(evidence.blockMeasured('rss-per-process', block)).toBe(false);
    }
    const verdict = judgeSequentially({ ...question, evidence, nowMs: 720 * 60_000, isLook: false });
    expect(verdict).toMatchObject({ verdict: 'fail', culprit: 'rss-per-process' });
  });
});
