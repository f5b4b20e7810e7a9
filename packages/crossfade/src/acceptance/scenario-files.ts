import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { parseScenario, type Scenario } from './scenario.ts';

/** The suite's own, beside the sources. */
const ownFolder = fileURLToPath(new URL('../../scenarios', import.meta.url));
/** Files of one folder; a folder with more is not one of scenarios. */
const filesMax = 200;
const fileBytesMax = 65_536;

/** The suite's own scenarios, by name. */
export async function ownScenarios(): Promise<readonly Scenario[]> {
  return readScenarios(ownFolder);
}

/** Reads a file, or every `.yaml`, `.yml` and `.json` of a folder. Throws CONFIG_INVALID. */
export async function readScenarios(path: string): Promise<readonly Scenario[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const names = isFolder
      ? (await readdir(path)).filter((name) => /[.](ya?ml|json)$/.test(name)).sort()
      : [''];
    if (names.length === 0 || names.length > filesMax) {
      throw new CrossfadeError(
        'CONFIG_INVALID',
        `Expected 1 to ${filesMax} scenario files in ${path}, got ${names.length}.`,
      );
    }
    return await Promise.all(names.map((name) => readScenario(isFolder ? join(path, name) : path)));
  } catch (error) {
    if (error instanceof CrossfadeError) throw error;
    throw new CrossfadeError(
      'CONFIG_INVALID',
      `Expected to read scenarios from ${path}, got ${reasonOf(error)}. Name a scenario file, or a folder of them.`,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isGone ? 'no such file or folder' : messageOf(error);
}

async function readScenario(file: string): Promise<Scenario> {
  const { size } = await stat(file);
  if (size > fileBytesMax) {
    throw new CrossfadeError(
      'CONFIG_INVALID',
      `Expected ${file} to be at most ${fileBytesMax} bytes, got ${size}.`,
    );
  }
  return parseScenario(await readFile(file, 'utf8'), file);
}
