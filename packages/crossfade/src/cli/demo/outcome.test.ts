import { describe, expect, it } from 'vitest';
import { recordOf } from '../../analysis/record.fixture.ts';
import type { ReceiptStatus, RolloutStatus } from '../../controller/rollout-status.ts';
import { probeScript } from '../../signal/probe-script.ts';
import type { SessionRecord } from '../../transcript/session-record.ts';
import type { DemoSession } from './crowd.ts';
import type { SpokenSession } from './live-session.ts';
import { type DemoFacts, outcomeOf } from './outcome.ts';
import { demoUser } from './traffic.ts';

const script = probeScript({ seed: 1, sampleRate: 16_000, durationMs: 10_000 });

function session(id: string, changes: Partial<SpokenSession> = {}): DemoSession {
  return {
    planned: {
      lane: 0,
      pauseMs: 0,
      user: demoUser(0),
      engine: 'tone',
      content: { kind: 'tone', seed: 1, durationMs: 10_000 },
    },
    script,
    spoken: {
      sessionId: id,
      samplesOffered: 160_000,
      audioMs: 10_000,
      entries: 5,
      duplicateEntries: 0,
      orphans: 0,
      words: script.words,
      lateMs: [0, 1, 2],
      failure: null,
      ...changes,
    },
  };
}

function rollout(name: string, changes: Partial<RolloutStatus>): RolloutStatus {
  return {
    name,
    flag: 'transcription',
    state: 'completed',
    disabled: false,
    control: 'control',
    candidate: 'candidate',
    candidateBuild: null,
    stage: null,
    stages: ['internal'],
    epoch: 1,
    gates: [{ metric: 'missed-tail', requires: 'certified', liveAtStage: 'half', settledBy: 'live' }],
    acceptance: null,
    holding: null,
    verdict: null,
    receipt: null,
    revision: 9,
    createdAtMs: 0,
    changedAtMs: 0,
    ...changes,
  };
}

const receipt: ReceiptStatus = {
  drainId: 'drain-1',
  policy: 'migrate',
  reason: 'too slow',
  actor: 'judge',
  evidence: {
    verdict: 'fail',
    sentence: 'finals are late',
    culprit: 'finalization-latency',
    evidence: [],
    sessions: { candidate: 9, control: 9 },
  },
  rolledBackAtMs: 1,
  admissionStoppedAtMs: 2,
  admissionStoppedBy: 'acknowledgement',
  unacknowledged: [],
  unreported: [],
  sessions: [
    {
      sessionId: 'b',
      gateway: 'gateway-1',
      outcome: 'migrated',
      ended: true,
      samplesLost: 0,
      duplicateEntries: 0,
      pauseMs: 90,
    },
  ],
  running: 0,
  samplesLost: 0,
  duplicateEntries: 0,
  pauses: { sessions: 1, msP50: 90, msP99: 90 },
  completedAtMs: 3,
};

const drained: SessionRecord = {
  ...recordOf({ id: 'b' }),
  drain: { id: 'drain-1', policy: 'migrate', outcome: 'migrated' },
};

const kept: DemoFacts = {
  sessions: [session('a'), session('b')],
  records: [recordOf({ id: 'a' }), drained],
  good: rollout('good', {}),
  bad: rollout('bad', { state: 'rolled-back', receipt }),
  culprits: ['finalization-latency'],
  stages: { good: ['internal', 'everyone'], bad: ['internal'] },
  wholePipelines: new Set(['candidate']),
  acceptance: null,
  peakSessions: 2,
  durationMs: 60_000,
};

describe('the outcome of a demo', () => {
  it('is ok when every promise was kept, with the numbers of records and clients', () => {
    expect(outcomeOf(kept)).toMatchObject({
      ok: true,
      problems: [],
      audioOfferedMs: 20_000,
      audioLostMs: 0,
      duplicateEntries: 0,
      orphans: 0,
      sessions: { candidate: 2 },
      engines: { tone: 2 },
      probe: { sessions: 2, words: 2 * script.words.length, missing: 0, repeated: 0 },
      rollouts: [
        { name: 'good', state: 'completed', stages: ['internal', 'everyone'] },
        { name: 'bad', state: 'rolled-back', receipt: { sessions: 1, outcomes: { migrated: 1 } } },
      ],
    });
  });

  const lost = recordOf({ id: 'a', counts: { samplesCovered: 144_000 } });
  const short = recordOf({ id: 'a', counts: { samplesOffered: 80_000, samplesCovered: 80_000 } });
  const twice = recordOf({ id: 'a', user: { duplicateEntries: 1 } });
  const other: SessionRecord = { ...drained, sessionId: 'c' };
  it.each<[string, Partial<DemoFacts>, RegExp]>([
    ['audio that no final covers', { records: [lost, drained] }, /1000 ms of audio were lost/],
    ['a session without a record', { records: [drained] }, /Session a: the gateway has no record/],
    ['a record of less than was sent', { records: [short, drained] }, /80000 of 160000 samples/],
    ['a duplicate in a record', { records: [twice, drained] }, /saw 1 duplicate/],
    [
      'a duplicate that a client saw',
      { sessions: [session('a', { duplicateEntries: 1 })] },
      /saw 1 duplicate/,
    ],
    ['a missing word', { sessions: [session('a', { words: script.words.slice(1) })] }, /1 are missing/],
    [
      'a word that came twice',
      { sessions: [session('a', { words: [...script.words, script.words[0]!] })] },
      /1 came twice/,
    ],
    [
      'a session that broke',
      { sessions: [session('a', { failure: 'closed with 1011' })] },
      /closed with 1011/,
    ],
    ['no session at all', { sessions: [] }, /No session was spoken/],
    [
      'a good build that did not complete',
      { good: rollout('good', { state: 'rolled-back' }) },
      /is rolled-back, not/,
    ],
    ['a bad build that was not rolled out', { bad: null }, /was not rolled out/],
    ['a bad build that went through', { bad: rollout('bad', {}) }, /is completed, not rolled back/],
    [
      'a gate that was to be proven live and was waived',
      {
        good: rollout('good', {
          gates: [{ metric: 'missed-tail', requires: 'certified', liveAtStage: 'half', settledBy: 'waiver' }],
        }),
      },
      /missed-tail was to be proven live, and is not/,
    ],
    [
      'another culprit than the defect',
      { culprits: ['orphan-rate'] },
      /named finalization-latency, expected orphan-rate/,
    ],
    ['a receipt that is open', { bad: badWith({ completedAtMs: null }) }, /receipt is not closed/],
    ['a receipt with nothing in flight', { bad: badWith({ sessions: [] }) }, /names no session/],
    [
      'a session that the receipt forgot',
      { records: [recordOf({ id: 'a' }), drained, other] },
      /1 sessions that were/,
    ],
    ['a loss in the receipt', { bad: badWith({ samplesLost: 7 }) }, /7 samples were lost/],
    [
      'a gateway that did not report',
      { bad: badWith({ unreported: ['gateway-1'] }) },
      /No report came from gateway-1/,
    ],
  ])('is not ok with %s', (_, changes, problem) => {
    const { ok, problems } = outcomeOf({ ...kept, ...changes });
    expect(ok).toBe(false);
    expect(problems.join(' ')).toMatch(problem);
  });
});

function badWith(changes: Partial<ReceiptStatus>): RolloutStatus {
  return rollout('bad', { state: 'rolled-back', receipt: { ...receipt, ...changes } });
}
