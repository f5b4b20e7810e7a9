import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from './file-journal.ts';
import { nodeFs } from './journal-fs.ts';
import { audioOf, until } from './journal.fixture.ts';
import { inspectJournal } from './journal-tools.ts';
import type { Journal } from './journal.ts';
import { afterPowerCut, withSyncLog } from './sync-log.ts';

let base: string;
let folder: string;
let log: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'journal-syncs-'));
  folder = join(base, 'journal');
  log = join(base, 'syncs.log');
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const samplesOf = async (fs = nodeFs): Promise<number> => {
  const { sessions } = await inspectJournal(folder, fs);
  return sessions.find(({ sessionId }) => sessionId === 's')?.endSample ?? 0;
};
const append = (journal: Journal, samples: number): void => {
  const from = journal.session('s')?.endSample ?? 0;
  journal.appendAudio('s', from, audioOf('s', from, samples));
};

describe('a power cut, seen by what was synced', () => {
  it('leaves what a commit covered, and takes what only the kernel had', async () => {
    const disk = withSyncLog(nodeFs, log);
    // After the commit below no other one comes by itself.
    const journal = await openJournal({ folder, clock: systemClock, fs: disk, commitIntervalMs: 60_000 });
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    append(journal, 1_000);
    await journal.commit();
    append(journal, 3_000);
    await until('written', async () => (await samplesOf()) === 4_000);

    expect(await samplesOf(afterPowerCut(nodeFs, log))).toBe(1_000);
    await journal.close();
    expect(await samplesOf(afterPowerCut(nodeFs, log))).toBe(4_000);
  });

  it('leaves nothing of a journal that was never synced', async () => {
    const journal = await openJournal({ folder, clock: systemClock, fs: nodeFs });
    journal.openSession({ sessionId: 's', encoding: 'linear16', sampleRate: 16_000 });
    append(journal, 1_000);
    await journal.commit();
    expect(await samplesOf()).toBe(1_000);
    expect(await samplesOf(afterPowerCut(nodeFs, log))).toBe(0);
    await journal.close();
  });
});
