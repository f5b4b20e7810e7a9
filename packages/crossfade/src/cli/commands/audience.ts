import type { Command } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { compileRuleset } from '@crossfade/sdk/flags/compile';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import { explainAudience } from '@crossfade/sdk/flags/explain';
import type { Audience } from '@crossfade/sdk/flags/ruleset';
import { systemClock } from '@crossfade/sdk/core/clock';
import { type AudienceSource, listsIn, readAudiences } from '../audience-source.ts';
import { type CommandIo, say } from '../command-io.ts';
import { type CommonOptions, leaf, systemLeaf } from './leaf.ts';

interface FromOptions extends CommonOptions {
  readonly from?: string;
}

interface UserOptions extends FromOptions {
  readonly key?: string;
  readonly context?: string;
  readonly set: readonly string[];
}

/** `crossfade audience list|show|test|explain|import`: of a plan, a ruleset's file, or the running system. */
export function addAudience(program: Command, io: CommandIo): void {
  const audience = program.command('audience').description('Who is in which group of users, and why.');
  fromLeaf(audience, 'list', 'Audiences, how many keys they list, and who uses them.', [
    'crossfade audience list --from plan.yaml',
    'crossfade audience list --json',
  ]).action(async (options: FromOptions) => {
    const source = await readAudiences(options, io.env);
    const audiences = Object.keys(source.ruleset.audiences).map((name) => summaryOf(source, name));
    say(io, options.json === true, { json: { audiences }, text: listText(source.from, audiences) });
  });
  fromLeaf(audience, 'show <audience>', 'What an audience asks of a user.', [
    'crossfade audience show internal --from plan.yaml',
  ]).action(async (asked: string, options: FromOptions) => {
    const source = await readAudiences(options, io.env);
    const name = nameOf(source, asked);
    const { when } = find(source, name);
    const summary = summaryOf(source, name);
    const text = [summaryText(summary), conditionText(when)].join('\n');
    say(io, options.json === true, { json: { ...summary, when }, text });
  });
  addUser(audience, io);
  addImport(audience, io);
}

function addUser(audience: Command, io: CommandIo): void {
  userLeaf(audience, 'test <audience>', 'Whether a user is in an audience, and why or why not.', [
    'crossfade audience test internal --from plan.yaml --set email=ana@example.com',
    'crossfade audience test volunteers --key user-7 --context user.json',
  ]).action(async (asked: string, options: UserOptions) => {
    const source = await readAudiences(options, io.env);
    const name = nameOf(source, asked);
    const context = await contextOf(options);
    const { member, why } = explainAudience(compileRuleset(source.ruleset), name, context);
    const text = `${member ? 'In' : 'Not in'} "${name}": ${why}.`;
    say(io, options.json === true, { json: { audience: name, member, why }, text });
  });
  userLeaf(
    audience,
    'explain <flag>',
    'The whole way of a decision for a user: audiences, shares, buckets.',
    ['crossfade audience explain transcription --key user-7 --set plan=internal'],
  ).action(async (flag: string, options: UserOptions) => {
    const { ruleset, from } = await readAudiences(options, io.env);
    mustHaveFlag(ruleset, from, flag);
    const evaluator = new Evaluator({ clock: systemClock, ruleset });
    // A person asks what holds while the control plane is there.
    evaluator.heard();
    const context = await contextOf(options);
    const decision = evaluator.evaluate(flag, context);
    const text = evaluator.explain(flag, context);
    say(io, options.json === true, { json: { flag, decision, steps: text.split('\n') }, text });
  });
}

function addImport(audience: Command, io: CommandIo): void {
  leaf(audience, 'import <audience> <keys>', 'Make an audience of a file of keys, one a line.', [
    'crossfade audience import volunteers keys.txt --into plan.yaml',
    'crossfade audience import pilots orgs.txt --into plan.yaml --attribute org.id --description "signed up"',
  ])
    .requiredOption('--into <file>', 'plan or ruleset that gets it; checked whole before it is written')
    .option('--attribute <path>', 'attribute that the keys are of', 'targetingKey')
    .option('--description <text>', 'who they are')
    .action(async (name: string, keysFile: string, options: ImportOptions) => {
      const { importAudience, readKeys } = await import('../audience-import.ts');
      const done = await importAudience(options.into, name, await readKeys(keysFile), options);
      const text = `${options.into}: audience "${name}" has ${done.keys} keys, ${done.added} new, ${done.removed} gone.`;
      say(io, options.json === true, { json: { file: options.into, ...done }, text });
    });
}

