import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll } from './journal.fixture.ts';
import { inspectJournal } from './journal-tools.ts';

/** A journal file that a version 1 writer made, and what stands in it. Never changed: an old file must stay readable. */
interface Case {
  readonly name: string;
  readonly base64: string;
  readonly sessions: readonly Record<string, unknown>[];
}

const casePath = fileURLToPath(new URL('../../../../conformance/journal/version-1.json', import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-conformance-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What the recorded file was written by. */
async function writeCase(): Promise<void> {
  const journal = await openJournal({ folder, clock: new ManualClock(), random: seededRandom(1) });
  journal.openSession({ sessionId: 'first', encoding: 'linear16', sampleRate: 16_000 });
  journal.openSession({ sessionId: 'second', encoding: 'alaw', sampleRate: 8_000 });
  journal.appendAudio('first', 0, audioOf('first', 0, 160));
  journal.appendNote('first', { kind: 'final', json: '{"text":"yes"}' });
  await journal.commit();
  journal.appendAudio('second', 0, audioOf('second', 0, 40));
  journal.appendAudio('first', 160, audioOf('first', 160, 40));
  journal.closeSession('second');
  await journal.close();
}

describe('journal format', () => {
  it('reads the file that version 1 wrote', async () => {
    const recorded = JSON.parse(await readFile(casePath, 'utf8')) as Case;
    await writeFile(join(folder, recorded.name), Buffer.from(recorded.base64, 'base64'));
    expect((await inspectJournal(folder)).sessions).toEqual(recorded.sessions);
    const journal = await openJournal({ folder, clock: new ManualClock() });
    expect((await readAll(journal, 'first', 0, 200)).equals(audioOf('first', 0, 200))).toBe(true);
    expect((await readAll(journal, 'second', 0, 80, 1)).equals(audioOf('second', 0, 40))).toBe(true);
    expect(journal.health().damage).toEqual([]);
    await journal.close();
  });

  it('writes it byte for byte', async () => {
    await writeCase();
    const names = (await readdir(folder)).filter((file) => file.endsWith('.cfj'));
    const recorded = JSON.parse(await readFile(casePath, 'utf8')) as Case;
    expect(names).toEqual([recorded.name]);
    expect((await readFile(join(folder, recorded.name))).toString('base64')).toBe(recorded.base64);
  });
});
