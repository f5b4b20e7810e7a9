import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchPocketsphinxTestdata } from './fetch-pocketsphinx.ts';
import { fetchDebianPackages } from './fetch-debian.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-apt-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("apt's own client brings a package, and the system's lists and packages stay as they were", async () => {
  const watched = ['/var/lib/apt/lists', '/var/cache/apt', '/var/lib/dpkg/status'];
  const before = await Promise.all(watched.map((path) => stat(path)));
  const targetFolder = join(folder, 'testdata');
  const { archives } = await fetchPocketsphinxTestdata({ targetFolder });
  expect(archives).toEqual([expect.stringMatching(/^pocketsphinx-testdata_.*_all\.deb$/)]);
  expect(await readdir(join(targetFolder, 'usr/share/pocketsphinx/test/data'))).toContain('librivox');
  const after = await Promise.all(watched.map((path) => stat(path)));
  expect(after.map(({ mtimeMs }) => mtimeMs)).toEqual(before.map(({ mtimeMs }) => mtimeMs));
}, 180_000);

test('a package that no source has is a sentence', async () => {
  const fetching = fetchDebianPackages({ packages: ['xylqua-engine'], targetFolder: join(folder, 'thing') });
  await expect(fetching).rejects.toThrow(
    /Expected package xylqua-engine, this system's sources do not have it/,
  );
}, 180_000);

// Only root can become somebody else; a user who runs this test shows the same by running it.
test.runIf(process.getuid?.() === 0)(
  'it needs no root',
  async () => {
    const nobody = 65_534;
    await chown(folder, nobody, nobody);
    const module = new URL('./fetch-pocketsphinx.ts', import.meta.url).href;
    const script = `const { fetchPocketsphinxTestdata } = await import(${JSON.stringify(module)});
    console.log(process.getuid(), (await fetchPocketsphinxTestdata()).fetched);`;
    const args = [
      '--conditions=source',
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '--eval',
      script,
    ];
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      TMPDIR: folder,
      CROSSFADE_ENGINES_DIR: join(folder, 'engines'),
    };
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      uid: nobody,
      gid: nobody,
      env,
      cwd: folder,
    });
    expect(stdout.trim()).toBe(`${nobody} true`);
    expect((await stat(join(folder, 'engines/pocketsphinx-testdata/usr'))).uid).toBe(nobody);
  },
  180_000,
);
