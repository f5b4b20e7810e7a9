import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Profile } from '../../acceptance/profile.ts';
import { ownScenarios, readScenarios } from '../../acceptance/scenario-files.ts';
import type { Scenario } from '../../acceptance/scenario.ts';

/** The suite's scenarios and the user's; a user's of the same name stands in for ours. */
export async function scenariosOf(
  files: readonly string[],
  profile: Profile,
): Promise<{ readonly scenarios: readonly Scenario[]; readonly profile: Profile }> {
  const own = await ownScenarios();
  const added = (await Promise.all(files.map((file) => readScenarios(file)))).flat();
  const names = new Set(added.map(({ name }) => name));
  const counts = Object.fromEntries(
    added.filter(({ name }) => profile.counts[name] === undefined).map(({ name, count }) => [name, count]),
  );
  return {
    scenarios: [...own.filter(({ name }) => !names.has(name)), ...added],
    profile: { ...profile, counts: { ...profile.counts, ...counts } },
  };
}

/** Runs that take minutes are kept without being asked to, each plan in a folder of its own. */
export function runFolderOf(
  asked: string | undefined,
  profile: Profile,
  target: string,
  corpusDigest: string,
): string | null {
  if (asked !== undefined) return asked;
  if (profile.extendTo === undefined) return null;
  const key = createHash('sha256').update(`${target} ${corpusDigest}`).digest('hex').slice(0, 8);
  return join('crossfade-accept', `${profile.name}-${key}`);
}
