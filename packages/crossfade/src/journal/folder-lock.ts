import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { DatabaseSync } from '@photostructure/sqlite';

/** Held until released or until the process dies, however it dies. */
export interface FolderLock {
  release(): void;
}

/** SQLite's result code for a lock that somebody else holds. */
const sqliteBusy = 5;

/**
 * Makes this process the folder's only writer, or throws DATA_FOLDER_LOCKED with the holder's pid.
 *
 * The lock is the kernel's, on an empty SQLite database that nothing is ever stored in: Node cannot lock a file by
 * itself, and a file that names a pid cannot tell a dead writer from one in another container (both may be pid 1).
 * The kernel lets go of it when the process ends, SIGKILL included, so there is nothing stale to clean up.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, 'writer.lock');
  const ownerPath = join(folder, 'writer.pid');
  const database = openDatabase(path);
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw unavailable(folder, error);
    const pid = ownerPid(ownerPath);
    throw new CrossfadeError(
      'DATA_FOLDER_LOCKED',
      `Expected to be the only writer of ${folder}, got another one: process ${pid ?? 'of unknown number'}. ` +
        'Stop it, or choose another data folder.',
      { detail: { folder, pid } },
    );
  }
  try {
    // For the message above alone; nobody trusts it for more.
    writeFileSync(ownerPath, `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw unavailable(folder, error);
  }
  return {
    release() {
      if (!database.isOpen) return;
      rmSync(ownerPath, { force: true });
      database.close();
    },
  };
}

function openDatabase(path: string): InstanceType<typeof DatabaseSync> {
  try {
    return new DatabaseSync(path);
  } catch (error) {
    throw unavailable(path, error);
  }
}

function unavailable(path: string, error: unknown): CrossfadeError {
  return new CrossfadeError(
    'JOURNAL_UNAVAILABLE',
    `Expected to write to ${path}, got: ${messageOf(error)}. Check that the folder is writable and the disk not full.`,
    { cause: error },
  );
}

function ownerPid(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
