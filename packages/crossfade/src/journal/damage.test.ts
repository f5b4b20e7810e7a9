import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFileName } from './file-header.ts';
import { openJournal } from './file-journal.ts';
import { nodeFs } from './journal-fs.ts';
import { audioOf, readAll } from './journal.fixture.ts';
import { scanFile } from './scan.ts';

let base: string;
let folder: string;
const clock = new ManualClock();
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-damage-'));
  folder = join(base, 'data');
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const open = (where = folder) => openJournal({ folder: where, clock, random: seededRandom(3) });

/** The journal's one file, and where each of its records begins and ends. */
async function onlyFile(): Promise<{
  name: string;
  bytes: Buffer;
  records: { at: number; end: number; type: number }[];
}> {
  const names = (await readdir(folder)).filter((file) => file.endsWith('.cfj'));
  const name = names[0] ?? '';
  expect(names).toHaveLength(1);
  const identity = parseFileName(name);
  if (identity === undefined) throw new Error(name);
  const records: { at: number; end: number; type: number }[] = [];
  const fd = await nodeFs.openRead(join(folder, name));
  await scanFile(nodeFs, fd, identity, (at, header) => {
    records.push({ at, end: at + 24 + header.length, type: header.type });
  });
  await nodeFs.close(fd);
  return { name, bytes: await readFile(join(folder, name)), records };
}

/** A folder with that one file. */
async function folderWith(name: string, bytes: Buffer): Promise<string> {
  const where = await mkdtemp(join(base, 'copy-'));
  await writeFile(join(where, name), bytes);
  return where;
}

/** Two sessions in turns, each committed, cleanly closed. */
async function writeTwoSessions(): Promise<void> {
  const journal = await open();
  for (const sessionId of ['a', 'b'])
    journal.openSession({ sessionId, encoding: 'linear16', sampleRate: 16_000 });
  for (let sample = 0; sample < 32_000; sample += 320) {
    for (const id of ['a', 'b']) journal.appendAudio(id, sample, audioOf(id, sample, 320));
    if (sample % 3_200 === 0) await journal.commit();
  }
  journal.appendNote('a', { kind: 'final', json: '1' });
  await journal.close();
}

describe('a torn tail', () => {
  it('is cut wherever in the last record it was torn, and costs that record alone', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    journal.appendAudio('s', 0, audioOf('s', 0, 100));
    await journal.commit();
    journal.appendAudio('s', 100, audioOf('s', 100, 50));
    await journal.close();
    const { name, bytes, records } = await onlyFile();
    const last = records.filter((record) => record.type === 2).at(-1);
    if (last === undefined) throw new Error('no audio');
    for (let cut = last.at; cut <= last.end; cut += 1) {
      const where = await folderWith(name, bytes.subarray(0, cut));
      const again = await open(where);
      const end = cut === last.end ? 150 : 100;
      expect(again.session('s')).toMatchObject({ endSample: end, holes: [] });
      expect(again.health().damage).toHaveLength(cut === last.at || cut === last.end ? 0 : 1);
      expect((await readAll(again, 's', 0, end)).equals(audioOf('s', 0, end))).toBe(true);
      again.appendAudio('s', end, audioOf('s', end, 20));
      await again.close();
      const third = await open(where);
      expect(third.health().damage).toEqual([]);
      expect((await readAll(third, 's', 0, end + 20)).equals(audioOf('s', 0, end + 20))).toBe(true);
      await third.close();
    }
  });
});

