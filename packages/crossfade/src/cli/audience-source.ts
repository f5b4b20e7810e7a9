import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Condition, Ruleset } from '@crossfade/sdk/flags/ruleset';
import { ControlClient } from '../server/control-client.ts';
import { resolveDataDir } from './data-folder.ts';
import { readPlanText } from './read-plan.ts';

/** Audiences of a plan, of a ruleset's file, or of the running system, and who uses each. */
export interface AudienceSource {
  /** Where they are from, for a sentence. */
  readonly from: string;
  readonly ruleset: Ruleset;
  /** By audience: stages, rules of flags, and other audiences that name it. */
  readonly usedBy: ReadonlyMap<string, readonly string[]>;
}

/** Reads a file that was named, else asks the system of the data folder. */
export async function readAudiences(
  options: { readonly from?: string; readonly data?: string },
  env: NodeJS.ProcessEnv,
): Promise<AudienceSource> {
  if (options.from !== undefined) return audiencesOfText(await readPlanText(options.from), options.from);
  const client = await ControlClient.forDataFolder(resolveDataDir(options.data, env));
  const { validateRuleset } = await import('@crossfade/sdk/flags/validate');
  return ofRuleset(validateRuleset(await client.ruleset()), 'the running system');
}

async function audiencesOfText(text: string, file: string): Promise<AudienceSource> {
  if (isRulesetText(text)) {
    const { validateRuleset } = await import('@crossfade/sdk/flags/validate');
    return ofRuleset(validateRuleset(parseJson(text, file)), file);
  }
  const { parsePlan } = await import('../rollout/parse-plan.ts');
  const { audiences, stages } = parsePlan(text);
  const ruleset: Ruleset = { schema: 'crossfade.ruleset/1', revision: 0, flags: {}, audiences };
  const uses = usesOf(ruleset);
  for (const stage of stages) for (const name of stage.audiences) uses.get(name)?.push(`stage ${stage.name}`);
  return { from: file, ruleset, usedBy: uses };
}

/** A ruleset is JSON that says so; everything else is read as a plan. */
export function isRulesetText(text: string): boolean {
  return text.trimStart().startsWith('{') && text.includes('"crossfade.ruleset/1"');
}

export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CrossfadeError('RULESET_INVALID', `Expected JSON in ${file}, got: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

function ofRuleset(ruleset: Ruleset, from: string): AudienceSource {
  return { from, ruleset, usedBy: usesOf(ruleset) };
}

function usesOf({ audiences, flags }: Ruleset): Map<string, string[]> {
  const uses = new Map<string, string[]>(Object.keys(audiences).map((name) => [name, []]));
  const note = (when: Condition, by: string): void => {
    for (const name of namesIn(when)) uses.get(name)?.push(by);
  };
  for (const [name, { when }] of Object.entries(audiences)) note(when, `audience ${name}`);
  for (const [flag, { rules }] of Object.entries(flags)) {
    for (const { id, when } of rules) if (when !== undefined) note(when, `rule ${id} of flag ${flag}`);
  }
  return uses;
}

function namesIn(condition: Condition): ReadonlySet<string> {
  if ('audience' in condition) return new Set([condition.audience]);
  if ('not' in condition) return namesIn(condition.not);
  const parts = 'all' in condition ? condition.all : 'any' in condition ? condition.any : [];
  return new Set(parts.flatMap((part) => [...namesIn(part)]));
}

/** The lists in a condition: the attribute and how many values it is held against. */
export function listsIn(
  condition: Condition,
): readonly { readonly attribute: string; readonly keys: number }[] {
  if ('not' in condition) return listsIn(condition.not);
  if ('all' in condition) return condition.all.flatMap(listsIn);
  if ('any' in condition) return condition.any.flatMap(listsIn);
  if ('audience' in condition || !Array.isArray(condition.value)) return [];
  return [{ attribute: condition.attribute, keys: condition.value.length }];
}
