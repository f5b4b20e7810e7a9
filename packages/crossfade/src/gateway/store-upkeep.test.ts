import type { Log } from '@crossfade/sdk/core/log';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { beforeEach, expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionStore } from '../store/store.ts';
import { recordCursor } from './link-records.ts';
import { StoreUpkeep, upkeepSessionsMax } from './store-upkeep.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

let clock: ManualClock;
let sessions: SessionStore;
let said: string[];
let upkeep: StoreUpkeep;

beforeEach(() => {
  clock = new ManualClock();
  sessions = createMemorySessionStore();
  said = [];
  const say = (fields: Record<string, unknown>, message: string) =>
    void said.push(`${message}: ${String(fields['sessions'] ?? fields['error'])}`);
  const log: Log = { ...silentLog, info: say, warn: say };
  upkeep = new StoreUpkeep({ sessions, keepMs: 90 * dayMs, clock, log });
});

/** Sessions that ended so long ago, and that the control plane has had. */
async function ended(daysAgo: number, count: number, of = 'session'): Promise<void> {
  for (let i = 0; i < count; i++) {
    const record = { ...recordOf({ id: `${of}-${i}` }), endedAtMs: clock.nowMs() - daysAgo * dayMs };
    await sessions.saveSession(record, { sessionId: record.sessionId, sampleRate: 16_000, entries: [] });
  }
  await sessions.saveCursor(recordCursor, (await sessions.records()).at(-1)!.sequence);
}

const left = async () => (await sessions.records()).length;

/** Lets the turn that is due run to its end. */
async function after(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

test('old sessions go from the start on, a few at a time, until none is left; then again every hour', async () => {
  await ended(91, 2 * upkeepSessionsMax + 1);
  await ended(89.99, 3, 'young');
  upkeep.start();
  await after(0);
  expect(await left()).toBe(upkeepSessionsMax + 1 + 3);
  await after(199);
  expect(await left()).toBe(upkeepSessionsMax + 1 + 3);
  await after(1);
  expect(await left()).toBe(1 + 3);
  await after(200);
  expect(await left()).toBe(3);
  expect(await sessions.transcript('session-0')).toBeUndefined();
  expect(await sessions.transcript('young-0')).toBeDefined();
  expect(said).toEqual([`old sessions forgotten: ${2 * upkeepSessionsMax + 1}`]);

  await after(hourMs - 1);
  expect(await left()).toBe(3);
  await after(1);
  expect(await left()).toBe(0);
  await upkeep.close();
});

test('a record that the control plane has not had stays, however old, and goes once it has', async () => {
  await ended(200, 2);
  await sessions.saveCursor(recordCursor, 1);
  upkeep.start();
  await after(0);
  expect((await sessions.records()).map(({ record }) => record.sessionId)).toEqual(['session-1']);
  await sessions.saveCursor(recordCursor, 2);
  await after(hourMs);
  expect(await left()).toBe(0);
  await upkeep.close();
});

test('a store that refuses is asked again an hour later, and none is asked after the end', async () => {
  await ended(91, 1);
  const { dropRecords } = sessions;
  sessions.dropRecords = () => Promise.reject(new Error('disk is full'));
  upkeep.start();
  await after(0);
  expect(said).toEqual(['old sessions could not be forgotten yet: disk is full']);
  sessions.dropRecords = dropRecords;
  await upkeep.close();
  await after(2 * hourMs);
  expect(await left()).toBe(1);
  upkeep.start();
  await upkeep.close();
  expect(await left()).toBe(0);
  expect(clock.nextInMs()).toBeNull();
});
