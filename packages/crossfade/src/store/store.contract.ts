import { describe, expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';
import { appendEventsMax, genesisHash, hashOf, payloadCharsMax } from './chain.ts';
import { openedStores } from './opened-stores.fixture.ts';
import { signalOf } from './signal.fixture.ts';
import type { NewEvent, OutboxItem, RolloutStore, SessionStore } from './store.ts';

const event = (n: number): NewEvent => ({
  type: 'judged',
  payload: JSON.stringify({ n, text: 'é\u0000😀' }),
});
const item = (id: string, target = 'log'): OutboxItem => ({
  id,
  kind: 'paused',
  target,
  payload: `{"id":"${id}"}`,
});

/** What every rollout store promises; each adapter runs it. */
export function describeRolloutStore(name: string, open: () => Promise<RolloutStore>): void {
  const opened = openedStores();
  const openStore = () => opened(open());

  describe(`${name}: append and read`, () => {
    test('what was appended is read back as it was, numbered without gaps, in order', async () => {
      const store = await openStore();
      const first = await store.append('a', 0, [event(1), event(2)], [], 1_000);
      const second = await store.append('b', 0, [event(3)], [], 2_000.5);
      const all = await store.read();
      expect(all).toEqual([...first, ...second]);
      expect(
        all.map(({ sequence, stream, streamRevision, atMs }) => [sequence, stream, streamRevision, atMs]),
      ).toEqual([
        [1, 'a', 1, 1_000],
        [2, 'a', 2, 1_000],
        [3, 'b', 1, 2_000.5],
      ]);
      expect(all[1]).toMatchObject(event(2));
    });

    test('every record carries the hash of the one before it and its own', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1), event(2)], [], 1);
      await store.append('b', 0, [event(3)], [], 2);
      let previousHash = genesisHash;
      for (const record of await store.read()) {
        expect(record.previousHash).toBe(previousHash);
        expect(record.hash).toBe(hashOf(record));
        previousHash = record.hash;
      }
      expect(await store.verify()).toBeNull();
    });

    test.each([0, 1, 3])(
      'a writer that expects revision %d of a stream at 2 is told, and nothing changes',
      async (expected) => {
        const store = await openStore();
        await store.append('a', 0, [event(1), event(2)], [], 1);
        await expect(store.append('a', expected, [event(3)], [item('x')], 2)).rejects.toMatchObject({
          code: 'STORE_CONFLICT',
          detail: { stream: 'a', expected, actual: 2 },
        });
        expect(await store.read()).toHaveLength(2);
        expect(await store.pendingOutbox({ limit: 10 })).toEqual([]);
      },
    );

    test('of two writers at once one wins', async () => {
      const store = await openStore();
      const both = await Promise.allSettled([1, 2].map((n) => store.append('a', 0, [event(n)], [], n)));
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(await store.read()).toHaveLength(1);
    });

    test('streams do not meet, and a stream is read alone', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [], 1);
      await store.append('a%', 0, [event(2)], [], 2);
      await store.append('a', 1, [event(3)], [], 3);
      expect((await store.read({ stream: 'a' })).map(({ sequence }) => sequence)).toEqual([1, 3]);
      expect((await store.read({ stream: 'a', after: 1 })).map(({ sequence }) => sequence)).toEqual([3]);
      expect(await store.read({ stream: 'nobody' })).toEqual([]);
    });

    test('reads in pages: after, limit, and 1,000 when nothing is said', async () => {
      const store = await openStore();
      const many = Array.from({ length: appendEventsMax }, (_, n) => event(n));
      await store.append('a', 0, many, [], 1);
      await store.append('a', many.length, [event(0)], [], 2);
      expect(await store.read()).toHaveLength(1_000);
      expect((await store.read({ after: 999 })).map(({ sequence }) => sequence)).toEqual([1_000, 1_001]);
      expect((await store.read({ after: 5, limit: 2 })).map(({ sequence }) => sequence)).toEqual([6, 7]);
      expect(await store.read({ limit: 0 })).toEqual([]);
      expect(await store.verify()).toBeNull();
    });

    test('an append without events still carries its notices', async () => {
      const store = await openStore();
      expect(await store.append('a', 0, [], [item('x')], 1)).toEqual([]);
      expect(await store.read()).toEqual([]);
      expect(await store.pendingOutbox({ limit: 1 })).toHaveLength(1);
    });

    test.each([
      ['too many events', Array.from({ length: appendEventsMax + 1 }, (_, n) => event(n))],
      ['too large an event', [{ type: 'judged', payload: 'x'.repeat(payloadCharsMax + 1) }]],
    ])('%s are refused before anything is written', async (_, events) => {
      const store = await openStore();
      await expect(store.append('a', 0, events, [], 1)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
      expect(await store.read()).toEqual([]);
    });

    test('an empty store verifies', async () => {
      expect(await (await openStore()).verify()).toBeNull();
    });

    test('a closed store says so, and closing twice is fine', async () => {
      const store = await openStore();
      await store.close();
      await store.close();
      await expect(store.read()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await expect(store.append('a', 0, [event(1)], [], 1)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    });
  });

  describe(`${name}: outbox`, () => {
    test('items wait in order until they are settled', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x'), item('y')], 7);
      expect(await store.pendingOutbox({ limit: 10 })).toEqual([
        { ...item('x'), createdAtMs: 7, attempts: 0 },
        { ...item('y'), createdAtMs: 7, attempts: 0 },
      ]);
      expect(await store.pendingOutbox({ limit: 1 })).toHaveLength(1);
      await store.settleOutbox('x', { is: 'sent' });
      expect((await store.pendingOutbox({ limit: 10 })).map(({ id }) => id)).toEqual(['y']);
    });

    test('a failed attempt is counted, the item stays and is not due before its time', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x')], 1);
      await store.settleOutbox('x', { is: 'failed', error: 'refused', dueAtMs: 50 });
      await store.settleOutbox('x', { is: 'failed', error: 'refused', dueAtMs: 100 });
      expect(await store.pendingOutbox({ limit: 10 })).toMatchObject([{ id: 'x', attempts: 2 }]);
      const dueAt = async (nowMs: number) =>
        (await store.pendingOutbox({ limit: 10, due: { nowMs, longestWaitMs: 60 } })).length;
      expect(await dueAt(99)).toBe(0);
      expect(await dueAt(100)).toBe(1);
    });

    test('a wall clock that was set back makes nobody wait longer than the longest wait', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x')], 1_000);
      await store.settleOutbox('x', { is: 'failed', error: 'refused', dueAtMs: 1_100 });
      expect(await store.pendingOutbox({ limit: 10, due: { nowMs: 500, longestWaitMs: 500 } })).toHaveLength(
        1,
      );
    });

    test('items of a target that is left out keep no other back', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x', 'hook'), item('y', 'hook'), item('z')], 1);
      const items = await store.pendingOutbox({ limit: 1, exceptTargets: ['hook'] });
      expect(items.map(({ id }) => id)).toEqual(['z']);
    });

    test('an item that is given up is listed as dead with its last error, and somebody else is told', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x', 'hook')], 1);
      await store.settleOutbox('x', { is: 'dead', error: 'gone', atMs: 9, outbox: [item('x:dead')] });
      expect((await store.pendingOutbox({ limit: 10 })).map(({ id }) => id)).toEqual(['x:dead']);
      expect(await store.deadOutbox(10)).toEqual([
        { ...item('x', 'hook'), createdAtMs: 1, attempts: 1, diedAtMs: 9, error: 'gone' },
      ]);
      await store.settleOutbox('x', { is: 'sent' });
      expect(await store.deadOutbox(10)).toHaveLength(1);
    });

    test('a dead item is sent again or dropped, once, and its id stays used', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x'), item('y')], 1);
      for (const id of ['x', 'y'])
        await store.settleOutbox(id, { is: 'dead', error: 'gone', atMs: 9, outbox: [] });
      expect(await store.reviveOutbox('x')).toBe(true);
      expect(await store.reviveOutbox('x')).toBe(false);
      expect(await store.dropOutbox('y')).toBe(true);
      expect(await store.dropOutbox('y')).toBe(false);
      expect(await store.deadOutbox(10)).toEqual([]);
      expect(await store.pendingOutbox({ limit: 10 })).toMatchObject([{ id: 'x', attempts: 0 }]);
      await store.append('a', 1, [event(2)], [item('y')], 2);
      expect((await store.pendingOutbox({ limit: 10 })).map(({ id }) => id)).toEqual(['x']);
    });

    test('an id that was used is not taken again, sent or not', async () => {
      const store = await openStore();
      await store.append('a', 0, [event(1)], [item('x')], 1);
      await store.append('a', 1, [event(2)], [item('x')], 2);
      expect(await store.pendingOutbox({ limit: 10 })).toHaveLength(1);
      await store.settleOutbox('x', { is: 'sent' });
      await store.append('a', 2, [event(3)], [item('x')], 3);
      await store.settleOutbox('x', { is: 'failed', error: 'late', dueAtMs: 0 });
      expect(await store.pendingOutbox({ limit: 10 })).toEqual([]);
    });

    test('settling what is not there changes nothing', async () => {
      const store = await openStore();
      await store.settleOutbox('nobody', { is: 'sent' });
      expect(await store.pendingOutbox({ limit: 10 })).toEqual([]);
    });
  });
}

