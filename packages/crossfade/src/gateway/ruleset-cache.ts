import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Ruleset } from '@crossfade/sdk/flags/ruleset';

/** The last ruleset on disk, and when the control plane was heard to say it (wall time, ms). */
export interface CachedRuleset {
  readonly ruleset: Ruleset;
  readonly savedAtMs: number;
}

/** What the file holds, or null when there is none or it cannot be read as a ruleset's envelope. Never throws. */
export async function readRulesetCache(file: string): Promise<CachedRuleset | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { ruleset, savedAtMs } = parsed as Partial<CachedRuleset>;
    return typeof savedAtMs === 'number' && typeof ruleset === 'object' && ruleset !== null
      ? { ruleset, savedAtMs }
      : null;
  } catch {
    return null;
  }
}

/** Replaces the file whole: a reader finds the old ruleset or the new one, after a crash too. */
export async function writeRulesetCache(file: string, cached: CachedRuleset): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(cached));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
