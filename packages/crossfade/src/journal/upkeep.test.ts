import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyFs } from './faulty-fs.fixture.ts';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll, until } from './journal.fixture.ts';
import type { Journal } from './journal.ts';
import { inspectJournal, verifyJournal } from './journal-tools.ts';
import type { Retention } from './retention.ts';

let folder: string;
let clock: ManualClock;
let disk: FaultyFs;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-upkeep-'));
  clock = new ManualClock();
  disk = new FaultyFs();
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (retention?: Retention) =>
  openJournal({
    folder,
    clock,
    fs: disk,
    fileBytesMax: 20_000,
    ...(retention === undefined ? {} : { retention }),
  });
const files = async () => (await readdir(folder)).filter((name) => name.endsWith('.cfj'));
const start = (journal: Journal, sessionId: string) =>
  journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
/** Appends so many kilobytes of a session, each durable. */
async function fill(journal: Journal, id: string, kilobytes: number): Promise<void> {
  for (let i = 0; i < kilobytes; i += 1) {
    const from = journal.session(id)?.endSample ?? 0;
    journal.appendAudio(id, from, audioOf(id, from, 500));
    await journal.commit();
  }
}

/** Whether any file holds a stretch of the session's audio. */
async function anyTraceOf(id: string, endSample: number): Promise<boolean> {
  for (const name of await files()) {
    const bytes = await readFile(join(folder, name));
    for (let sample = 0; sample < endSample; sample += 250) {
      if (bytes.includes(audioOf(id, sample, 32))) return true;
    }
    if (bytes.includes(`secret of ${id}`)) return true;
  }
  return false;
}

describe('retention', () => {
  it('by age removes files of sessions that are over, and never one of a session that is not', async () => {
    const journal = await open({ maxAgeMs: 90_000 });
    start(journal, 'old');
    await fill(journal, 'old', 50);
    start(journal, 'live');
    await fill(journal, 'live', 50);
    journal.closeSession('old');
    await journal.commit();
    clock.advance(89_000);
    expect(await journal.applyRetention()).toEqual([]);
    clock.advance(2_000);
    const before = await files();
    const removed = await journal.applyRetention();
    expect(removed.length).toBeGreaterThan(1);
    expect(await files()).toEqual(before.filter((name) => !removed.includes(name)));
    expect((await readAll(journal, 'live', 0, 25_000)).equals(audioOf('live', 0, 25_000))).toBe(true);
    await journal.close();
    const again = await open();
    expect(again.unfinished().map((session) => session.sessionId)).toEqual(['live']);
    expect((await readAll(again, 'live', 0, 25_000)).equals(audioOf('live', 0, 25_000))).toBe(true);
    await again.close();
  });

  it('by size removes the oldest first, and only as much as it must', async () => {
    const journal = await open({ maxBytes: 60_000 });
    for (const id of ['a', 'b', 'c', 'd']) {
      start(journal, id);
      await fill(journal, id, 30);
      journal.closeSession(id);
      await journal.commit();
    }
    await journal.applyRetention();
    expect(journal.health().bytes).toBeLessThanOrEqual(60_000);
    expect(journal.health().bytes).toBeGreaterThan(30_000);
    expect(journal.session('a')).toBeUndefined();
    expect((await readAll(journal, 'd', 0, 15_000)).equals(audioOf('d', 0, 15_000))).toBe(true);
    await journal.close();
  });

  it('does not bring a session back to life by removing the file that said it was over', async () => {
    const journal = await open({ maxBytes: 1 });
    start(journal, 'pin');
    start(journal, 'gone');
    await fill(journal, 'pin', 1);
    await fill(journal, 'gone', 40);
    journal.closeSession('gone');
    await journal.commit();
    // The file with the close is full, and holds no open session: it goes, the first file stays for `pin`.
    start(journal, 'filler');
    await fill(journal, 'filler', 40);
    journal.closeSession('filler');
    await journal.commit();
    expect((await journal.applyRetention()).length).toBeGreaterThan(0);
    await journal.close();
    const again = await open();
    expect(again.unfinished().map((session) => session.sessionId)).toEqual(['pin']);
    await again.close();
  });

  it('runs by itself', async () => {
    const journal = await open({ maxBytes: 1 });
    start(journal, 'a');
    await fill(journal, 'a', 40);
    journal.closeSession('a');
    await journal.commit();
    const before = (await files()).length;
    clock.advance(60_000);
    await until('a file is gone', async () => (await files()).length < before);
    await journal.close();
  });
});

