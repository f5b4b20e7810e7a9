import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { sentenceOf } from './sentence.ts';

/** Why a new file was not written: one that is there is never written over. */
export function notWritten(file: string, cause: unknown): CrossfadeError {
  const isThere = (cause as { readonly code?: unknown }).code === 'EEXIST';
  const got = isThere ? 'one that is there already' : sentenceOf(cause).replace(/\.$/, '');
  const remedy = isThere
    ? 'Name another file, or move that one away.'
    : 'Name a file in a folder that you may write to.';
  return new CrossfadeError('USAGE', `Expected to write a new file ${file}, got ${got}. ${remedy}`, {
    cause,
  });
}
