import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import { readRulesetCache, writeRulesetCache } from './ruleset-cache.ts';

const ruleset: Ruleset = { schema: 'crossfade.ruleset/1', revision: 3, flags: {}, audiences: {} };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-cache-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the ruleset on disk', () => {
  it('comes back as it was written, replaced whole, with nothing left beside it', async () => {
    const file = join(folder, 'deep', 'ruleset.json');
    await writeRulesetCache(file, { ruleset, savedAtMs: 1 });
    await writeRulesetCache(file, { ruleset: { ...ruleset, revision: 4 }, savedAtMs: 2 });

    expect(await readRulesetCache(file)).toEqual({ ruleset: { ...ruleset, revision: 4 }, savedAtMs: 2 });
    expect(await readdir(join(folder, 'deep'))).toEqual(['ruleset.json']);
  });

  it('is none when there is no file, or one that holds something else', async () => {
    const file = join(folder, 'ruleset.json');
    expect(await readRulesetCache(file)).toBeNull();
    for (const text of ['', '{', 'null', '[]', '{"savedAtMs":1}', '{"ruleset":null,"savedAtMs":1}']) {
      await writeFile(file, text);
      expect(await readRulesetCache(file)).toBeNull();
    }
  });

  it('leaves no half file when it cannot be written', async () => {
    const file = join(folder, 'taken');
    await mkdir(file);
    await expect(writeRulesetCache(file, { ruleset, savedAtMs: 1 })).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['taken']);
  });
});
