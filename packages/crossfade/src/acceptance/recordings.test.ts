import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wavOf } from './recordings.fixture.ts';
import { parseWav, readRecordings, RecordingsProbe } from './recordings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-recordings-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, content: string | Buffer): void => writeFileSync(join(folder, name), content);
const samples = Int16Array.from({ length: 800 }, (_, i) => i);

describe('a folder of recordings', () => {
  it('is read in the order of names, and played one a session', async () => {
    put('b.wav', wavOf(samples, 8_000));
    put('b.txt', 'Second.\n');
    put('a.WAV', wavOf(samples, 16_000));
    put('a.txt', 'First.');
    put('notes.md', 'not a recording');

    const probe = new RecordingsProbe(await readRecordings(folder));

    const speeches = [1, 2, 3].map((number) => probe.speech({ number }));
    expect(speeches.map(({ reference }) => reference)).toEqual(['First.', 'Second.', 'First.']);
    expect(speeches[1]?.sampleRate).toBe(8_000);
    expect([...(speeches[1]?.read(790, 900) ?? [])]).toEqual([...samples.subarray(790)]);
  });

  it('has a digest of its audio and words', async () => {
    put('a.wav', wavOf(samples, 16_000));
    put('a.txt', 'First.');
    const before = new RecordingsProbe(await readRecordings(folder)).digest;
    put('a.txt', 'Other.');
    expect(new RecordingsProbe(await readRecordings(folder)).digest).not.toBe(before);
  });

  const good = wavOf(samples, 16_000);
  const spoiled = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes.writeUInt16LE(value, at);
    return bytes;
  };
  it.each([
    ['no recordings', {}, /found none/],
    ['no words', { 'a.wav': good }, /words of a.wav .*a.txt/],
    ['empty words', { 'a.wav': good, 'a.txt': ' \n' }, /hold the words/],
    ['another file', { 'a.wav': 'hello', 'a.txt': 'x' }, /got another file/],
    ['two channels', { 'a.wav': spoiled(22, 2), 'a.txt': 'x' }, /got format 1, 2 channels, 16 bits/],
    ['compressed audio', { 'a.wav': spoiled(20, 85), 'a.txt': 'x' }, /got format 85/],
    ['a rate of telephones of old', { 'a.wav': spoiled(24, 4_000), 'a.txt': 'x' }, /got 4000 Hz/],
    ['no samples', { 'a.wav': wavOf(new Int16Array(0), 16_000), 'a.txt': 'x' }, /got 0 s/],
    ['half a file', { 'a.wav': good.subarray(0, 30), 'a.txt': 'x' }, /got no samples/],
  ])('with %s is refused with a sentence', async (_, files, message) => {
    for (const [name, content] of Object.entries(files)) put(name, content);
    await expect(readRecordings(folder)).rejects.toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('that is not there is refused with a sentence', async () => {
    await expect(readRecordings(join(folder, 'gone'))).rejects.toThrow(
      /Expected a folder of recordings at .*gone/,
    );
  });

  it('passes over parts of a file that are not audio, and reads one that a recorder left open', () => {
    const list = Buffer.concat([Buffer.from('LIST'), Buffer.from([3, 0, 0, 0]), Buffer.from('abc\0')]);
    const withList = Buffer.concat([good.subarray(0, 12), list, good.subarray(12)]);
    expect(parseWav(withList, 'x.wav').samples).toEqual(samples);
    const open = Buffer.from(good);
    open.writeUInt32LE(0xffff_ffff, 40);
    expect(parseWav(open, 'x.wav').samples).toEqual(samples);
  });
});
