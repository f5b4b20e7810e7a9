import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchDebianPackages, readManifest, type FetchProgress } from './fetch-debian.ts';

let folder: string;
let targetFolder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-fetch-'));
  targetFolder = join(folder, 'engines', 'thing');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A program that stands in for apt-get or dpkg-deb, so that it fails in the way asked for. */
async function script(name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\necho "$@" >> ${folder}/calls\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Unpacks an "archive" by naming it; enough to see what was unpacked where. */
const unpacker = (): Promise<string> => script('dpkg-deb', 'mkdir -p "$3/usr" && cp "$2" "$3/usr/"');
/** Downloads into its working folder, as apt-get does, and reports as it does. */
const downloader =
  'case "$*" in *download*) touch thing_1.0_all.deb; echo "dlstatus:1:50.0:Half of it" >&3;; esac';

async function tools(aptBody: string): Promise<{ aptGet: string; dpkgDeb: string }> {
  return { aptGet: await script('apt-get', aptBody), dpkgDeb: await unpacker() };
}

describe.runIf(process.platform === 'linux')('fetching Debian packages', () => {
  test('what was downloaded is unpacked into the folder, and nothing else is left beside it', async () => {
    const seen: FetchProgress[] = [];
    const onProgress = (progress: FetchProgress): void => void seen.push(progress);
    const result = await fetchDebianPackages({
      packages: ['thing'],
      targetFolder,
      onProgress,
      tools: await tools(downloader),
    });
    expect(result).toEqual({ folder: targetFolder, fetched: true, archives: ['thing_1.0_all.deb'] });
    expect(await readdir(join(targetFolder, 'usr'))).toEqual(['thing_1.0_all.deb']);
    expect(await readdir(join(folder, 'engines'))).toEqual(['thing']);
    expect(seen.map(({ phase }) => phase)).toEqual(['lists', 'download', 'download', 'unpack', 'done']);
    expect(seen[2]).toEqual({ phase: 'download', message: 'Half of it', share: 0.5 });
  });

  test('a second fetch runs nothing', async () => {
    const options = { packages: ['thing'], targetFolder, tools: await tools(downloader) };
    await fetchDebianPackages(options);
    await rm(join(folder, 'calls'));
    expect((await fetchDebianPackages(options)).fetched).toBe(false);
    await expect(readFile(join(folder, 'calls'))).rejects.toThrow();
  });

  test('other packages replace the folder as a whole', async () => {
    const both = `${downloader.replace('touch', 'touch other_2_all.deb')}`;
    await fetchDebianPackages({ packages: ['thing'], targetFolder, tools: await tools(downloader) });
    await fetchDebianPackages({ packages: ['thing', 'other'], targetFolder, tools: await tools(both) });
    expect((await readdir(join(targetFolder, 'usr'))).toSorted()).toEqual([
      'other_2_all.deb',
      'thing_1.0_all.deb',
    ]);
    expect((await readManifest(targetFolder))?.packages).toEqual(['other', 'thing']);
  });

  test('a broken source of the system does not matter when the packages come', async () => {
    const body = `case "$*" in *update*) echo "E: The repository of somebody else is not signed."; exit 100;; esac\n${downloader}`;
    expect(
      (await fetchDebianPackages({ packages: ['thing'], targetFolder, tools: await tools(body) })).fetched,
    ).toBe(true);
  });

  test.each([
    ['E: Unable to locate package thing', /Expected package thing.*"universe"/],
    ["E: Can't select candidate version from package thing as it has no candidate", /Expected package thing/],
    [
      "W: Temporary failure resolving 'deb.debian.org'\nE: Unable to locate package thing",
      /could not reach it. Check the network/,
    ],
    ['E: Write error - write (28: No space left on device)', /Expected 120 MB of free space/],
    ['Reading\nE: Something else.\n', /got: E: Something else\. Or use the tone engine/],
  ])('"%s" becomes a sentence with a remedy', async (words, sentence) => {
    await writeFile(join(folder, 'words'), words);
    const body = `case "$*" in *download*) cat ${folder}/words >&2; exit 100;; esac`;
    const fetching = fetchDebianPackages({ packages: ['thing'], targetFolder, tools: await tools(body) });
    await expect(fetching).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: expect.stringMatching(sentence),
    });
    expect(await readManifest(targetFolder)).toBeUndefined();
  });

  test('a system without apt-get is told so', async () => {
    const none = { aptGet: join(folder, 'no-apt-get'), dpkgDeb: 'dpkg-deb' };
    const fetching = fetchDebianPackages({ packages: ['thing'], targetFolder, tools: none });
    await expect(fetching).rejects.toThrow(/Expected .*no-apt-get \(a Debian or Ubuntu system\), found none/);
  });

  test('a failing unpack leaves the folder as it was, and the next fetch goes on with the archive', async () => {
    await fetchDebianPackages({ packages: ['thing'], targetFolder, tools: await tools(downloader) });
    const aptGet = await script('apt-get', downloader.replace('touch', 'touch other_2_all.deb'));
    const packages = ['thing', 'other'];
    const broken = await script('broken/dpkg-deb'.replace('broken/', 'broken-'), 'echo "short file"; exit 2');
    const failing = fetchDebianPackages({ packages, targetFolder, tools: { aptGet, dpkgDeb: broken } });
    await expect(failing).rejects.toThrow(/Expected dpkg-deb to unpack, got: short file/);
    expect((await readManifest(targetFolder))?.packages).toEqual(['thing']);
    const offline = await script('apt-get', 'exit 0');
    const again = await fetchDebianPackages({
      packages,
      targetFolder,
      tools: { aptGet: offline, dpkgDeb: await unpacker() },
    });
    expect(again.archives).toEqual(['thing_1.0_all.deb', 'other_2_all.deb']);
  });

  test('a cancelled fetch ends at once and says how to go on', async () => {
    const cancel = new AbortController();
    const onProgress = ({ phase }: FetchProgress): void =>
      phase === 'download' ? cancel.abort() : undefined;
    const slow = await tools('case "$*" in *download*) exec sleep 60;; esac');
    const fetching = fetchDebianPackages({
      packages: ['thing'],
      targetFolder,
      onProgress,
      signal: cancel.signal,
      tools: slow,
    });
    await expect(fetching).rejects.toThrow(/Fetching was cancelled; run it again/);
  });

  test('two processes do not fetch into one folder, and a dead one does not stand in the way', async () => {
    const work = join(folder, 'engines', '.thing.fetching');
    await mkdir(work, { recursive: true });
    const stat = await readFile(`/proc/${process.ppid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const options = { packages: ['thing'], targetFolder, tools: await tools(downloader) };
    await writeFile(join(work, 'holder'), `${process.ppid} ${started}`);
    await expect(fetchDebianPackages(options)).rejects.toThrow(
      new RegExp(`process ${process.ppid} is fetching the same`),
    );
    await writeFile(join(work, 'holder'), `${process.ppid} 1${started}`);
    expect((await fetchDebianPackages(options)).fetched).toBe(true);
  });

  test('a folder that cannot be written is named, with the variable that moves it', async () => {
    await writeFile(join(folder, 'file'), '');
    const fetching = fetchDebianPackages({
      packages: ['thing'],
      targetFolder: join(folder, 'file', 'thing'),
    });
    await expect(fetching).rejects.toThrow(/Could not write to .*CROSSFADE_ENGINES_DIR/);
  });

  test("the system's hooks do not run, and its lists and caches are not touched", async () => {
    const body = `case "$*" in *update*) cp "$2" ${folder}/seen.conf;; esac\n${downloader}`;
    await fetchDebianPackages({ packages: ['thing'], targetFolder, tools: await tools(body) });
    const config = await readFile(join(folder, 'seen.conf'), 'utf8');
    expect(config).toContain('#clear APT::Update::Post-Invoke;');
    expect(config).toContain(`Dir::State::Lists "${folder}/engines/.thing.fetching/lists";`);
    const dump = await promisify(execFile)('apt-config', ['-c', join(folder, 'seen.conf'), 'dump']).catch(
      () => undefined,
    );
    if (dump === undefined) return; // not a Debian system
    expect(dump.stdout).not.toMatch(/^APT::Update::[\w-]+::/m);
    expect(dump.stdout).toMatch(new RegExp(`^Dir::Cache "${folder}/engines/.thing.fetching/cache";$`, 'm'));
  });
});
