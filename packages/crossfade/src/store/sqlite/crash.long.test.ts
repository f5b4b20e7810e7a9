import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { afterAll, describe, expect, test } from 'vitest';
import { checkAfterCrash } from './crash.fixture.ts';
import { openSqliteRolloutStore } from './events.ts';
import { StoreFolder } from './store-folder.fixture.ts';

const folder = new StoreFolder();
afterAll(() => folder.remove());

/** Kills and images of one run; a longer campaign sets the variables, a failure names its seed. */
const kills = Number(process.env['CROSSFADE_STORE_KILLS'] ?? 5);
const imagesPerSeed = Number(process.env['CROSSFADE_STORE_IMAGES'] ?? 60);
const seed = Number(process.env['CROSSFADE_SEED'] ?? 1);

const writer = fileURLToPath(new URL('append-until-killed.fixture.ts', import.meta.url));

/** Appends in a real process, kills it after `acknowledgements`, and answers the last one it heard. */
async function appendAndKill(file: string, acknowledgements: number, stream = 'a'): Promise<number> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', writer, file, stream], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let revision = 0;
  let heard = 0;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    revision = Number(line);
    if (++heard === acknowledgements) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return revision;
}

describe('a process that is killed while it appends', () => {
  test(`loses nothing that it acknowledged, ${kills} times in a row (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const file = folder.newFile();
    let found = 0;
    for (let kill = 0; kill < kills; kill++) {
      const acknowledged = await appendAndKill(file, 1 + below(random, 200));
      expect(acknowledged).toBeGreaterThan(found);
      found = await checkAfterCrash(file, 'a', acknowledged);
    }
  });
});

describe('two processes that append to one file', () => {
  test('wait for each other, and both are there in full', async () => {
    const file = folder.newFile();
    const streams = ['a', 'b'];
    const acknowledged = await Promise.all(streams.map((stream) => appendAndKill(file, 300, stream)));
    for (const [index, stream] of streams.entries()) {
      await checkAfterCrash(file, stream, acknowledged[index] ?? 0);
    }
  });
});

describe('what a power cut may leave', () => {
  test(`is the log up to some append, whole: ${imagesPerSeed} images (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const live = folder.newFile();
    const store = await openSqliteRolloutStore({ file: live });
    for (let image = 0, revision = 0; image < imagesPerSeed; image++, revision += 2) {
      const events = [1, 2].map((n) => ({ type: 'judged', payload: `{"revision":${revision + n}}` }));
      await store.append(
        'a',
        revision,
        events,
        [{ id: `a:${revision + 2}`, kind: 'paused', target: 'log', payload: '{}' }],
        image,
      );
      const copy = folder.newFile();
      copyFileSync(live, copy);
      const log = readFileSync(`${live}-wal`);
      // Everything that was synced, then what a cut in the middle of a later write would leave of the log.
      writeFileSync(`${copy}-wal`, log);
      expect(await checkAfterCrash(copy, 'a', revision + 2)).toBe(revision + 2);
      const torn = folder.newFile();
      copyFileSync(live, torn);
      writeFileSync(`${torn}-wal`, log.subarray(0, below(random, log.length + 1)));
      expect(await checkAfterCrash(torn, 'a', 0)).toBeLessThanOrEqual(revision + 2);
    }
    await store.close();
  });

  test('the check can fail: a log that lost its acknowledged end is seen', async () => {
    const file = folder.newFile();
    const store = await openSqliteRolloutStore({ file });
    const events = [1, 2].map((n) => ({ type: 'judged', payload: `{"revision":${n}}` }));
    await store.append('a', 0, events, [{ id: 'a:2', kind: 'paused', target: 'log', payload: '{}' }], 1);
    await store.close();
    await expect(checkAfterCrash(file, 'a', 4)).rejects.toThrow();
    await expect(checkAfterCrash(file, 'a', 2)).resolves.toBe(2);
  });
});
