import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { addressFileName, tokenFileName } from './control-client.ts';

/** 256 bits: guessing is not a way in. */
const tokenBytes = 32;

/** Shorter than this was not made here. */
const tokenCharsMin = 16;

/**
 * The token of a data folder, made at the first start and readable by its owner alone. It stays the same over
 * restarts, so that gateways which run on come back by themselves.
 */
export async function loadToken(dataFolder: string): Promise<string> {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const file = join(dataFolder, tokenFileName);
  const made = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(made, `${randomBytes(tokenBytes).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
    // A link is made whole or not at all: of two first starts one gives the token and the other reads it.
    await link(made, file).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      await chmod(file, 0o600);
    });
  } catch (cause) {
    throw new CrossfadeError('STORE_UNAVAILABLE', `Expected to write ${file}, got: ${messageOf(cause)}.`, {
      cause,
    });
  } finally {
    await rm(made, { force: true });
  }
  const token = (await readFile(file, 'utf8')).trim();
  if (token.length < tokenCharsMin) {
    throw new CrossfadeError(
      'STORE_CORRUPT',
      `Expected a token in ${file}, got ${token.length} characters. Delete the file; the next start makes a new one.`,
    );
  }
  return token;
}

/** Whether a request carries the token. Takes the same time wherever the first difference is. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  // Digests have one length, which is what the comparison asks for.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Says where the control plane listens, for the command line and for gateways that start. */
export async function writeAddress(dataFolder: string, url: string): Promise<void> {
  const file = join(dataFolder, addressFileName);
  await writeFile(`${file}.new`, `${JSON.stringify({ url })}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function forgetAddress(dataFolder: string): Promise<void> {
  await rm(join(dataFolder, addressFileName), { force: true });
}
