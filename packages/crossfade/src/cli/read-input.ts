import { readFile } from 'node:fs/promises';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { sentenceOf } from './sentence.ts';

/** Longest plan or configuration; the control plane takes no longer one. */
const inputBytesMax = 1024 * 1024;

/** The text of a file that a person named; USAGE with a sentence when it cannot be read. */
export async function readInput(file: string, bytesMax: number = inputBytesMax): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    // A folder opens and only then cannot be read: that error names no path.
    const place = (cause as NodeJS.ErrnoException).path === undefined ? `${file}: ` : '';
    throw new CrossfadeError(
      'USAGE',
      `Expected a file that can be read, got ${place}${sentenceOf(cause)} Give the path of a YAML or JSON file; examples/ has some.`,
      { cause },
    );
  }
  if (bytes.length <= bytesMax) return bytes.toString('utf8');
  throw new CrossfadeError(
    'USAGE',
    `Expected ${file} to have at most ${bytesMax} bytes, got ${bytes.length}.`,
  );
}
