import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyFs } from './faulty-fs.fixture.ts';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll, until } from './journal.fixture.ts';
import type { Journal } from './journal.ts';

let base: string;
let folder: string;
let disk: FaultyFs;
let release: () => void;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-power-'));
  folder = join(base, 'data');
  disk = new FaultyFs();
  release = () => undefined;
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const open = (where: string, fileBytesMax: number) =>
  openJournal({ folder: where, clock: systemClock, fs: disk, fileBytesMax });
const append = (journal: Journal, samples: number) => {
  const from = journal.session('s')?.endSample ?? 0;
  journal.appendAudio('s', from, audioOf('s', from, samples));
};
const names = async (where: string) => (await readdir(where)).filter((name) => name.endsWith('.cfj')).sort();

/** A journal with 1,000 durable samples, whose flushes hang from here on. */
async function withHangingFlush(fileBytesMax: number): Promise<Journal> {
  const journal = await open(folder, fileBytesMax);
  journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
  append(journal, 1_000);
  await journal.commit();
  disk.beforeDatasync = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  return journal;
}

/** Appends and waits until the kernel has it, record by record, so that they are not joined. */
async function write(journal: Journal, records: number): Promise<void> {
  for (let i = 0; i < records; i += 1) {
    append(journal, 1_000);
    const before = disk.calls.get('write') ?? 0;
    await until('written', () => (disk.calls.get('write') ?? 0) > before);
  }
  // The last write may still be under way: its bytes show in the size.
  await until('in the files', async () => {
    const sizes = await Promise.all(
      (await names(folder)).map(async (name) => (await stat(join(folder, name))).size),
    );
    return sizes.reduce((sum, size) => sum + size, 0) >= (journal.session('s')?.endSample ?? 0) * 2;
  });
}

async function end(journal: Journal): Promise<void> {
  disk.beforeDatasync = undefined;
  release();
  await journal.close();
}

describe('a power cut', () => {
  it('that kept a later block and lost an earlier one ends the journal at the loss', async () => {
    const journal = await withHangingFlush(1_000_000);
    await write(journal, 12);
    const copy = join(base, 'copy');
    await cp(folder, copy, { recursive: true });
    await end(journal);
    const [name = ''] = await names(copy);
    const bytes = await readFile(join(copy, name));
    const lostAt = Math.ceil(bytes.length / 2 / 4_096) * 4_096;
    bytes.fill(0, lostAt, lostAt + 4_096);
    await writeFile(join(copy, name), bytes);

    const again = await open(copy, 1_000_000);

    const { endSample = 0, holes } = again.session('s') ?? {};
    expect(holes).toEqual([]);
    expect(endSample).toBeGreaterThanOrEqual(1_000);
    expect(endSample).toBeLessThan(9_000);
    // Its client goes on from there, and nothing of the old tail comes back, now or after another start.
    append(again, 5_000);
    expect((await readAll(again, 's', 0, endSample + 5_000)).equals(audioOf('s', 0, endSample + 5_000))).toBe(
      true,
    );
    await again.close();
    const third = await open(copy, 1_000_000);
    expect(third.session('s')).toMatchObject({ endSample: endSample + 5_000, holes: [] });
    expect(third.health().damage).toEqual([]);
    await third.close();
  });

  it('that lost the end of one file drops what stands in the next', async () => {
    const journal = await withHangingFlush(10_000);
    await write(journal, 12);
    const copy = join(base, 'copy');
    await cp(folder, copy, { recursive: true });
    await end(journal);
    const [first = '', second] = await names(copy);
    expect(second).toBeDefined();
    await truncate(join(copy, first), 6_000);

    const again = await open(copy, 10_000);

    const { endSample = 0, holes } = again.session('s') ?? {};
    expect(holes).toEqual([]);
    expect(endSample).toBeGreaterThanOrEqual(1_000);
    expect(endSample).toBeLessThan(4_000);
    expect(await names(copy)).toEqual([first]);
    await again.close();
  });

  it('and a recovery cut off at any of its steps give the same state when it is done again', async () => {
    const journal = await withHangingFlush(10_000);
    await write(journal, 12);
    const cut = join(base, 'cut');
    await cp(folder, cut, { recursive: true });
    await end(journal);
    const [first = ''] = await names(cut);
    await truncate(join(cut, first), 6_000);
    const expected: unknown[] = [];
    for (let steps = 0; steps < 12; steps += 1) {
      const copy = join(base, `copy-${steps}`);
      await cp(cut, copy, { recursive: true });
      disk = new FaultyFs();
      let left = steps;
      for (const call of ['write', 'truncate', 'datasync', 'remove', 'syncFolder'] as const) {
        disk.fault(call, () => (left-- > 0 ? undefined : { code: 'EIO', tornBytes: 30 }));
      }
      await (await open(copy, 10_000)).close();
      disk.heal();
      const again = await open(copy, 10_000);
      expected.push(again.session('s'));
      const { endSample = 0 } = again.session('s') ?? {};
      expect((await readAll(again, 's', 0, endSample)).equals(audioOf('s', 0, endSample))).toBe(true);
      await again.close();
    }
    expect(new Set(expected.map((session) => JSON.stringify(session))).size).toBe(1);
  });

  it('after a clean end takes nothing: a block that is bad then has decayed, and leaves a hole', async () => {
    const journal = await open(folder, 1_000_000);
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    for (let i = 0; i < 12; i += 1) {
      append(journal, 1_000);
      await journal.commit();
    }
    await journal.close();
    const [name = ''] = await names(folder);
    const bytes = await readFile(join(folder, name));
    bytes.fill(0, 8_192, 12_288);
    await writeFile(join(folder, name), bytes);
    const again = await open(folder, 1_000_000);
    const { endSample, holes = [] } = again.session('s') ?? {};
    expect(endSample).toBe(12_000);
    expect(holes).toHaveLength(1);
    await again.close();
  });
});
