import type { Clock } from '@crossfade/sdk/core/clock';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { describe, expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';
import { openedStores } from './opened-stores.fixture.ts';
import { signalOf } from './signal.fixture.ts';
import type { NewEvent, OutboxItem, RolloutStore, SessionStore } from './store.ts';

const event: NewEvent = { type: 'judged', payload: '{}' };
const item = (id: string): OutboxItem => ({ id, kind: 'paused', target: 'log', payload: '{}' });

function record(sessionId: string, rollout?: string): SessionRecord {
  const made = recordOf({ id: sessionId });
  const { rollout: _, ...assignment } = made.assignment;
  const of = rollout === undefined ? {} : { rollout: { name: rollout, epoch: 1 } };
  return { ...made, assignment: { ...assignment, ...of } };
}

/** What stores promise of what they forget; each adapter runs it. */
export function describeForgetting(
  name: string,
  openRollouts: (clock: Clock) => Promise<RolloutStore>,
  openSessions: () => Promise<SessionStore>,
): void {
  const opened = openedStores();

  describe(`${name}: what is forgotten`, () => {
    test('what was sent or dropped long ago is forgotten, a few at a time; what waits or is dead stays', async () => {
      const clock = new ManualClock();
      const store = await opened(openRollouts(clock));
      const ids = ['sent', 'dropped', 'dead', 'pending', 'sent later'];
      await store.append(
        'a',
        0,
        [event],
        ids.map((id) => item(id)),
        1,
      );
      for (const id of ['dropped', 'dead'])
        await store.settleOutbox(id, { is: 'dead', error: 'gone', atMs: 9, outbox: [] });
      await store.settleOutbox('sent', { is: 'sent' });
      await store.dropOutbox('dropped');
      const untilMs = clock.nowMs() + 1;
      clock.advance(1);
      await store.settleOutbox('sent later', { is: 'sent' });

      expect(await store.forgetOutbox(untilMs - 1, 10)).toBe(0);
      expect(await store.forgetOutbox(untilMs, 1)).toBe(1);
      expect(await store.forgetOutbox(untilMs, 10)).toBe(1);
      expect(await store.forgetOutbox(untilMs, 10)).toBe(0);
      expect((await store.pendingOutbox({ limit: 10 })).map(({ id }) => id)).toEqual(['pending']);
      expect((await store.deadOutbox(10)).map(({ id }) => id)).toEqual(['dead']);

      await store.append('a', 1, [event], [item('sent later'), item('sent')], 2);
      expect((await store.pendingOutbox({ limit: 10 })).map(({ id }) => id)).toEqual(['pending', 'sent']);
      expect(await store.verify()).toBeNull();
    });

    test('old signals are dropped, a few at a time, of all rollouts but those named', async () => {
      const store = await opened(openSessions());
      for (const [rollout, receivedAtMs] of [
        ['kept', 10],
        ['over', 10],
        ['unknown', 10],
        ['over', 20],
        ['over', 30],
      ] as const) {
        const sessionId = `${rollout}-${receivedAtMs}`;
        await store.saveSignals([signalOf(sessionId, 'started', rollout)], receivedAtMs);
      }
      const left = async () => (await store.signals()).map(({ signal: { sessionId } }) => sessionId);
      const before = await store.signals();
      const old = { exceptRollouts: ['kept', 'nobody'], receivedBeforeMs: 30 };
      expect(await store.dropSignals({ ...old, receivedBeforeMs: 10, limit: 10 })).toBe(0);
      expect(await store.dropSignals({ ...old, limit: 2 })).toBe(2);
      expect(await store.dropSignals({ ...old, limit: 2 })).toBe(1);
      expect(await store.dropSignals({ ...old, limit: 2 })).toBe(0);
      expect(await left()).toEqual(['kept-10', 'over-30']);
      expect(await store.signals({ rollout: 'over' })).toEqual([before[4]]);

      // Nothing is missed by a reader that stood behind what was dropped.
      expect(await store.dropSignals({ ...old, receivedBeforeMs: 31, limit: 2 })).toBe(1);
      expect(await store.saveSignals([signalOf('over-30', 'started', 'over')], 40)).toBe(1);
      const again = await store.signals({ after: before[4]!.sequence });
      expect(again.map(({ receivedAtMs }) => receivedAtMs)).toEqual([40]);
    });

    test('old records are dropped, a few at a time, of all rollouts but those named', async () => {
      const store = await opened(openSessions());
      for (const [id, rollout, receivedAtMs] of [
        ['kept-10', 'kept', 10],
        ['over-10', 'over', 10],
        ['none-10', undefined, 10],
        ['later-40', 'later', 40],
        ['over-20', 'over', 20],
        ['over-30', 'over', 30],
      ] as const) {
        await store.saveSession(record(id, rollout), null, receivedAtMs);
      }
      const before = await store.records();
      const left = async () => (await store.records()).map(({ record: { sessionId } }) => sessionId);
      const old = { exceptRollouts: ['kept', 'nobody'], receivedBeforeMs: 30 };
      expect(await store.dropRecords({ ...old, receivedBeforeMs: 10, limit: 10 })).toBe(0);
      expect(await store.dropRecords({ ...old, limit: 2 })).toBe(2);
      expect(await store.dropRecords({ ...old, limit: 2 })).toBe(1);
      expect(await store.dropRecords({ ...old, limit: 2 })).toBe(0);
      expect(await left()).toEqual(['kept-10', 'later-40', 'over-30']);
      expect(await store.record('over-10')).toBeUndefined();

      // Nothing is missed by a reader that stood behind what was dropped.
      expect(await store.dropRecords({ ...old, receivedBeforeMs: 31, limit: 2 })).toBe(1);
      expect(await store.saveSession(record('over-30', 'over'), null, 40)).toBe(true);
      const again = await store.records({ after: before[5]!.sequence });
      expect(again.map(({ receivedAtMs }) => receivedAtMs)).toEqual([40]);
    });

    test.each([[[]], [['kept']]])(
      'records without the time they were received go by their end, and keep none that came after them: but %j',
      async (exceptRollouts) => {
        const store = await opened(openSessions());
        for (const [id, rollout, endedAtMs] of [
          ['late-1', 'over', 30],
          ['late-2', undefined, 30],
          ['early-1', 'over', 29],
          ['early-2', undefined, 29],
        ] as const)
          await store.saveSession({ ...record(id, rollout), endedAtMs }, null);
        for (const rollout of ['over', undefined])
          for (const atMs of [10, 20, 30])
            await store.saveSession(record(`${rollout}-${atMs}`, rollout), null, atMs);

        const old = { exceptRollouts, receivedBeforeMs: 30, limit: 2 };
        const dropped: number[] = [];
        for (let turn = 0; turn < 4; turn++) dropped.push(await store.dropRecords(old));
        expect(dropped).toEqual([2, 2, 2, 0]);
        const left = (await store.records()).map(({ record: { sessionId } }) => sessionId);
        expect(left).toEqual(['late-1', 'late-2', 'over-30', 'undefined-30']);
      },
    );

    test('a record takes its transcript with it, and leaves what was counted of its user', async () => {
      const store = await opened(openSessions());
      for (const id of ['old', 'new']) {
        const said: StoredTranscript = { sessionId: id, sampleRate: 16_000, entries: [] };
        await store.saveSession({ ...record(id), endedAtMs: id === 'old' ? 10 : 30 }, said);
      }
      const { userHash } = record('old').assignment;
      const usage = await store.usage(userHash, 40);
      expect(usage.sessions30d).toBe(2);
      expect(await store.dropRecords({ exceptRollouts: [], receivedBeforeMs: 30, limit: 10 })).toBe(1);
      expect([await store.record('old'), await store.transcript('old')]).toEqual([undefined, undefined]);
      expect(await store.transcript('new')).toMatchObject({ sessionId: 'new' });
      expect(await store.usage(userHash, 40)).toEqual(usage);
    });

    test('what a reader has still to read stays, however old it is', async () => {
      const store = await opened(openSessions());
      for (const id of ['read', 'last read', 'unread']) await store.saveSession(record(id), null, 10);
      const through = (await store.records())[1]!.sequence;
      const old = { exceptRollouts: [], receivedBeforeMs: 30, limit: 10 };
      expect(await store.dropRecords({ ...old, through: 0 })).toBe(0);
      expect(await store.dropRecords({ ...old, through })).toBe(2);
      expect(await store.dropRecords({ ...old, through })).toBe(0);
      expect((await store.records({ after: through })).map((stored) => stored.record.sessionId)).toEqual([
        'unread',
      ]);
    });
  });
}
