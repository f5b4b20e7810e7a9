import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { afterAll, describe, expect, test } from 'vitest';
import { recordOf } from '../../analysis/record.fixture.ts';
import { hashOf } from '../chain.ts';
import { describeRolloutStore, describeSessionStore } from '../store.contract.ts';
import { describeForgetting } from '../forgetting.contract.ts';
import { describeUsage } from '../usage.contract.ts';
import type { NewEvent, SessionStore } from '../store.ts';
import { openSqliteRolloutStore } from './events.ts';
import { openSqliteSessionStore } from './sessions.ts';
import { StoreFolder } from './store-folder.fixture.ts';

const folder = new StoreFolder();
afterAll(() => folder.remove());

const clock = new ManualClock();
const openRollouts = (file = folder.newFile()) => openSqliteRolloutStore({ file, clock });
const openSessions = (file = folder.newFile()) => openSqliteSessionStore({ file });
const event = (n: number): NewEvent => ({ type: 'judged', payload: `{"n":${n}}` });

/** Runs SQL on a store's file behind its back. */
function tamper(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

describeRolloutStore('sqlite', () => openRollouts());
describeSessionStore('sqlite', () => openSessions());
describeUsage('sqlite', () => openSessions());
describeForgetting(
  'sqlite',
  (own) => openSqliteRolloutStore({ file: folder.newFile(), clock: own }),
  () => openSessions(),
);

describe('a store that is opened again', () => {
  test('knows its events, its chain and its outbox', async () => {
    const file = folder.newFile();
    const first = await openRollouts(file);
    await first.append('a', 0, [event(1)], [{ id: 'x', kind: 'paused', target: 'log', payload: '{}' }], 1);
    await first.close();
    const second = await openRollouts(file);
    expect(await second.append('a', 1, [event(2)], [], 2)).toMatchObject([
      { sequence: 2, streamRevision: 2 },
    ]);
    expect(await second.pendingOutbox({ limit: 10 })).toMatchObject([{ id: 'x' }]);
    expect(await second.verify()).toBeNull();
    await second.close();
  });

  test('knows its sessions and the places of its readers', async () => {
    const file = folder.newFile();
    const first = await openSessions(file);
    await first.saveSession(recordOf({ id: 's1' }), null);
    await first.saveCursor('judge', 1);
    await first.close();
    const second = await openSessions(file);
    expect(await second.saveSession(recordOf({ id: 's1' }), null)).toBe(false);
    expect(await second.cursor('judge')).toBe(1);
    await second.close();
  });

  test.each([
    ['an erased transcript', (store: SessionStore) => store.eraseTranscript('s1')],
    [
      'one that went with its old record',
      (store: SessionStore) =>
        store.dropRecords({ exceptRollouts: [], receivedBeforeMs: Infinity, limit: 1 }),
    ],
  ])('keeps no byte of %s in its files', async (_, forget) => {
    const file = folder.newFile();
    const store = await openSessions(file);
    const entry = {
      segmentId: 'g1',
      start: 0,
      end: 16_000,
      text: 'my-secret-word',
      words: [],
      upstream: 'legacy',
    };
    const inFiles = (): boolean =>
      [file, `${file}-wal`].some((path) => existsSync(path) && readFileSync(path).includes('my-secret-word'));
    await store.saveSession(recordOf({ id: 's1' }), {
      sessionId: 's1',
      sampleRate: 16_000,
      entries: [entry],
    });
    expect(inFiles()).toBe(true);
    await forget(store);
    expect(inFiles()).toBe(false);
    await store.close();
    expect(inFiles()).toBe(false);
  });

  test('forgets old sessions at once while somebody reads the file, and uses the space again', async () => {
    const file = folder.newFile();
    const store = await openSessions(file);
    const text = 'x'.repeat(200_000);
    const entry = { segmentId: 'g1', start: 0, end: 16_000, text, words: [], upstream: 'legacy' };
    const save = (id: string) =>
      store.saveSession(recordOf({ id }), { sessionId: id, sampleRate: 16_000, entries: [entry] });
    const forget = () => store.dropRecords({ exceptRollouts: [], receivedBeforeMs: Infinity, limit: 10 });
    await save('s1');
    const reader = new DatabaseSync(file);
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM transcripts').get();
    const startedMs = performance.now();
    expect(await forget()).toBe(1);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    reader.exec('COMMIT');
    reader.close();

    await save('s2');
    await forget();
    const { size } = statSync(file);
    for (let turn = 0; turn < 5; turn++) {
      await save(`again-${turn}`);
      await forget();
    }
    expect(statSync(file).size).toBe(size);
    await store.close();
  });

  test('is durable at each commit: a log of its own, synced in full', async () => {
    const file = folder.newFile();
    const store = await openRollouts(file);
    const database = new DatabaseSync(file);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
    await store.close();
  });
});

describe('two connections on one file', () => {
  test('of two writers one wins and the other is told; the chain stays whole', async () => {
    const file = folder.newFile();
    const [one, two] = [await openRollouts(file), await openRollouts(file)];
    await one.append('a', 0, [event(1)], [], 1);
    await expect(two.append('a', 0, [event(2)], [], 1)).rejects.toMatchObject({ code: 'STORE_CONFLICT' });
    await two.append('a', 1, [event(2)], [], 2);
    await one.append('b', 0, [event(3)], [], 3);
    expect(await two.verify()).toBeNull();
    expect(await one.read()).toEqual(await two.read());
    await Promise.all([one.close(), two.close()]);
  });

  test('a hundred appends that cross each other lose nothing and corrupt nothing', async () => {
    const file = folder.newFile();
    const stores = [await openRollouts(file), await openRollouts(file)];
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => stores[n % 2]!.append('a', Math.floor(n / 2), [event(n)], [], n)),
    );
    const won = results.filter(({ status }) => status === 'fulfilled').length;
    const [one, two] = stores;
    expect(await one!.read()).toHaveLength(won);
    expect(won).toBe(50);
    expect(await two!.verify()).toBeNull();
    await Promise.all(stores.map((store) => store.close()));
  });

  test('a session saved by both is stored once', async () => {
    const file = folder.newFile();
    const [one, two] = [await openSessions(file), await openSessions(file)];
    const saved = await Promise.all(
      [one, two].map((store) => store.saveSession(recordOf({ id: 's1' }), null)),
    );
    expect(saved.filter(Boolean)).toHaveLength(1);
    await Promise.all([one.close(), two.close()]);
  });

  test('a writer that keeps the file locked is an answer, not a hang', async () => {
    const file = folder.newFile();
    const store = await openRollouts(file);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.append('a', 0, [event(1)], [], 1)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      detail: { sqlite: 'SQLITE_BUSY' },
    });
    other.exec('ROLLBACK');
    await expect(store.append('a', 0, [event(1)], [], 1)).resolves.toHaveLength(1);
    other.close();
    await store.close();
  });
});

