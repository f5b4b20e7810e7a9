import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './file-journal.ts';
import { audioOf, readAll } from './journal.fixture.ts';

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-kill-'));
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const childPath = fileURLToPath(new URL('./kill-child.fixture.ts', import.meta.url));
/** The promise is 20 ms; the rest is for a child that waited for a core between two frames. */
const lossMsMax = 250;

/** Starts the writing child, kills it without warning after `runMs`, and answers its tally. */
async function writeAndKill(folder: string, sessions: number, runMs: number): Promise<Float64Array> {
  const tallyPath = join(base, 'tally');
  const args = ['--conditions=source', '--import', 'tsx', childPath, folder, tallyPath, String(sessions)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    await Promise.race([
      once(child.stdout, 'data'),
      ended.then(([code]) => Promise.reject(new Error(`child ended early: ${String(code)}`))),
    ]);
    await new Promise<void>((resolve) => systemClock.after(runMs, resolve));
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  const tally = await readFile(tallyPath);
  return new Float64Array(new Uint8Array(tally).buffer);
}

describe('SIGKILL', () => {
  it('takes no acknowledged audio and at most the write delay of the rest, twice in a row', async () => {
    for (const round of [1, 2]) {
      const folder = join(base, `data-${round}`);
      const sessions = 20;
      const tally = await writeAndKill(folder, sessions, 400);
      const journal = await openJournal({ folder, clock: systemClock });
      expect(journal.unfinished()).toHaveLength(sessions);
      for (let index = 0; index < sessions; index += 1) {
        const [appended = 0, acknowledged = 0] = tally.subarray(index * 2);
        const { endSample = 0, holes } = journal.session(`s${index}`) ?? {};
        expect(holes).toEqual([]);
        expect(acknowledged).toBeGreaterThan(0);
        expect(endSample).toBeGreaterThanOrEqual(acknowledged);
        expect((appended - endSample) / 16).toBeLessThanOrEqual(lossMsMax);
        const audio = await readAll(journal, `s${index}`, 0, endSample);
        expect(audio.equals(audioOf(`s${index}`, 0, endSample))).toBe(true);
      }
      await journal.close();
    }
  });

  it('lets go of the folder: the next writer gets it at once', async () => {
    const folder = join(base, 'data');
    await writeAndKill(folder, 1, 50);
    const journal = await openJournal({ folder, clock: systemClock });
    await journal.close();
  });
});
