import { describe, expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import type { SessionRecord } from '../transcript/session-record.ts';
import { openedStores } from './opened-stores.fixture.ts';
import type { SessionStore } from './store.ts';

/** What every session store promises of the usage of users; each adapter runs it. */
export function describeUsage(name: string, open: () => Promise<SessionStore>): void {
  const opened = openedStores();
  const openStore = () => opened(open());

  describe(`${name}: usage`, () => {
    const dayMs = 86_400_000;
    const nowMs = 20_500 * dayMs + 3_600_000;
    /** A session of a user, of as many seconds of audio, that ended so many days ago. */
    const used = (id: string, userHash: string, daysAgo: number, seconds: number): SessionRecord => {
      const record = { ...recordOf({ id, userHash }), endedAtMs: nowMs - daysAgo * dayMs };
      return { ...record, user: { ...record.user, samplesOffered: seconds * record.sampleRate } };
    };

    test('usage counts each stored session of a user once, over thirty days', async () => {
      const store = await openStore();
      for (const [id, daysAgo, seconds] of [
        ['s1', 40, 1_000],
        ['s2', 30, 100],
        ['s3', 29, 10],
        ['s4', 0, 1],
        ['s4', 0, 1],
      ] as const) {
        await store.saveSession(used(id, 'aa', daysAgo, seconds), null);
      }
      await store.saveSession(used('s5', 'bb', 1, 7), null);
      await store.saveSession(used('s6', '', 1, 7), null);
      expect(await store.usage('aa', nowMs)).toEqual({
        sessions30d: 2,
        audioMs30d: 11_000,
        lastSeenAtMs: nowMs,
      });
      expect(await store.usage('bb', nowMs)).toMatchObject({ sessions30d: 1, audioMs30d: 7_000 });
      expect(await store.usage('bb', nowMs + 29 * dayMs)).toEqual({
        sessions30d: 0,
        audioMs30d: 0,
        lastSeenAtMs: nowMs - dayMs,
      });
      for (const nobody of ['', 'cc', '__proto__'])
        expect(await store.usage(nobody, nowMs)).toEqual({
          sessions30d: 0,
          audioMs30d: 0,
          lastSeenAtMs: null,
        });
    });

    test('a session that comes late does not take back when a user was last seen', async () => {
      const store = await openStore();
      await store.saveSession(used('s1', 'aa', 0, 1), null);
      await store.saveSession(used('s2', 'aa', 3, 1), null);
      expect(await store.usage('aa', nowMs)).toMatchObject({ sessions30d: 2, lastSeenAtMs: nowMs });
    });

    test('usage is erased with its user, and a user who was not seen for 13 months is forgotten', async () => {
      const store = await openStore();
      await store.saveSession(used('s1', 'aa', 500, 1), null);
      await store.saveSession(used('s2', 'bb', 399, 1), null);
      await store.saveSession(used('s3', 'cc', 0, 1), null);
      expect((await store.usage('aa', nowMs)).lastSeenAtMs).toBeNull();
      expect((await store.usage('bb', nowMs)).lastSeenAtMs).toBe(nowMs - 399 * dayMs);
      expect([await store.eraseUsage('cc'), await store.eraseUsage('cc')]).toEqual([true, false]);
      expect(await store.usage('cc', nowMs)).toEqual({ sessions30d: 0, audioMs30d: 0, lastSeenAtMs: null });
    });
  });
}
