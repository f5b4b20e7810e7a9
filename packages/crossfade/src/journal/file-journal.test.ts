import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { hasCode } from '@crossfade/sdk/core/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll } from './journal.fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (fileBytesMax?: number) =>
  openJournal({ folder, clock: systemClock, ...(fileBytesMax === undefined ? {} : { fileBytesMax }) });

describe('file journal', () => {
  it('reads back what was appended, before and after it is durable, and after a reopen', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    for (let sample = 0; sample < 3_200; sample += 320)
      journal.appendAudio('s', sample, audioOf('s', sample, 320));
    expect((await readAll(journal, 's', 0, 3_200)).equals(audioOf('s', 0, 3_200))).toBe(true);
    expect(journal.durableSample('s')).toBe(0);

    await journal.commit();

    expect(journal.durableSample('s')).toBe(3_200);
    expect((await readAll(journal, 's', 0, 3_200)).equals(audioOf('s', 0, 3_200))).toBe(true);
    expect((await readAll(journal, 's', 100, 2_000)).equals(audioOf('s', 100, 1_900))).toBe(true);
    journal.appendNote('s', { kind: 'final', json: '{"text":"yes"}' });
    await journal.close();

    const again = await open();
    expect(again.unfinished()).toMatchObject([
      {
        sessionId: 's',
        endSample: 3_200,
        holes: [],
        notes: [{ kind: 'final', json: '{"text":"yes"}' }],
        closed: false,
      },
    ]);
    expect((await readAll(again, 's', 0, 3_200)).equals(audioOf('s', 0, 3_200))).toBe(true);
    expect(again.health()).toMatchObject({ writable: true, pendingBytes: 0, damage: [] });
    again.appendAudio('s', 3_200, audioOf('s', 3_200, 160));
    again.closeSession('s');
    await again.close();

    const third = await open();
    expect(third.unfinished()).toEqual([]);
    expect(third.session('s')).toMatchObject({ closed: true, endSample: 3_360, notes: [] });
    expect((await readAll(third, 's', 0, 3_360)).equals(audioOf('s', 0, 3_360))).toBe(true);
    await third.close();
  });

  it('keeps sessions apart that are written in turns, over many files', async () => {
    const journal = await open(20_000);
    const ids = ['a', 'b', 'c'];
    for (const sessionId of ids) journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 8_000 });
    for (let sample = 0; sample < 16_000; sample += 160) {
      for (const id of ids) journal.appendAudio(id, sample, audioOf(id, sample, 160));
      if (sample % 1_600 === 0) await journal.commit();
    }
    for (const id of ids)
      expect((await readAll(journal, id, 0, 16_000)).equals(audioOf(id, 0, 16_000))).toBe(true);
    expect(journal.health().files).toBeGreaterThan(4);
    await journal.close();

    const again = await open(20_000);
    for (const id of ids)
      expect((await readAll(again, id, 0, 16_000)).equals(audioOf(id, 0, 16_000))).toBe(true);
    for (const id of ids)
      expect((await readAll(again, id, 7_777, 9_999)).equals(audioOf(id, 7_777, 2_222))).toBe(true);
    await again.close();
  });

  it('keeps more than one buffer holds in order, with commits under way', async () => {
    const journal = await open();
    const ids = ['a', 'b'];
    for (const sessionId of ids) journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
    const commits: Promise<void>[] = [];
    const samples = 480_000;
    for (let sample = 0; sample < samples; sample += 1_600) {
      for (const id of ids) journal.appendAudio(id, sample, audioOf(id, sample, 1_600));
      if (sample % 16_000 === 0) commits.push(journal.commit());
      if (sample % 48_000 === 0) await commits.at(-1);
    }
    for (const id of ids)
      expect((await readAll(journal, id, 0, samples)).equals(audioOf(id, 0, samples))).toBe(true);
    await Promise.all(commits);
    await journal.close();
    const again = await open();
    expect(again.health().damage).toEqual([]);
    for (const id of ids)
      expect((await readAll(again, id, 0, samples)).equals(audioOf(id, 0, samples))).toBe(true);
    await again.close();
  });

  it('tells its listeners once audio is durable, and not before', async () => {
    const journal = await open();
    const told: [string, number][] = [];
    const stop = journal.onDurable((advanced) => told.push(...advanced));
    journal.openSession({ sessionId: 's', encoding: 'mulaw', sampleRate: 8_000 });
    journal.appendAudio('s', 0, new Uint8Array(160));
    expect(told).toEqual([]);
    await journal.commit();
    expect(told).toEqual([['s', 160]]);
    stop();
    journal.appendAudio('s', 160, new Uint8Array(160));
    await journal.commit();
    expect(told).toHaveLength(1);
    await journal.close();
  });

  it('commits by itself when nobody asks', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    const durable = new Promise<number>((resolve) => {
      journal.onDurable((advanced) => resolve(advanced.get('s') ?? 0));
    });
    journal.appendAudio('s', 0, new Uint8Array(640));
    expect(await durable).toBe(320);
    await journal.close();
  });

  it('refuses audio that overlaps, skips, or is no whole sample, and takes none of it', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    journal.appendAudio('s', 0, new Uint8Array(640));
    const refusal = (act: () => void) => {
      try {
        act();
      } catch (error) {
        return hasCode(error, 'JOURNAL_REFUSED');
      }
      return false;
    };
    expect(refusal(() => journal.appendAudio('s', 0, new Uint8Array(640)))).toBe(true);
    expect(refusal(() => journal.appendAudio('s', 100, new Uint8Array(640)))).toBe(true);
    expect(refusal(() => journal.appendAudio('s', 321, new Uint8Array(640)))).toBe(true);
    expect(refusal(() => journal.appendAudio('s', 320, new Uint8Array(3)))).toBe(true);
    expect(refusal(() => journal.openSession({ sessionId: 's', encoding: 'mulaw', sampleRate: 8_000 }))).toBe(
      true,
    );
    expect(refusal(() => journal.openSession({ sessionId: '', encoding: 'mulaw', sampleRate: 8_000 }))).toBe(
      true,
    );
    expect(() => journal.appendAudio('nobody', 0, new Uint8Array(2))).toThrow(/Open it first/);
    journal.closeSession('s');
    expect(refusal(() => journal.appendAudio('s', 320, new Uint8Array(640)))).toBe(true);
    expect(journal.session('s')?.endSample).toBe(320);
    await journal.close();
  });

  it('refuses a second writer with the pid of the first, and lets it in after', async () => {
    const journal = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_LOCKED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await journal.close();
    const next = await open();
    await next.close();
  });
});