describe('verify', () => {
  const tamperings: readonly [string, string, { readonly sequence: number; readonly problem: RegExp }][] = [
    [
      'a changed payload',
      `UPDATE events SET payload = '{"n":9}' WHERE sequence = 3`,
      { sequence: 3, problem: /changed/ },
    ],
    [
      'a changed time',
      'UPDATE events SET at_ms = at_ms + 1 WHERE sequence = 3',
      { sequence: 3, problem: /changed/ },
    ],
    [
      'a changed type',
      `UPDATE events SET type = 'pass' WHERE sequence = 1`,
      { sequence: 1, problem: /changed/ },
    ],
    [
      'a record moved to another stream',
      `UPDATE events SET stream = 'c' WHERE sequence = 5`,
      { sequence: 5, problem: /changed/ },
    ],
    ['a removed record', 'DELETE FROM events WHERE sequence = 3', { sequence: 3, problem: /missing/ }],
    [
      'the first record removed',
      'DELETE FROM events WHERE sequence = 1',
      { sequence: 1, problem: /missing/ },
    ],
    ['the last record removed', 'DELETE FROM events WHERE sequence = 5', { sequence: 5, problem: /missing/ }],
    ['all records removed', 'DELETE FROM events', { sequence: 1, problem: /missing/ }],
    [
      'two records in each other’s place',
      'UPDATE events SET sequence = -2 WHERE sequence = 2; UPDATE events SET sequence = 2 WHERE sequence = 3; UPDATE events SET sequence = 3 WHERE sequence = -2',
      { sequence: 2, problem: /order|follow/ },
    ],
    [
      'a removed record with the rest moved up',
      'DELETE FROM events WHERE sequence = 3; UPDATE events SET sequence = sequence - 1 WHERE sequence > 3',
      { sequence: 3, problem: /follow/ },
    ],
    [
      'a record that was slipped in behind the last',
      `INSERT INTO events SELECT 6, stream, 9, at_ms, type, payload, hash, hash FROM events WHERE sequence = 5`,
      { sequence: 6, problem: /changed/ },
    ],
    [
      'the head of the chain removed',
      'DELETE FROM chain_head',
      { sequence: 5, problem: /not the one that was last/ },
    ],
  ];

  test.each(tamperings)('finds %s', async (_, sql, { sequence, problem }) => {
    const file = folder.newFile();
    const store = await openRollouts(file);
    await store.append('a', 0, [event(1), event(2)], [], 1);
    await store.append('b', 0, [event(3)], [], 2);
    await store.append('a', 2, [event(4), event(5)], [], 3);
    expect(await store.verify()).toBeNull();
    tamper(file, sql);
    const damage = await store.verify();
    expect(damage?.sequence).toBe(sequence);
    expect(damage?.problem).toMatch(problem);
    await store.close();
  });

  test('finds a record that was slipped in before the first, or well hashed behind the last', async () => {
    const file = folder.newFile();
    const store = await openRollouts(file);
    const [first] = await store.append('a', 0, [event(1)], [], 1);
    const forged = { ...first!, sequence: 2, streamRevision: 2, previousHash: first!.hash };
    const slip = (sequence: number, revision: number, hash: string) =>
      tamper(
        file,
        `INSERT INTO events SELECT ${sequence}, stream, ${revision}, at_ms, type, payload, hash, '${hash}' FROM events WHERE sequence = 1`,
      );
    slip(2, 2, hashOf(forged));
    expect(await store.verify()).toMatchObject({
      sequence: 2,
      problem: expect.stringMatching(/not the one that was last/),
    });
    tamper(file, 'DELETE FROM events WHERE sequence = 2');
    expect(await store.verify()).toBeNull();
    slip(0, 0, first!.hash);
    expect(await store.verify()).not.toBeNull();
    await store.close();
  });

  test('a record that was changed and hashed again is found by the one behind it', async () => {
    const file = folder.newFile();
    const store = await openRollouts(file);
    const [first] = await store.append('a', 0, [event(1), event(2)], [], 1);
    const forged = { ...first!, payload: '{"n":9}' };
    tamper(
      file,
      `UPDATE events SET payload = '${forged.payload}', hash = '${hashOf(forged)}' WHERE sequence = 1`,
    );
    expect(await store.verify()).toMatchObject({ sequence: 2 });
    await store.close();
  });
});