interface ImportOptions {
  readonly json?: boolean;
  readonly into: string;
  readonly attribute: string;
  readonly description?: string;
}

function fromLeaf(parent: Command, words: string, description: string, examples: readonly string[]): Command {
  return systemLeaf(parent, words, description, examples).option(
    '--from <file>',
    'a plan or a ruleset; without it the running system is asked',
  );
}

function userLeaf(parent: Command, words: string, description: string, examples: readonly string[]): Command {
  return fromLeaf(parent, words, description, examples)
    .option('--key <key>', 'targeting key of the user')
    .option('--context <file>', 'JSON file of the attributes')
    .option(
      '--set <name=value>',
      'one attribute; may be given again',
      (one: string, all: readonly string[]) => [...all, one],
      [],
    );
}

/** File first, then single attributes, then the key. A value that is JSON (5, true, [1]) is read as such. */
async function contextOf({ key, context, set }: UserOptions): Promise<Readonly<Record<string, unknown>>> {
  const { readContext } = await import('../audience-import.ts');
  const attributes = context === undefined ? {} : { ...(await readContext(context)) };
  for (const one of set) {
    const at = one.indexOf('=');
    if (at < 1)
      throw new CrossfadeError('USAGE', `Expected an attribute such as plan=internal, got "${one}".`);
    attributes[one.slice(0, at)] = valueOf(one.slice(at + 1));
  }
  return key === undefined ? attributes : { ...attributes, targetingKey: key };
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** In a ruleset audiences are called ROLLOUT/NAME; the short name will do where only one rollout has it. */
function nameOf(source: AudienceSource, asked: string): string {
  const { audiences } = source.ruleset;
  const meant = Object.keys(audiences).filter((name) => name.endsWith(`/${asked}`));
  const [only] = meant;
  const name = !Object.hasOwn(audiences, asked) && meant.length === 1 && only !== undefined ? only : asked;
  find(source, name);
  return name;
}

function find({ ruleset, from }: AudienceSource, name: string): Audience {
  const audience = Object.hasOwn(ruleset.audiences, name) ? ruleset.audiences[name] : undefined;
  if (audience !== undefined) return audience;
  const known = Object.keys(ruleset.audiences).slice(0, 10).join(', ') || 'there are none';
  throw new CrossfadeError('USAGE', `Expected an audience of ${from} (${known}), got "${name}".`);
}

/** An evaluation answers its default for a flag that is not there; a person wants to know. */
function mustHaveFlag({ flags }: AudienceSource['ruleset'], from: string, flag: string): void {
  if (Object.hasOwn(flags, flag)) return;
  const known = Object.keys(flags).slice(0, 10).join(', ') || 'there are none';
  throw new CrossfadeError(
    'USAGE',
    `Expected a flag of ${from} (${known}), got "${flag}". Ask the running system, or a ruleset with --from.`,
  );
}

interface Summary {
  readonly name: string;
  readonly description: string | null;
  readonly lists: readonly { readonly attribute: string; readonly keys: number }[];
  readonly usedBy: readonly string[];
}

function summaryOf(source: AudienceSource, name: string): Summary {
  const { description, when } = find(source, name);
  const usedBy = source.usedBy.get(name) ?? [];
  return { name, description: description ?? null, lists: listsIn(when), usedBy };
}

function summaryText({ name, description, lists, usedBy }: Summary): string {
  const listed = lists.map(({ attribute, keys }) => `${keys} values of ${attribute}`);
  const used = usedBy.length === 0 ? 'used by nobody' : `used by ${usedBy.join(', ')}`;
  return [name, ...(description === null ? [] : [description]), ...listed, used].join('; ');
}

function listText(from: string, audiences: readonly Summary[]): string {
  if (audiences.length === 0) return `No audiences in ${from}.`;
  return audiences.map(summaryText).join('\n');
}

/** Characters of a condition for a terminal; --json has all of it. */
const conditionChars = 2_000;

function conditionText(when: Audience['when']): string {
  const text = JSON.stringify(when, (_, value: unknown) =>
    Array.isArray(value) && value.length > 10 && typeof value[0] !== 'object'
      ? [...value.slice(0, 10), `and ${value.length - 10} more`]
      : value,
  );
  return text.length > conditionChars ? `${text.slice(0, conditionChars)}…` : text;
}
