import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyAfterPowerCut, FaultyFs } from './faulty-fs.fixture.ts';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll, until } from './journal.fixture.ts';
import type { Journal } from './journal.ts';

let base: string;
let folder: string;
let disk: FaultyFs;
let clock: ManualClock;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-faults-'));
  folder = join(base, 'data');
  disk = new FaultyFs();
  clock = new ManualClock();
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const open = (pendingBytesMax = 1024 * 1024) => openJournal({ folder, clock, fs: disk, pendingBytesMax });
const start = (journal: Journal) =>
  journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
const append = (journal: Journal, samples: number) => {
  const from = journal.session('s')?.endSample ?? 0;
  journal.appendAudio('s', from, audioOf('s', from, samples));
};

/** Ends a journal whose disk is broken, without waiting for it. */
async function abandon(journal: Journal): Promise<void> {
  disk.heal();
  await journal.close().catch(() => undefined);
}

describe.each(['ENOSPC', 'EIO', 'EROFS'])('a disk that answers %s', (code) => {
  it('keeps what waits, says why, and acknowledges it once the disk takes it', async () => {
    const journal = await open();
    start(journal);
    append(journal, 1_000);
    await journal.commit();
    disk.failAll(code);
    append(journal, 1_000);
    await expect(journal.commit()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE', retryable: true });
    expect(journal.health()).toMatchObject({ writable: false, reason: expect.stringContaining(code) });
    expect(journal.durableSample('s')).toBe(1_000);
    append(journal, 500);
    expect((await readAll(journal, 's', 0, 2_500)).equals(audioOf('s', 0, 2_500))).toBe(true);

    disk.heal();
    await until('writable', () => {
      clock.advance(10);
      return journal.health().writable;
    });

    await journal.commit();
    expect(journal.durableSample('s')).toBe(2_500);
    const copy = join(base, 'copy');
    await copyAfterPowerCut(disk, folder, copy, 'all-unsynced-lost', seededRandom(1));
    await journal.close();
    const again = await openJournal({ folder: copy, clock, fs: new FaultyFs() });
    expect(again.session('s')).toMatchObject({ endSample: 2_500, holes: [] });
    expect((await readAll(again, 's', 0, 2_500)).equals(audioOf('s', 0, 2_500))).toBe(true);
    await again.close();
  });
});

describe('a failing disk', () => {
  it('takes appends up to the limit, then refuses them, and takes them again after', async () => {
    const journal = await open(20_000);
    start(journal);
    disk.failAll('ENOSPC');
    const fill = () => {
      for (let i = 0; i < 100; i += 1) append(journal, 500);
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    const taken = journal.session('s')?.endSample ?? 0;
    expect(taken).toBeGreaterThan(5_000);
    expect(journal.health().pendingBytes).toBeLessThanOrEqual(20_000);
    await expect(journal.commit()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    disk.heal();
    await until('durable', () => {
      clock.advance(10);
      return journal.durableSample('s') === taken;
    });
    append(journal, 500);
    await journal.commit();
    expect((await readAll(journal, 's', 0, taken + 500)).equals(audioOf('s', 0, taken + 500))).toBe(true);
    await journal.close();
  });

  it('takes notes of the audio that it took, when it takes no more of that', async () => {
    const journal = await open(20_000);
    start(journal);
    disk.failAll('ENOSPC');
    expect(() => {
      for (let i = 0; i < 100; i += 1) append(journal, 500);
    }).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    const said = { kind: 'final', json: JSON.stringify('what was said '.repeat(150)) };
    journal.appendNote('s', said);
    const notes = () => {
      for (let i = 0; i < 1_000; i += 1) journal.appendNote('s', { kind: 'final', json: '"and more"' });
    };
    expect(notes).toThrow(expect.objectContaining({ code: 'JOURNAL_UNAVAILABLE' }));
    disk.heal();
    await journal.close();
    const again = await openJournal({ folder, clock });
    expect(again.session('s')?.notes[0]).toEqual(said);
    await again.close();
  });

  it('never trusts a file again whose flush failed: the records go to another one', async () => {
    const journal = await open();
    start(journal);
    append(journal, 1_000);
    let failures = 1;
    disk.fault('datasync', () => (failures-- > 0 ? { code: 'EIO' } : undefined));
    await expect(journal.commit()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    // The failed file cannot even be cut, so that both stay: the copy below counts the poisoned one as lost.
    disk.fault('remove', () => ({ code: 'EIO' }));
    disk.fault('truncate', () => ({ code: 'EIO' }));
    await until('durable', () => {
      clock.advance(10);
      return journal.durableSample('s') === 1_000;
    });
    const poisoned = [...disk.files.values()].filter((file) => file.poisoned);
    expect(poisoned.every((file) => file.synced === 0)).toBe(true);
    const copy = join(base, 'copy');
    await copyAfterPowerCut(disk, folder, copy, 'all-unsynced-lost', seededRandom(1));
    disk.heal();
    await journal.close();
    // Without the power cut the audio is there twice, and is read once.
    for (const where of [copy, folder]) {
      const again = await openJournal({ folder: where, clock });
      expect(again.session('s')).toMatchObject({ endSample: 1_000, holes: [] });
      expect((await readAll(again, 's', 0, 1_000)).equals(audioOf('s', 0, 1_000))).toBe(true);
      await again.close();
    }
  });

  it('is found out by this test if it acknowledged from a file whose flush had failed', async () => {
    // The twin: what a journal that flushed the same file once more would leave behind.
    await disk.makeFolder(folder);
    const path = join(folder, '000000000001-00000001.cfj');
    const fd = await disk.create(path);
    await disk.write(fd, [Buffer.alloc(100)], 0);
    disk.fault('datasync', () => ({ code: 'EIO' }));
    await disk.datasync(fd).catch(() => undefined);
    disk.heal();
    await disk.datasync(fd);
    await disk.close(fd);
    expect(disk.files.get(path)?.synced).toBe(0);
  });

  it('closes with an error when the rest cannot be written, and lets go of the folder', async () => {
    const journal = await open();
    start(journal);
    append(journal, 1_000);
    disk.failAll('ENOSPC');
    await expect(journal.close()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    disk.heal();
    const again = await open();
    expect(again.session('s')).toBeUndefined();
    await again.close();
  });
});

describe('a slow disk', () => {
  it('never gets two flushes at once, and writes go on beside one', async () => {
    const journal = await openJournal({ folder, clock: systemClock, fs: disk, commitIntervalMs: 1 });
    start(journal);
    let release: () => void = () => undefined;
    let waiting = 0;
    disk.beforeDatasync = () =>
      new Promise((resolve) => {
        waiting += 1;
        release = resolve;
      });
    append(journal, 1_000);
    await until('a flush waits', () => waiting === 1);
    const writes = disk.calls.get('write') ?? 0;
    append(journal, 1_000);
    await until('written', () => (disk.calls.get('write') ?? 0) > writes);
    append(journal, 1_000);
    const done = journal.commit();
    expect(journal.durableSample('s')).toBe(0);
    disk.beforeDatasync = undefined;
    release();
    await done;
    expect(journal.durableSample('s')).toBe(3_000);
    expect(disk.flushesAtOnceMax).toBe(1);
    await journal.close();
  });

  it('pushes back when more waits than the limit', async () => {
    const journal = await open(10_000);
    start(journal);
    const fill = () => {
      for (let i = 0; i < 100; i += 1) append(journal, 500);
    };
    expect(fill).toThrow(/Expected the disk to keep up/);
    await journal.commit();
    append(journal, 500);
    await abandon(journal);
  });
});

describe('time', () => {
  it('bytes go to the kernel within the write delay and are flushed once per commit interval', async () => {
    const journal = await open();
    start(journal);
    append(journal, 320);
    clock.advance(20);
    await until('first flush', () => journal.durableSample('s') === 320);
    const flushes = () => disk.calls.get('datasync') ?? 0;
    const writes = () => disk.calls.get('write') ?? 0;
    const [flushesBefore, writesBefore] = [flushes(), writes()];
    for (let frame = 0; frame < 4; frame += 1) {
      append(journal, 320);
      clock.advance(20);
      await until('written', () => writes() === writesBefore + frame + 1);
    }
    expect(flushes()).toBe(flushesBefore);
    clock.advance(20);
    // The last write may still be on its way when the flush begins.
    await until('second flush', () => journal.durableSample('s') >= 320 * 4);
    expect(flushes()).toBe(flushesBefore + 1);
    await journal.close();
  });
});

describe('written', () => {
  it('comes with the write, before anything is flushed', async () => {
    const journal = await open();
    start(journal);
    disk.beforeDatasync = () => new Promise(() => {});
    append(journal, 100);
    await journal.written();
    expect(journal.durableSample('s')).toBe(0);
    const copy = join(base, 'copy');
    await cp(folder, copy, { recursive: true });
    const killed = await openJournal({ folder: copy, clock, fs: new FaultyFs() });
    expect(killed.session('s')?.endSample).toBe(100);
    await killed.close();
  });

  it('does not make a commit wait for the interval', async () => {
    const journal = await openJournal({ folder, clock, fs: disk, commitIntervalMs: 60_000 });
    start(journal);
    await journal.commit();
    append(journal, 100);
    await journal.written();
    // The clock stands: only the commit itself can flush.
    await journal.commit();
    expect(journal.durableSample('s')).toBe(100);
    await journal.close();
  });

  it('waits as long as the disk refuses, then comes with all that was put meanwhile', async () => {
    const journal = await open();
    start(journal);
    await journal.commit();
    disk.failAll('ENOSPC');
    append(journal, 100);
    let isWritten = false;
    const written = journal.written().then(() => (isWritten = true));
    await until('refused', () => !journal.health().writable);
    append(journal, 100);
    clock.advance(200);
    expect(isWritten).toBe(false);
    disk.heal();
    await until('written', () => {
      clock.advance(10);
      return isWritten;
    });
    await written;
    const copy = join(base, 'copy');
    await cp(folder, copy, { recursive: true });
    const killed = await openJournal({ folder: copy, clock, fs: new FaultyFs() });
    expect(killed.session('s')?.endSample).toBeGreaterThanOrEqual(100);
    await killed.close();
    await journal.close();
  });

  it('does not come with a write into a file whose flush fails meanwhile', async () => {
    const journal = await open();
    start(journal);
    let failFlush: (() => void) | undefined;
    disk.beforeDatasync = () => new Promise((_, reject) => (failFlush = () => reject(new Error('EIO'))));
    append(journal, 100);
    await journal.written();
    await until('flushing', () => failFlush !== undefined);
    append(journal, 100);
    disk.fault('write', () => {
      disk.failAll('EIO');
      failFlush?.();
      return undefined;
    });
    let isWritten = false;
    const written = journal.written().then(() => (isWritten = true));
    await until('refused', () => !journal.health().writable);
    await until('given up', () => (disk.calls.get('remove') ?? 0) > 0);
    expect(isWritten).toBe(false);
    disk.beforeDatasync = undefined;
    disk.heal();
    await until('written', () => {
      clock.advance(10);
      return isWritten;
    });
    await written;
    await journal.close();
  });

  it('is refused when the journal ends without it', async () => {
    const journal = await open();
    start(journal);
    disk.failAll('EIO');
    const written = journal.written();
    await expect(journal.close()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await expect(written).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
  });
});
