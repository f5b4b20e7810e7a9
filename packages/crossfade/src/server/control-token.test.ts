import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { carriesToken, loadToken } from './control-token.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-token-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('loadToken', () => {
  it('makes a token that only its owner can read, and keeps it over restarts', async () => {
    const token = await loadToken(folder);
    const { mode } = await stat(join(folder, 'token'));

    expect(mode & 0o777).toBe(0o600);
    expect(token).toHaveLength(43);
    expect(await loadToken(folder)).toBe(token);
  });

  it('gives two first starts at the same moment the same token', async () => {
    const [one, other] = await Promise.all([loadToken(folder), loadToken(folder)]);
    expect(one).toBe(other);
  });

  it('closes a file that others could read', async () => {
    await writeFile(join(folder, 'token'), 'an-older-token-of-some-length\n', { mode: 0o644 });
    expect(await loadToken(folder)).toBe('an-older-token-of-some-length');
    expect((await stat(join(folder, 'token'))).mode & 0o777).toBe(0o600);
  });

  it('refuses an empty token file instead of letting everybody in', async () => {
    await writeFile(join(folder, 'token'), '\n');
    await expect(loadToken(folder)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await readFile(join(folder, 'token'), 'utf8')).toBe('\n');
  });
});

describe('carriesToken', () => {
  it.each([
    ['Bearer right-token-of-the-folder', true],
    ['bearer right-token-of-the-folder', true],
    ['Bearer right-token-of-the-folde', false],
    ['Bearer wrong', false],
    ['Basic right-token-of-the-folder', false],
    ['Bearer ', false],
    [undefined, false],
  ])('answers %j with %s', (authorization, expected) => {
    expect(carriesToken(authorization, 'right-token-of-the-folder')).toBe(expected);
  });
});
