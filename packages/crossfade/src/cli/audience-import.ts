import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Audience } from '@crossfade/sdk/flags/ruleset';
import { validateRuleset } from '@crossfade/sdk/flags/validate';
import { parseDocument } from 'yaml';
import { parsePlan } from '../rollout/parse-plan.ts';
import { isRulesetText, parseJson } from './audience-source.ts';
import { readInput } from './read-input.ts';
import { readPlanText } from './read-plan.ts';

/** A million keys of 32 characters. */
const keysBytesMax = 32 * 1024 * 1024;
/** As long as an override's key may be. */
const keyCharsMax = 256;

/** Keys from a file, one a line; spaces around them and empty lines do not count, and none counts twice. */
export async function readKeys(file: string): Promise<readonly string[]> {
  const keys = new Set<string>();
  const lines = (await readInput(file, keysBytesMax)).replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const key = line.trim();
    if (key.length > keyCharsMax) {
      throw new CrossfadeError(
        'USAGE',
        `Expected a key of at most ${keyCharsMax} characters in line ${index + 1} of ${file}, got ${key.length}.`,
      );
    }
    if (key !== '') keys.add(key);
  }
  if (keys.size > 0) return [...keys];
  throw new CrossfadeError('USAGE', `Expected keys in ${file}, one a line, got none.`);
}

export interface Imported {
  readonly audience: string;
  readonly keys: number;
  readonly added: number;
  readonly removed: number;
}

/**
 * Writes an audience of these keys into a plan (YAML keeps its comments) or a ruleset (its revision grows by one), in
 * place of one of the same name. The whole file is checked first and then replaced at once: an invalid one stays as it was.
 */
export async function importAudience(
  into: string,
  audience: string,
  keys: readonly string[],
  options: { readonly attribute: string; readonly description?: string },
): Promise<Imported> {
  const text = await readPlanText(into);
  const made = (before: Audience | undefined): Audience => {
    const description = options.description ?? before?.description;
    const when = { attribute: options.attribute, op: 'in', value: keys } as const;
    return description === undefined ? { when } : { description, when };
  };
  const changed = isRulesetText(text) ? inRuleset(text, into, audience, made) : inPlan(text, audience, made);
  const { mode } = await stat(into);
  await writeFile(`${into}.new`, changed.text, { mode: mode & 0o777 });
  await rename(`${into}.new`, into);
  const before = new Set(keysOf(changed.before, options.attribute));
  const now = new Set(keys);
  return {
    audience,
    keys: keys.length,
    added: keys.filter((key) => !before.has(key)).length,
    removed: [...before].filter((key) => typeof key !== 'string' || !now.has(key)).length,
  };
}

type Make = (before: Audience | undefined) => Audience;

interface Changed {
  readonly text: string;
  readonly before: Audience | undefined;
}

function inRuleset(text: string, file: string, name: string, made: Make): Changed {
  const ruleset = validateRuleset(parseJson(text, file));
  const audiences = { ...ruleset.audiences, [name]: made(ruleset.audiences[name]) };
  const next = { ...ruleset, revision: ruleset.revision + 1, audiences };
  validateRuleset(next);
  return { text: `${JSON.stringify(next, null, 2)}\n`, before: ruleset.audiences[name] };
}

function inPlan(text: string, name: string, made: Make): Changed {
  const before = parsePlan(text).audiences[name];
  const document = parseDocument(text);
  document.setIn(['audiences', name], document.createNode(made(before)));
  // In brackets: a list of a hundred thousand lines is no plan to read any more.
  const list = document.getIn(['audiences', name, 'when', 'value'], true) as { flow?: boolean };
  list.flow = true;
  const written = document.toString({ lineWidth: 120 });
  parsePlan(written);
  return { text: written, before };
}

function keysOf(audience: Audience | undefined, attribute: string): readonly unknown[] {
  const when = audience?.when;
  const isList = when !== undefined && 'value' in when && when.attribute === attribute;
  return isList && Array.isArray(when.value) ? when.value : [];
}

/** A context from a JSON file, for asking about one user. */
export async function readContext(file: string): Promise<Readonly<Record<string, unknown>>> {
  const context = parseJson(await readFile(file, 'utf8'), file);
  if (typeof context === 'object' && context !== null && !Array.isArray(context))
    return context as Record<string, unknown>;
  throw new CrossfadeError('USAGE', `Expected a JSON object of attributes in ${file}, got something else.`);
}
