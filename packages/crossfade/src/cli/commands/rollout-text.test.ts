import { expect, test } from 'vitest';
import { statusOf } from '../../controller/status-of.ts';
import { automatic, subjectIn } from '../../rollout/rollout.fixture.ts';
import { receiptLines } from './rollout-text.ts';

test('a receipt says of how many sessions the losses are not known yet', () => {
  const subject = subjectIn('rolling-back');
  const line = () => receiptLines(statusOf(subject.current, subject.nowMs).receipt!)[1];
  const said = (...ended: readonly boolean[]) =>
    subject.send({
      ...{ type: 'drain-report', actor: automatic, reason: 'reported', gateway: 'gateway-1', done: true },
      sessions: ended.map((ended, index) => ({
        ...{ sessionId: `s${index}`, outcome: 'migrated', samplesLost: 0, ended },
      })),
    });
  said(false, false, true);
  expect(line()).toBe(
    '  open sessions: 3 migrated; samples lost: 0; shown twice: 0; 2 still running, not counted yet',
  );
  said(true, true, true);
  expect(line()).toBe('  open sessions: 3 migrated; samples lost: 0; shown twice: 0');
});
