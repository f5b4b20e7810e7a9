import { expect, test } from 'vitest';
import type { DrainedSession } from '../rollout/commands.ts';
import type { RolloutState } from '../rollout/state.ts';
import { automatic, commandOf, subjectIn, type Subject } from '../rollout/rollout.fixture.ts';
import type { RoutedNotice } from './notice-routes.ts';
import type { Notice } from './notice.ts';
import { noticesOf } from './notices.ts';

/** What people are told because of what `step` sends. */
function toldOf(subject: Subject, step: () => unknown): readonly Notice[] {
  const [before, known] = [subject.state as RolloutState, subject.events.length];
  step();
  const items = noticesOf(before, subject.events.slice(known));
  return items.map(({ payload }) => (JSON.parse(payload) as RoutedNotice).notice);
}

const reports = (subject: Subject, sessions: readonly Partial<DrainedSession>[]) => () =>
  subject.send({
    ...{ type: 'drain-report', actor: automatic, reason: 'reported', gateway: 'gateway-1', done: true },
    sessions: sessions.map((session, index) => ({
      ...{ sessionId: `s${index}`, outcome: 'migrated', samplesLost: 0, ended: true },
      ...session,
    })),
  });

/** Rolled back: every evaluator answered, and these sessions were reported. */
function closed(sessions: readonly Partial<DrainedSession>[]) {
  const subject = subjectIn('rolling-back');
  for (const evaluator of ['gateway-1', 'app-1'])
    subject.send({ type: 'acknowledge', actor: automatic, reason: 'heard', evaluator, revision: 9 });
  reports(subject, sessions)();
  const told = toldOf(subject, () => subject.send(commandOf('finish-rollback', subject)));
  return { subject, told };
}

test('a closed receipt says how many sessions run on and are not counted', () => {
  expect(closed([{}, { ended: false }, { ended: false }]).told).toMatchObject([
    {
      kind: 'rolled-back',
      severity: 'warning',
      howBad:
        '0 samples of audio lost, 0 entries shown twice, in 3 sessions that were open; 2 still run and are not counted yet. because',
      receipt: { running: 2, samplesLost: 0, duplicateEntries: 0 },
    },
  ]);
});

test('text that was shown twice is as critical as audio that was lost', () => {
  for (const harm of [{ samplesLost: 1 }, { duplicateEntries: 1 }]) {
    const [notice] = closed([harm]).told;
    expect(notice).toMatchObject({ severity: 'critical' });
    expect(notice?.nextStep).toMatch(/^Read the receipt: /);
  }
});

test('harm that is found after the receipt was closed is told once for each kind', () => {
  const { subject } = closed([{ ended: false }, { ended: false }]);
  const told = (sessions: readonly Partial<DrainedSession>[]) => toldOf(subject, reports(subject, sessions));
  expect(told([{}, { ended: false }])).toEqual([]);
  expect(told([{}, { samplesLost: 800 }])).toMatchObject([
    {
      kind: 'rolled-back',
      severity: 'critical',
      title:
        'streaming-2: candidate (build sha256:2) was rolled back, with harm found since the receipt was closed',
      howBad: '800 samples of audio lost, 0 entries shown twice, in 2 sessions that were open. because',
    },
  ]);
  expect(told([{ samplesLost: 800 }, { samplesLost: 800 }])).toEqual([]);
  expect(told([{ samplesLost: 0 }, { samplesLost: 0 }])).toEqual([]);
  expect(told([{ duplicateEntries: 1 }, {}])).toMatchObject([
    { severity: 'critical', receipt: { samplesLost: 1_600, duplicateEntries: 1 } },
  ]);
});

test('harm that the closed receipt told of is not told again', () => {
  const { subject } = closed([{ samplesLost: 5 }, { ended: false }]);
  expect(toldOf(subject, reports(subject, [{ samplesLost: 5 }, { samplesLost: 7 }]))).toEqual([]);
});