describe('the schema', () => {
  test.each([
    ['rollouts', openRollouts],
    ['sessions', openSessions],
  ] as const)('of a newer program is refused, and the file stays as it was: %s', async (name, open) => {
    const file = folder.newFile();
    await (await open(file)).close();
    tamper(file, `INSERT INTO schema_versions (store, version) VALUES ('${name}', 999)`);
    await expect(open(file)).rejects.toMatchObject({ code: 'STORE_NEWER', detail: { found: 999 } });
    tamper(file, `DELETE FROM schema_versions WHERE version = 999`);
    await (await open(file)).close();
  });

  test('both stores may share one file', async () => {
    const file = folder.newFile();
    const [rollouts, sessions] = [await openRollouts(file), await openSessions(file)];
    await rollouts.append('a', 0, [event(1)], [], 1);
    await sessions.saveSession(recordOf({ id: 's1' }), null);
    expect(await rollouts.verify()).toBeNull();
    await Promise.all([rollouts.close(), sessions.close()]);
  });

  test('a file that is no database is refused and left alone', async () => {
    const file = folder.newFile();
    writeFileSync(file, 'not a database, '.repeat(1_000));
    await expect(openRollouts(file)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('a folder that is not there is an answer that names it', async () => {
    const error = await openRollouts('/nowhere/at/all.sqlite').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', detail: { file: '/nowhere/at/all.sqlite' } });
  });
});
