import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { aptConfig, aptLimitMs, explainApt, missing, run, type RunResult } from './fetch-apt.ts';

/** What is being done now, for a progress line. `share` is 0 to 1 within the phase, when known. */
export interface FetchProgress {
  readonly phase: 'lists' | 'download' | 'unpack' | 'done';
  readonly message: string;
  readonly share?: number;
}

export interface FetchOptions {
  readonly packages: readonly string[];
  /** Where the packages' `usr/…` goes. Replaced as a whole, or left as it was when anything fails. */
  readonly targetFolder: string;
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly signal?: AbortSignal;
  /** The programs to run; others only in tests. */
  readonly tools?: { readonly aptGet: string; readonly dpkgDeb: string };
}

export interface FetchedPackages {
  readonly folder: string;
  /** False when the folder already held exactly these packages. */
  readonly fetched: boolean;
  /** File names as Debian gives them: name, version and architecture. */
  readonly archives: readonly string[];
}

/** Written last, inside the folder: a folder without it is not complete. */
const manifestName = 'crossfade-packages.json';
/** Unpacking 50 MB onto a slow disk. */
const unpackLimitMs = 2 * 60_000;

/**
 * Downloads Debian packages with apt's own client and unpacks them into a private folder: no root, nothing
 * installed, the system's own lists and caches untouched. Apt verifies signatures and hashes as always. A
 * second call returns at once; one that was interrupted goes on with the archives it already has.
 */
export async function fetchDebianPackages(options: FetchOptions): Promise<FetchedPackages> {
  const { targetFolder, onProgress = () => {} } = options;
  const known = await readManifest(targetFolder);
  if (known !== undefined && samePackages(known.packages, options.packages)) {
    return { folder: targetFolder, fetched: false, archives: known.archives };
  }
  if (process.platform !== 'linux') {
    throw missing(`Expected a Debian or Ubuntu system to fetch packages from, got ${process.platform}.`);
  }
  const work = join(dirname(targetFolder), `.${basename(targetFolder)}.fetching`);
  const release = await lockFolder(work);
  try {
    const archives = await download(work, options, onProgress);
    onProgress({ phase: 'unpack', message: `Unpacking ${archives.length} packages` });
    const root = join(work, 'root');
    await rm(root, { recursive: true, force: true });
    await mkdir(root);
    for (const archive of archives) {
      const args = ['--extract', join(work, 'archives', archive), root];
      await run(options.tools?.dpkgDeb ?? 'dpkg-deb', args, { ...options, limitMs: unpackLimitMs });
    }
    const manifest: Manifest = { packages: [...options.packages].toSorted(), archives };
    await writeFile(join(root, manifestName), JSON.stringify(manifest, null, 2));
    await replaceFolder(root, targetFolder, join(work, 'old'));
    await rm(work, { recursive: true, force: true });
    onProgress({ phase: 'done', message: `Ready in ${targetFolder}` });
    return { folder: targetFolder, fetched: true, archives };
  } finally {
    await release();
  }
}

/** Refreshes private lists and downloads the archives that are not there yet; answers their file names. */
async function download(
  work: string,
  options: FetchOptions,
  onProgress: (progress: FetchProgress) => void,
): Promise<string[]> {
  const archivesFolder = join(work, 'archives');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'archives']) {
    await mkdir(join(work, folder), { recursive: true });
  }
  const configFile = join(work, 'apt.conf');
  await writeFile(configFile, aptConfig(work));
  const apt = (phase: 'lists' | 'download', args: readonly string[]): Promise<RunResult> =>
    run(options.tools?.aptGet ?? 'apt-get', ['-c', configFile, '-q', ...args], {
      ...options,
      limitMs: aptLimitMs,
      cwd: archivesFolder,
      onShare: (share, message) => onProgress({ phase, message, share }),
    });

  onProgress({ phase: 'lists', message: "Reading the distribution's package lists" });
  // Another source of this system may be broken; only the packages themselves decide.
  const update = await apt('lists', ['update']);
  onProgress({ phase: 'download', message: `Downloading ${options.packages.length} packages` });
  const got = await apt('download', ['download', ...options.packages]);
  if (got.exitCode !== 0) throw explainApt(`${update.output}\n${got.output}`);

  const files = (await readdir(archivesFolder)).filter((file) => file.endsWith('.deb'));
  return options.packages.map((name) => {
    // An interrupted earlier run may have left an older version beside the new one; the newest sorts last.
    const archive = files
      .filter((file) => file.startsWith(`${name}_`))
      .toSorted()
      .at(-1);
    if (archive === undefined) throw missing(`Expected apt-get to download ${name}, got no file of it.`);
    return archive;
  });
}

interface Manifest {
  readonly packages: readonly string[];
  readonly archives: readonly string[];
}

/** The packages that a fetched folder holds; undefined when it is not there or not complete. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, manifestName), 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

function samePackages(one: readonly string[], two: readonly string[]): boolean {
  return [...one].toSorted().join() === [...two].toSorted().join();
}

async function replaceFolder(fresh: string, target: string, old: string): Promise<void> {
  await rm(old, { recursive: true, force: true });
  await rename(target, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, target);
}

/** One fetch at a time in a folder; the lock of a process that is gone does not count. Answers the release. */
async function lockFolder(work: string): Promise<() => Promise<void>> {
  const lock = join(work, 'holder');
  try {
    await mkdir(work, { recursive: true });
    const holder = await readFile(lock, 'utf8').catch(() => '');
    const pid = Number.parseInt(holder, 10);
    if (pid > 0 && pid !== process.pid && (await processIdentity(pid)) === holder) {
      throw missing(`Expected to fetch alone, process ${pid} is fetching the same. Wait for it.`);
    }
    await writeFile(lock, (await processIdentity(process.pid)) ?? '');
  } catch (error) {
    if (error instanceof CrossfadeError) throw error;
    throw missing(
      `Could not write to ${dirname(work)}: ${messageOf(error)}. Set CROSSFADE_ENGINES_DIR.`,
      error,
    );
  }
  return () => rm(lock, { force: true });
}

/** A process id and its start time, since ids are used again, in containers at once; undefined when it is gone. */
async function processIdentity(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // After the name in parentheses, which may hold anything, the start time is the twentieth field.
  return stat && `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}
