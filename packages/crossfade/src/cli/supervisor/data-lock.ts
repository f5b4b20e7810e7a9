import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { CrossfadeError } from '@crossfade/sdk/core/errors';

/**
 * Holds a data folder for this process. The lock is the operating system's (SQLite's file lock), so that it
 * is gone with its holder, however that ended; the pid beside it is only for the sentence.
 */
export function lockDataFolder(path: string, pid: number): { release(): void } {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new CrossfadeError(
      'DATA_FOLDER_LOCKED',
      `Expected the data folder ${dirname(path)} to be free, got another system (pid ${holderOf(path)}) that writes to it. ` +
        'Stop that one, or name another folder with --data.',
      { cause, detail: { pid: holderOf(path) } },
    );
  }
  writeFileSync(pidPath(path), `${pid}\n`);
  return {
    release: () => {
      rmSync(pidPath(path), { force: true });
      database.close();
    },
  };
}

const pidPath = (path: string): string => `${path}.pid`;

function holderOf(path: string): string {
  try {
    return readFileSync(pidPath(path), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
