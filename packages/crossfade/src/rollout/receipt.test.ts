import type { DrainOutcome } from '../transcript/session-record.ts';
import type { DrainedSession } from '../wire/control.ts';
import { describe, expect, test } from 'vitest';
import { exposureLeaseMs } from './lease.ts';
import { receiptOf } from './receipt.ts';
import { rollbackWaitsFor } from './rollback.ts';
import { automatic, commandOf, subjectIn, type Subject } from './rollout.fixture.ts';

function report(
  subject: Subject,
  done: boolean,
  sessions: Readonly<Record<string, DrainOutcome>>,
  samplesLost = 0,
) {
  return subject.send({
    type: 'drain-report',
    actor: automatic,
    reason: 'reported',
    gateway: 'gateway-1',
    sessions: Object.entries(sessions).map(([sessionId, outcome]) => ({ sessionId, outcome, samplesLost })),
    done,
  });
}

function acknowledge(subject: Subject, evaluator: string) {
  return subject.send({ type: 'acknowledge', actor: automatic, reason: 'heard', evaluator, revision: 9 });
}

const receipt = (subject: Subject) => receiptOf(subject.current, subject.nowMs);

describe('the receipt of a rollback', () => {
  test('there is none before a rollback', () => {
    expect(receipt(subjectIn('running'))).toBeNull();
  });

  test('says who, why, from where, with which evidence', () => {
    const subject = subjectIn('running');
    subject.judge('fail', { sentence: 'failed 3 sessions, limit 2.' });
    expect(receipt(subject)).toMatchObject({
      rollout: 'streaming-2',
      build: 'sha256:2',
      actor: automatic,
      why: 'failed 3 sessions, limit 2.',
      evidence: { verdict: { verdict: 'fail' } },
      from: { phase: 'running', stage: 'internal', epoch: 1 },
    });
  });

  test('admission has stopped when the last evaluator said so', () => {
    const subject = subjectIn('rolling-back');
    expect(receipt(subject)).toMatchObject({
      admissionStoppedAtMs: null,
      unacknowledged: ['gateway-1', 'app-1'],
    });
    acknowledge(subject, 'gateway-1');
    subject.nowMs += 500;
    acknowledge(subject, 'app-1');
    expect(receipt(subject)).toMatchObject({
      admissionStoppedAtMs: subject.nowMs,
      admissionStoppedBy: 'acknowledgement',
      unacknowledged: [],
    });
  });

  test('of a silent evaluator the lease is the limit, and the receipt names it', () => {
    const subject = subjectIn('rolling-back');
    acknowledge(subject, 'gateway-1');
    const startedAtMs = subject.nowMs;
    subject.nowMs += exposureLeaseMs - 1;
    expect(receipt(subject)?.admissionStoppedAtMs).toBeNull();
    subject.nowMs += 1;
    expect(receipt(subject)).toMatchObject({
      admissionStoppedAtMs: startedAtMs + exposureLeaseMs,
      admissionStoppedBy: 'lease',
      unacknowledged: ['app-1'],
    });
  });

  test('accounts for every session that was reported, with the audio it lost', () => {
    const subject = subjectIn('rolling-back');
    report(subject, false, { s1: 'open', s2: 'finished' });
    report(subject, true, { s1: 'migrated' }, 5);
    expect(receipt(subject)).toMatchObject({ samplesLost: 5, unreported: [] });
    expect(receipt(subject)?.sessions.map(({ sessionId, outcome }) => [sessionId, outcome])).toEqual([
      ['s1', 'migrated'],
      ['s2', 'finished'],
    ]);
  });

  test('says what was shown twice and how long users waited for text, also when that is known after its end', () => {
    const subject = subjectIn('rolling-back');
    const moved = (sessionId: string, more: object = {}) =>
      ({ sessionId, outcome: 'migrated', samplesLost: 0, ...more }) as const;
    const send = (sessions: readonly ReturnType<typeof moved>[]) =>
      subject.send({
        ...{ type: 'drain-report', actor: automatic, reason: 'reported', gateway: 'gateway-1' },
        ...{ sessions, done: true },
      });
    const ids = Array.from({ length: 200 }, (_, index) => `s${index}`);
    send(ids.map((id) => moved(id)));
    expect(receipt(subject)).toMatchObject({ duplicateEntries: 0, pauses: null });
    acknowledge(subject, 'gateway-1');
    acknowledge(subject, 'app-1');
    subject.send({ type: 'finish-rollback', actor: automatic, reason: 'nobody is open' });
    const before = subject.current.revision;
    const known = ids.map((id, index) => moved(id, { pauseMs: index + 1, duplicateEntries: index % 2 }));
    send(known);
    send(known);
    expect(subject.current.revision).toBe(before + 1);
    expect(receipt(subject)).toMatchObject({
      duplicateEntries: 100,
      pauses: { sessions: 200, msP50: 100, msP99: 198 },
    });
    expect(receipt(subject)?.sessions[3]).toMatchObject({ pauseMs: 4, duplicateEntries: 1 });
  });

  test('a report that is repeated changes nothing, and a late `open` takes no end back', () => {
    const subject = subjectIn('rolling-back');
    report(subject, true, { s1: 'migrated' });
    expect(report(subject, true, { s1: 'migrated' })).toEqual([]);
    expect(report(subject, true, { s1: 'open' })).toEqual([]);
    expect(receipt(subject)?.sessions).toMatchObject([{ outcome: 'migrated' }]);
  });

  test('counts apart the sessions that have not ended, and takes those of older logs for ended unless open', () => {
    const subject = subjectIn('rolling-back');
    const said = (sessions: Readonly<Record<string, object>>) =>
      subject.send({
        ...{ type: 'drain-report', actor: automatic, reason: 'reported', gateway: 'gateway-1', done: true },
        sessions: Object.entries(sessions).map(([sessionId, session]) => ({
          ...{ sessionId, outcome: 'migrated', samplesLost: 0 },
          ...session,
        })),
      });
    said({ s1: { ended: false }, s2: { ended: false }, s3: {}, s4: { outcome: 'open' } });
    expect(receipt(subject)).toMatchObject({ running: 3 });
    said({ s1: { ended: true } });
    expect(receipt(subject)).toMatchObject({
      running: 2,
      sessions: [{ sessionId: 's1', ended: true }, {}, {}, {}],
    });
    expect(said({ s1: { ended: false } })).toEqual([]);
  });

  test('takes back nothing it knows when a gateway that was restarted, or got a harder order, knows less', () => {
    const subject = subjectIn('rolling-back');
    const said = (session: object) =>
      subject.send({
        ...{ type: 'drain-report', actor: automatic, reason: 'reported', gateway: 'gateway-1', done: true },
        sessions: [{ sessionId: 's1', outcome: 'migrated', samplesLost: 0, ...session }],
      });
    const known = { outcome: 'migrated', samplesLost: 3, duplicateEntries: 1, pauseMs: 250 } as const;
    said(known);
    for (const outcome of ['rescued', 'open', 'finished', 'cut']) expect(said({ outcome })).toEqual([]);
    expect(said({ outcome: 'rescued', samplesLost: 4 })).toEqual(['sessions-drained']);
    expect(receipt(subject)?.sessions).toMatchObject([{ ...known, samplesLost: 4 }]);
  });

  test('grows after the end: what was open may still be reported', () => {
    const subject = subjectIn('rolling-back');
    report(subject, false, { s1: 'open' });
    subject.nowMs += subject.current.plan.drainLimitMs;
    expect(subject.send(commandOf('finish-rollback', subject))).toEqual(['rolled-back']);
    expect(receipt(subject)).toMatchObject({ unreported: ['gateway-1'], sessions: [{ outcome: 'open' }] });
    report(subject, true, { s1: 'finished' });
    expect(receipt(subject)).toMatchObject({ unreported: [], sessions: [{ outcome: 'finished' }] });
  });

  test('grows after the end by a gateway that comes back late, and by no other that has nothing to add', () => {
    const subject = subjectIn('rolling-back');
    subject.nowMs += subject.current.plan.drainLimitMs;
    subject.send(commandOf('finish-rollback', subject));
    const late = (gateway: string, sessions: readonly DrainedSession[]): readonly string[] =>
      subject.send({ type: 'drain-report', actor: automatic, reason: 'r', gateway, sessions, done: true });
    expect(late('gateway-9', [])).toEqual([]);
    const moved = { sessionId: 's9', outcome: 'migrated', samplesLost: 0 } as const;
    expect(late('gateway-9', [moved])).toEqual(['sessions-drained']);
    expect(late('gateway-1', [])).toEqual(['sessions-drained']);
    expect(receipt(subject)).toMatchObject({ unreported: [], sessions: [{ sessionId: 's9' }] });
  });

  test('names from the prototype are names like others', () => {
    const subject = subjectIn('rolling-back');
    expect(acknowledge(subject, 'constructor')).toEqual(['admission-stopped']);
    expect(report(subject, true, Object.fromEntries([['toString', 'finished']]))).toEqual([
      'sessions-drained',
    ]);
    expect(receipt(subject)?.sessions).toHaveLength(1);
  });
});

