import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import * as z from 'zod';
import { sentenceOf } from './sentence.ts';

/** Where a system keeps everything, when neither --data nor CROSSFADE_DATA says otherwise. */
export const defaultDataDir = 'crossfade-data';

/** The paths inside a data folder. */
export function dataPaths(dataDir: string) {
  return {
    system: join(dataDir, 'system.json'),
    logs: join(dataDir, 'logs'),
    journal: join(dataDir, 'journal'),
    /** How far the journal's files were synced; written for tests alone. */
    journalSyncs: join(dataDir, 'journal-syncs.log'),
    sessions: join(dataDir, 'sessions.sqlite'),
    rollouts: join(dataDir, 'rollouts.sqlite'),
    /** The control plane's own copy of session records; the gateway's file is the gateway's alone. */
    records: join(dataDir, 'records.sqlite'),
    /** The last ruleset a gateway heard, so that it decides also when it starts without the control plane. */
    ruleset: join(dataDir, 'gateway-ruleset.json'),
  } as const;
}

/** The data folder a command means: --data, then CROSSFADE_DATA, then ./crossfade-data. */
export function resolveDataDir(option: string | undefined, env: NodeJS.ProcessEnv): string {
  return resolve(option ?? env['CROSSFADE_DATA'] ?? defaultDataDir);
}

/** Step by step: Node's own recursive mkdir never ends where a parent is there and takes no folders (/proc). */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

/** Makes the folder, readable by its owner alone: it holds speech. */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolder(dataDir);
    await makeFolder(dataPaths(dataDir).logs);
  } catch (cause) {
    throw new CrossfadeError(
      'STORE_UNAVAILABLE',
      `Expected to write to ${dataDir}, got ${sentenceOf(cause)} Name a folder of yours with --data.`,
      {
        cause,
      },
    );
  }
}

const runningSystemSchema = z.object({
  pid: z.number().int(),
  startedAtMs: z.number(),
  gatewayUrl: z.string(),
  controlUrl: z.string(),
  pipelines: z.array(z.object({ name: z.string(), url: z.string() })),
});

/** What `crossfade up` writes for other commands: where the running system answers. */
export type RunningSystem = Readonly<z.infer<typeof runningSystemSchema>>;

/** Written whole or not at all. */
export async function writeRunningSystem(dataDir: string, system: RunningSystem): Promise<void> {
  const { system: path } = dataPaths(dataDir);
  await writeFile(`${path}.new`, `${JSON.stringify(system, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function forgetRunningSystem(dataDir: string): Promise<void> {
  await rm(dataPaths(dataDir).system, { force: true });
}

/** The running system of a data folder, or CONTROL_PLANE_UNREACHABLE. */
export async function readRunningSystem(dataDir: string): Promise<RunningSystem> {
  try {
    return runningSystemSchema.parse(JSON.parse(await readFile(dataPaths(dataDir).system, 'utf8')));
  } catch (cause) {
    throw new CrossfadeError(
      'CONTROL_PLANE_UNREACHABLE',
      `Expected a running system in ${dataDir}, got none. Start one with "crossfade up", or name its folder with --data.`,
      { cause },
    );
  }
}