const transcriptOf = (sessionId: string): StoredTranscript => ({
  sessionId,
  sampleRate: 16_000,
  entries: [{ segmentId: '1', start: 0, end: 10, text: 'né\u0000😀', words: [], upstream: 'candidate' }],
});

function sessionOf(id: string, rollout?: string): SessionRecord {
  const record = recordOf({ id });
  const { rollout: _, ...assignment } = record.assignment;
  return {
    ...record,
    assignment: rollout === undefined ? assignment : { ...assignment, rollout: { name: rollout, epoch: 1 } },
  };
}

/** What every session store promises; each adapter runs it. */
export function describeSessionStore(name: string, open: () => Promise<SessionStore>): void {
  const opened = openedStores();
  const openStore = () => opened(open());

  describe(`${name}: sessions`, () => {
    test('a session is stored exactly once: a repeat changes nothing and answers false', async () => {
      const store = await openStore();
      expect(await store.saveSession(sessionOf('s1'), transcriptOf('s1'))).toBe(true);
      const again = { ...sessionOf('s1'), model: 'another' };
      expect(await store.saveSession(again, { ...transcriptOf('s1'), entries: [] })).toBe(false);
      expect(await store.record('s1')).toEqual(sessionOf('s1'));
      expect(await store.transcript('s1')).toEqual(transcriptOf('s1'));
      expect(await store.records()).toHaveLength(1);
    });

    test('an erased transcript is gone, and its record and the others stay', async () => {
      const store = await openStore();
      for (const id of ['s1', 's2']) await store.saveSession(sessionOf(id), transcriptOf(id));
      expect(await store.eraseTranscript('s1')).toBe(true);
      expect(await store.eraseTranscript('s1')).toBe(false);
      expect(await store.transcript('s1')).toBeUndefined();
      expect(await store.record('s1')).toEqual(sessionOf('s1'));
      expect(await store.transcript('s2')).toEqual(transcriptOf('s2'));
    });

    test('a record may come without its transcript', async () => {
      const store = await openStore();
      await store.saveSession(sessionOf('s1'), null);
      expect(await store.transcript('s1')).toBeUndefined();
      expect(await store.record('nobody')).toBeUndefined();
    });

    test('what is stored does not change with the object it came from', async () => {
      const store = await openStore();
      const record = structuredClone(sessionOf('s1')) as { model: string } & SessionRecord;
      await store.saveSession(record, null);
      record.model = 'changed';
      expect((await store.record('s1'))?.model).toBe(sessionOf('s1').model);
      const read = (await store.record('s1')) as { model: string };
      read.model = 'changed';
      expect((await store.records())[0]?.record.model).toBe(sessionOf('s1').model);
    });

    test('records are read in order of their coming, in pages, of one rollout if named', async () => {
      const store = await openStore();
      for (const [id, rollout] of [
        ['s1', 'a'],
        ['s2', undefined],
        ['s3', 'b'],
        ['s4', 'a'],
      ] as const) {
        await store.saveSession(sessionOf(id, rollout), null);
      }
      const ids = async (options?: Parameters<SessionStore['records']>[0]) =>
        (await store.records(options)).map(({ record }) => record.sessionId);
      expect(await ids()).toEqual(['s1', 's2', 's3', 's4']);
      expect(await ids({ rollout: 'a' })).toEqual(['s1', 's4']);
      expect(await ids({ limit: 2 })).toEqual(['s1', 's2']);
      const [first] = await store.records({ rollout: 'a', limit: 1 });
      expect(await ids({ rollout: 'a', after: first?.sequence ?? 0 })).toEqual(['s4']);
      expect(await ids({ after: (await store.records()).at(-1)?.sequence ?? 0 })).toEqual([]);

      const newest = async (options?: Parameters<SessionStore['newestRecords']>[0]) =>
        (await store.newestRecords(options)).map(({ record }) => record.sessionId);
      expect(await newest()).toEqual(['s4', 's3', 's2', 's1']);
      expect(await newest({ limit: 2 })).toEqual(['s4', 's3']);
      const [, third] = await store.newestRecords({ limit: 2 });
      expect(await newest({ before: third?.sequence ?? 0, limit: 1 })).toEqual(['s2']);
      expect(await newest({ before: first?.sequence ?? 0 })).toEqual([]);
    });

    test('names from the prototype and long names are names like others', async () => {
      const store = await openStore();
      for (const id of ['__proto__', 'constructor', 'x'.repeat(10_000)]) {
        expect(await store.record(id)).toBeUndefined();
        expect(await store.saveSession(sessionOf(id), null)).toBe(true);
        expect((await store.record(id))?.sessionId).toBe(id);
      }
    });

    test('a record keeps when it was received, where that was said', async () => {
      const store = await openStore();
      await store.saveSession(sessionOf('s1'), null, 1_234);
      await store.saveSession(sessionOf('s2'), null);
      expect((await store.records()).map(({ receivedAtMs }) => receivedAtMs)).toEqual([1_234, null]);
    });

    test('a signal is stored once per session and kind, and read in order of its coming', async () => {
      const store = await openStore();
      expect(await store.saveSignals([signalOf('s1', 'started'), signalOf('s2', 'started', 'b')], 10)).toBe(
        2,
      );
      const again = [signalOf('s1', 'started'), signalOf('s1', 'early'), signalOf('s1', 'early')];
      expect(await store.saveSignals(again, 20)).toBe(1);
      const all = await store.signals();
      expect(
        all.map(({ signal: { sessionId, kind }, receivedAtMs }) => [sessionId, kind, receivedAtMs]),
      ).toEqual([
        ['s1', 'started', 10],
        ['s2', 'started', 10],
        ['s1', 'early', 20],
      ]);
      expect(await store.signals({ rollout: 'b' })).toEqual([all[1]]);
      expect(await store.signals({ after: all[0]!.sequence, limit: 1 })).toEqual([all[1]]);
    });

    test('a snapshot replaces the one before it, and is gone when it is dropped', async () => {
      const store = await openStore();
      expect(await store.snapshot('judge:a')).toBeUndefined();
      await store.saveSnapshot('judge:a', 'one');
      await store.saveSnapshot('judge:b', 'other');
      await store.saveSnapshot('judge:a', 'two');
      expect([await store.snapshot('judge:a'), await store.snapshot('judge:b')]).toEqual(['two', 'other']);
      await store.dropSnapshot('judge:a');
      await store.dropSnapshot('judge:a');
      expect(await store.snapshot('judge:a')).toBeUndefined();
    });

    test('a reader finds its place again, each reader its own', async () => {
      const store = await openStore();
      expect(await store.cursor('judge')).toBe(0);
      await store.saveCursor('judge', 5);
      await store.saveCursor('link', 7);
      await store.saveCursor('judge', 6);
      expect([await store.cursor('judge'), await store.cursor('link')]).toEqual([6, 7]);
    });

    test('a closed store says so', async () => {
      const store = await openStore();
      await store.close();
      await expect(store.records()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await expect(store.saveSession(sessionOf('s1'), null)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    });
  });
}