describe('a rollback is over', () => {
  test('when evaluators, sessions and gateways are accounted for, and says what it waits for until then', () => {
    const subject = subjectIn('rolling-back');
    const waitsFor = () => rollbackWaitsFor(subject.current, subject.nowMs);
    expect(waitsFor()).toMatch(/^2 evaluators have not acknowledged \(gateway-1, app-1\); .* 1m\.$/);
    acknowledge(subject, 'gateway-1');
    acknowledge(subject, 'app-1');
    expect(waitsFor()).toMatch(/^1 gateways have not reported/);
    report(subject, false, { s1: 'open' });
    expect(waitsFor()).toMatch(/^1 sessions are open; they have 10m left/);
    expect(() => subject.send(commandOf('finish-rollback', subject))).toThrow(/1 sessions are open/);
    report(subject, true, { s1: 'finished' });
    expect(waitsFor()).toBeNull();
    expect(subject.send(commandOf('finish-rollback', subject))).toEqual(['rolled-back']);
  });

  test('at the drain limit, whatever is still open', () => {
    const subject = subjectIn('rolling-back');
    report(subject, false, { s1: 'open' });
    subject.nowMs += subject.current.plan.drainLimitMs;
    expect(rollbackWaitsFor(subject.current, subject.nowMs)).toBeNull();
  });

  test('at once where nobody was in', () => {
    const subject = subjectIn('draft');
    subject.send({ type: 'rollback', actor: automatic, reason: 'never mind' });
    expect(subject.send(commandOf('finish-rollback', subject))).toEqual(['rolled-back']);
    expect(receipt(subject)).toMatchObject({ sessions: [], samplesLost: 0, unacknowledged: [] });
  });
});