describe('erasure', () => {
  async function twoSessions(): Promise<Journal> {
    const journal = await open();
    for (const id of ['erase', 'keep']) start(journal, id);
    for (let i = 0; i < 40; i += 1) {
      await fill(journal, 'erase', 1);
      await fill(journal, 'keep', 1);
      journal.appendNote('erase', { kind: 'final', json: '"secret of erase"' });
    }
    return journal;
  }

  it('leaves no byte of the session in any file, and every byte of the others', async () => {
    const journal = await twoSessions();
    journal.closeSession('erase');
    await journal.commit();
    expect(await anyTraceOf('erase', 20_000)).toBe(true);
    await journal.eraseSession('erase');
    expect(await anyTraceOf('erase', 20_000)).toBe(false);
    expect(journal.session('erase')).toBeUndefined();
    expect(() => journal.readAudio('erase', 0, 10)).toThrow(
      expect.objectContaining({ code: 'SESSION_UNKNOWN' }),
    );
    expect((await readAll(journal, 'keep', 0, 20_000)).equals(audioOf('keep', 0, 20_000))).toBe(true);
    await journal.eraseSession('erase');
    await journal.close();
    expect((await verifyJournal(folder)).ok).toBe(true);
    const again = await open();
    expect(again.session('erase')).toBeUndefined();
    expect(again.unfinished().map((session) => session.sessionId)).toEqual(['keep']);
    expect((await readAll(again, 'keep', 0, 20_000)).equals(audioOf('keep', 0, 20_000))).toBe(true);
    await again.close();
    expect((await inspectJournal(folder)).sessions).toMatchObject([
      { sessionId: 'erase', phase: 'erased', endSample: 0, notes: 0 },
      { sessionId: 'keep', phase: 'open', endSample: 20_000 },
    ]);
  });

  it('that was cut off by a crash is ended by the next open', async () => {
    const journal = await twoSessions();
    journal.closeSession('erase');
    await journal.commit();
    let writes = 0;
    // The disk gives up in the middle of the overwriting: the first files are blank, the others are not.
    disk.fault('openChange', () => ((writes += 1) > 2 ? { code: 'EIO' } : undefined));
    await expect(journal.eraseSession('erase')).rejects.toThrow('EIO');
    expect(() => journal.readAudio('erase', 0, 10)).toThrow(
      expect.objectContaining({ code: 'SESSION_UNKNOWN' }),
    );
    disk.heal();
    await journal.close();
    expect(await anyTraceOf('erase', 20_000)).toBe(true);
    const again = await open();
    expect(await anyTraceOf('erase', 20_000)).toBe(false);
    expect(again.session('erase')).toBeUndefined();
    expect((await readAll(again, 'keep', 0, 20_000)).equals(audioOf('keep', 0, 20_000))).toBe(true);
    await again.close();
  });

  it('is refused while the session is open, and of an unknown one', async () => {
    const journal = await twoSessions();
    await expect(journal.eraseSession('erase')).rejects.toMatchObject({ code: 'JOURNAL_REFUSED' });
    await expect(journal.eraseSession('nobody')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    await journal.close();
  });

  it('frees the id for another session', async () => {
    const journal = await twoSessions();
    journal.closeSession('erase');
    await journal.eraseSession('erase');
    start(journal, 'erase');
    await fill(journal, 'erase', 2);
    await journal.close();
    const again = await open();
    expect(again.session('erase')).toMatchObject({ endSample: 1_000, closed: false });
    expect((await readAll(again, 'erase', 0, 1_000)).equals(audioOf('erase', 0, 1_000))).toBe(true);
    await again.close();
  });
});
