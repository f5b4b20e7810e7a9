import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enginesFolder, locatePocketsphinx } from './pocketsphinx-locate.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-locate-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Creates each file that is missing, asking again until nothing is: the files are found by being asked for. */
async function complete(root: string, system: string): Promise<void> {
  for (;;) {
    const location = await locatePocketsphinx(root, system);
    if (location.found) return;
    for (const path of location.missing) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, '');
    }
  }
}

test('the folder of fetched engines can be moved', () => {
  expect(enginesFolder({ CROSSFADE_ENGINES_DIR: '/srv/engines', XDG_CACHE_HOME: '/c' })).toBe('/srv/engines');
  expect(enginesFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/crossfade/engines');
  expect(enginesFolder({})).toMatch(/\.cache\/crossfade\/engines$/);
});

describe.runIf(process.platform === 'linux')('locating pocketsphinx', () => {
  test('an empty machine names what is missing', async () => {
    const location = await locatePocketsphinx(join(folder, 'private'), join(folder, 'system'));
    expect(location.found).toBe(false);
    expect(JSON.stringify(location)).toContain('libpocketsphinx.so.3');
    expect(JSON.stringify(location)).toContain('cmudict-en-us.dict');
  });

  test('the private folder is found with the folders its libraries need', async () => {
    await complete(join(folder, 'private'), join(folder, 'system'));
    const location = await locatePocketsphinx(join(folder, 'private'), join(folder, 'system'));
    expect(location).toMatchObject({ found: true, files: { origin: 'private' } });
    expect(location.found && location.files.libraryFolders.map((path) => path.split('/').at(-1))).toEqual([
      expect.stringMatching(/linux-gnu/),
      'blas',
      'lapack',
    ]);
  });

  test("the system's own packages come first and need no library folder", async () => {
    await complete(join(folder, 'both'), join(folder, 'elsewhere'));
    const location = await locatePocketsphinx(join(folder, 'private'), join(folder, 'both'));
    expect(location).toMatchObject({ found: true, files: { origin: 'system', libraryFolders: [] } });
  });

  test('one lost model file is enough to be missing', async () => {
    const root = join(folder, 'private');
    await complete(root, join(folder, 'system'));
    const mdef = join(root, 'usr/share/pocketsphinx/model/en-us/en-us/mdef');
    await rm(mdef);
    expect(await locatePocketsphinx(root, join(folder, 'system'))).toEqual({ found: false, missing: [mdef] });
  });
});
