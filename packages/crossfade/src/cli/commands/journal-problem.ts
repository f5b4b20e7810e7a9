import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';

const nameFolder =
  'Name with --data the folder in which a system keeps its data: its journal is a folder in it.';

const lookAtDisk = 'Look at the disk, or read a copy of the folder.';

/** Why a journal could not be looked into, with what to do; `cause` is what the disk said. */
export function journalProblem(folder: string, cause: unknown): CrossfadeError {
  const { code, path } = cause as NodeJS.ErrnoException;
  const [got, remedy] = problemOf(code, path ?? folder) ?? [messageOf(cause), lookAtDisk];
  return new CrossfadeError('JOURNAL_UNAVAILABLE', `Expected a journal in ${folder}, got ${got}. ${remedy}`, {
    cause,
  });
}

function problemOf(code: string | undefined, path: string): readonly [string, string] | undefined {
  if (code === 'ENOENT') return ['no such folder', nameFolder];
  if (code === 'ENOTDIR') return ['a path in which a file stands for a folder', nameFolder];
  if (code === 'EACCES' || code === 'EPERM')
    return [`no permission to read ${path}`, 'Run this as the user that the gateway runs as.'];
  return undefined;
}
