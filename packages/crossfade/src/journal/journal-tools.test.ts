import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './file-journal.ts';
import { audioOf } from './journal.fixture.ts';
import { exportSession, inspectJournal, verifyJournal } from './journal-tools.ts';

let folder: string;
const clock = new ManualClock();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-tools-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = () => openJournal({ folder, clock, fileBytesMax: 20_000 });

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** The content of each journal file, to see that nothing was changed. */
async function contents(): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cfj')).sort();
  const files = await Promise.all(
    names.map(async (name) => `${name} ${(await readFile(join(folder, name))).toString('base64')}`),
  );
  return files.join('\n');
}

describe('journal tools', () => {
  it('inspect, verify and export beside a running writer, and change nothing', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    journal.appendNote('s', { kind: 'start', json: '{}' });
    for (let sample = 0; sample < 40_000; sample += 1_000) {
      journal.appendAudio('s', sample, audioOf('s', sample, 1_000));
      await journal.commit();
    }
    const before = await contents();
    const inspected = await inspectJournal(folder);
    expect(inspected.sessions).toMatchObject([
      { sessionId: 's', endSample: 40_000, holes: [], notes: 1, phase: 'open' },
    ]);
    expect(inspected.files.length).toBeGreaterThan(3);
    const verified = await verifyJournal(folder);
    expect(verified.ok).toBe(true);
    expect(verified.files.reduce((sum, file) => sum + file.records, 0)).toBeGreaterThan(40);
    const raw = await exportSession(folder, 's', 'raw');
    expect((await collect(raw.chunks)).equals(audioOf('s', 0, 40_000))).toBe(true);
    const wav = await exportSession(folder, 's');
    const bytes = await collect(wav.chunks);
    expect(bytes.length).toBe(wav.bytes);
    expect(bytes.subarray(0, 4).toString()).toBe('RIFF');
    expect(bytes.readUInt32LE(24)).toBe(16_000);
    expect(bytes.readUInt32LE(40)).toBe(80_000);
    expect(bytes.subarray(44).equals(audioOf('s', 0, 40_000))).toBe(true);
    expect(await contents()).toBe(before);
    await journal.close();
  });

  it('verify finds a changed byte and says where; export fills its frames with silence', async () => {
    const journal = await open();
    journal.openSession({ sessionId: 's', encoding: 'mulaw', sampleRate: 8_000 });
    for (let sample = 0; sample < 8_000; sample += 1_000) {
      journal.appendAudio('s', sample, Buffer.alloc(1_000, 0x11));
      await journal.commit();
    }
    await journal.close();
    const name = (await readdir(folder)).find((file) => file.endsWith('.cfj')) ?? '';
    const bytes = await readFile(join(folder, name));
    const at = bytes.indexOf(Buffer.alloc(1_000, 0x11)) + 1_500;
    bytes.writeUInt8(0x12, at);
    await writeFile(join(folder, name), bytes);
    const { ok, files } = await verifyJournal(folder);
    expect(ok).toBe(false);
    const block = files[0]?.badBlocks[0];
    expect(block?.offset).toBeLessThanOrEqual(at);
    expect((block?.offset ?? 0) + (block?.bytes ?? 0)).toBeGreaterThan(at);
    const audio = await collect((await exportSession(folder, 's', 'raw')).chunks);
    expect(audio.length).toBe(8_000);
    expect(audio.filter((byte) => byte === 0xff)).toHaveLength(1_000);
    expect(audio.filter((byte) => byte === 0x11)).toHaveLength(7_000);
  });

  it('say what they expected when there is no journal or no session', async () => {
    await expect(inspectJournal(join(folder, 'nowhere'))).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
    });
    await expect(exportSession(folder, 'nobody')).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
    expect((await verifyJournal(folder)).files).toEqual([]);
  });
});