describe('a bad block', () => {
  it('costs only the frames in it, wherever in the file it is, and is reported', async () => {
    await writeTwoSessions();
    const { name, bytes, records } = await onlyFile();
    for (let at = 0; at < bytes.length; at += 4096) {
      const damaged = Buffer.from(bytes);
      damaged.fill(0xa5, at, Math.min(at + 4096, damaged.length));
      const again = await open(await folderWith(name, damaged));
      const inBlock = records.filter((record) => record.at < at + 4096 && record.end > at);
      const audioInBlock = inBlock.filter((record) => record.type === 2).length;
      let lost = 0;
      for (const id of ['a', 'b']) {
        const { holes = [], endSample = 0 } = again.session(id) ?? {};
        const readable = await readAll(again, id, 0, 32_000);
        const missing = holes.reduce((sum, hole) => sum + hole.end - hole.start, 0) + 32_000 - endSample;
        expect(readable.length / 2).toBe(32_000 - missing);
        lost += missing;
        for await (const run of again.readAudio(id, 0, 32_000)) {
          expect(audioOf(id, run.startSample, run.bytes.length / 2).equals(run.bytes)).toBe(true);
        }
      }
      expect(lost).toBe(audioInBlock * 320);
      expect(again.health().damage.length).toBeGreaterThan(0);
      await again.close();
    }
  });

  it('that decays while the journal is open becomes a hole when it is read', async () => {
    await writeTwoSessions();
    const { name, bytes } = await onlyFile();
    const journal = await open();
    expect(journal.session('a')?.holes).toEqual([]);
    bytes.fill(0, 8_192, 12_288);
    await writeFile(join(folder, name), bytes);
    const read = await readAll(journal, 'a', 0, 32_000);
    expect(read.length / 2).toBeLessThan(32_000);
    const holes = journal.session('a')?.holes ?? [];
    expect(read.length / 2 + holes.reduce((sum, hole) => sum + hole.end - hole.start, 0)).toBe(32_000);
    await journal.close();
  });

  it('that the disk refuses to read is a bad block too', async () => {
    await writeTwoSessions();
    const { bytes } = await onlyFile();
    const fs = {
      ...nodeFs,
      async read(fd: number, into: Buffer, position: number) {
        if (position < 12_288 && position + into.length > 8_192)
          throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return nodeFs.read(fd, into, position);
      },
    };
    const journal = await openJournal({ folder, clock, fs });
    expect(journal.health().damage.join()).toContain('bad block');
    const { holes = [] } = journal.session('a') ?? {};
    const missing = holes.reduce((sum, hole) => sum + hole.end - hole.start, 0);
    expect(missing).toBeGreaterThan(0);
    expect(missing).toBeLessThan(bytes.length / 8);
    await journal.close();
  });
});

describe('a strange file', () => {
  it('of a newer version is refused with what to do, and nothing is changed', async () => {
    await writeTwoSessions();
    const { name, bytes } = await onlyFile();
    const newer = Buffer.from(bytes);
    newer.writeUInt16LE(2, 16);
    const { crc32 } = await import('node:zlib');
    newer.writeUInt32LE(crc32(newer.subarray(0, 60)), 60);
    const where = await folderWith(name, newer);
    await expect(open(where)).rejects.toMatchObject({ code: 'STORE_NEWER' });
    expect(await readFile(join(where, name))).toEqual(newer);
  });

  it('that is empty, random or not ours does not stop the others from being read', async () => {
    await writeTwoSessions();
    await writeFile(join(folder, '000000000900-00000001.cfj'), '');
    await writeFile(join(folder, '000000000901-00000002.cfj'), Buffer.alloc(100_000, 7));
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const journal = await open();
    expect((await readAll(journal, 'a', 0, 32_000)).equals(audioOf('a', 0, 32_000))).toBe(true);
    expect(journal.health().damage.length).toBeGreaterThan(0);
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
    await journal.close();
  });

  it('whose audio holds bytes that look like records cannot forge any', async () => {
    await writeTwoSessions();
    const { bytes } = await onlyFile();
    const journal = await openJournal({ folder: join(base, 'other'), clock, random: seededRandom(99) });
    journal.openSession({ sessionId: 'x', encoding: 'linear16', sampleRate: 16_000 });
    journal.appendAudio('x', 0, bytes.subarray(0, 60_000));
    await journal.close();
    const files = (await readdir(join(base, 'other'))).filter((file) => file.endsWith('.cfj'));
    const path = join(base, 'other', files[0] ?? '');
    const forged = await readFile(path);
    forged.fill(0, 100, 140);
    await writeFile(path, forged);
    const again = await open(join(base, 'other'));
    expect(again.session('a')).toBeUndefined();
    await again.close();
  });
});
