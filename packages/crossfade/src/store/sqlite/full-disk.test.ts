import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { mountSmallDisk } from '../../acceptance/faults/small-disk.ts';
import { recordOf } from '../../analysis/record.fixture.ts';
import { openSqliteRolloutStore } from './events.ts';
import { openSqliteSessionStore } from './sessions.ts';
import { StoreFolder } from './store-folder.fixture.ts';

const folder = new StoreFolder();
afterAll(() => folder.remove());

const mounted = mountSmallDisk(folder.newFile(), 4);
afterAll(() => {
  if (mounted.ok) mounted.disk.unmount();
});

const large = (n: number) => ({ type: 'judged', payload: JSON.stringify({ n, text: 'x'.repeat(20_000) }) });

test.skipIf(!mounted.ok)(
  'on a full disk an append is refused whole, and goes on by itself when there is room',
  async () => {
    if (!mounted.ok) return;
    const { disk } = mounted;
    const file = join(disk.folder, 'rollouts.sqlite');
    const store = await openSqliteRolloutStore({ file });
    await store.append('a', 0, [large(1)], [], 1);
    disk.fill();
    let revision = 1;
    let refused: unknown;
    // What the log still had room for is taken.
    for (let at = 0; at < 300 && refused === undefined; at++) {
      await store
        .append(
          'a',
          revision,
          [large(revision + 1)],
          [{ id: `${at}`, kind: 'paused', target: 'log', payload: '{}' }],
          2,
        )
        .then(
          () => revision++,
          (error: unknown) => (refused = error),
        );
    }
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await store.verify()).toBeNull();
    expect(await store.read({ stream: 'a' })).toHaveLength(revision);
    expect(await store.pendingOutbox({ limit: 1_000 })).toHaveLength(revision - 1);
    disk.free();
    await store.append('a', revision, [large(0)], [], 3);
    await store.close();
    const again = await openSqliteRolloutStore({ file });
    expect(await again.verify()).toBeNull();
    expect(await again.read({ stream: 'a' })).toHaveLength(revision + 1);
    await again.close();
  },
);

test.skipIf(!mounted.ok)(
  'on a full disk a session is refused, not half stored, and taken when there is room',
  async () => {
    if (!mounted.ok) return;
    const { disk } = mounted;
    const store = await openSqliteSessionStore({ file: join(disk.folder, 'sessions.sqlite') });
    disk.fill();
    const transcript = { sessionId: 's1', sampleRate: 16_000, entries: [] };
    const saved: boolean[] = [];
    let refused: unknown;
    for (let at = 0; at < 2_000 && refused === undefined; at++) {
      const id = `s${at}`;
      await store.saveSession(recordOf({ id }), { ...transcript, sessionId: id }).then(
        (one) => saved.push(one),
        (error: unknown) => (refused = error),
      );
    }
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.record(`s${saved.length}`)).toBeUndefined();
    expect(await store.transcript(`s${saved.length}`)).toBeUndefined();
    disk.free();
    expect(await store.saveSession(recordOf({ id: 'last' }), null)).toBe(true);
    await store.close();
  },
);
