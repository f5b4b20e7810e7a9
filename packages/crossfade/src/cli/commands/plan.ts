import { writeFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type CommandIo, say } from '../command-io.ts';
import { notWritten } from '../new-file.ts';
import { readPlan } from '../read-plan.ts';
import { referenceBuild } from '../version.ts';
import { leaf } from './leaf.ts';
import { diffText, planText, wholePlanText } from './plan-text.ts';

interface JsonOption {
  readonly json?: boolean;
}

/** `crossfade plan init|validate|show|diff`: files alone, no running system. */
export function addPlan(program: Command, io: CommandIo): void {
  const plan = program.command('plan').description('Write, check and compare rollout plans.');
  addInit(plan, io);
  leaf(plan, 'validate <file>', 'Say what a plan means, or what is wrong with it. Needs no running system.', [
    'crossfade plan validate examples/plan.yaml',
    'crossfade plan validate examples/plan.yaml --sessions-per-hour 600',
  ])
    .option(
      '--sessions-per-hour <number>',
      'traffic over both sides: warns of gates that it cannot prove',
      sessions,
    )
    .action(async (file: string, options: JsonOption & { readonly sessionsPerHour?: number }) => {
      const { provabilityWarnings } = await import('../../rollout/provable.ts');
      const parsed = await readPlan(file);
      const warnings = provabilityWarnings(parsed, options.sessionsPerHour);
      for (const warning of warnings) io.err(`warning: ${warning}`);
      say(io, options.json === true, {
        json: { valid: true, warnings, plan: parsed },
        text: planText(parsed),
      });
    });
  leaf(plan, 'show <file>', 'All that a plan says, with every default filled in.', [
    'crossfade plan show plan.yaml',
  ]).action(async (file: string, options: JsonOption) => {
    const parsed = await readPlan(file);
    say(io, options.json === true, { json: { plan: parsed }, text: wholePlanText(parsed) });
  });
  leaf(plan, 'diff <before> <after>', 'Where two plans differ, and what it would mean to revise one so.', [
    'crossfade plan diff plan.yaml plan-next.yaml',
  ]).action(async (before: string, after: string, options: JsonOption) => {
    const { diffPlans } = await import('../../rollout/plan-diff.ts');
    const { effectOfRevision } = await import('../../rollout/revise.ts');
    const plans = [await readPlan(before), await readPlan(after)] as const;
    const changes = diffPlans(...plans);
    const effect = effectOfRevision(...plans);
    const text = diffText(changes, effect.sentence);
    say(io, options.json === true, { json: { same: changes.length === 0, effect, changes }, text });
  });
}

function sessions(text: string): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError('Expected a whole number of sessions, 1 or more.');
}

interface InitOptions extends JsonOption {
  readonly name: string;
  readonly flag: string;
  readonly control: string;
  readonly candidate: string;
  readonly build: string;
}

function addInit(plan: Command, io: CommandIo): void {
  leaf(plan, 'init <file>', 'Write a plan to begin with: a tenth, half, everybody. Never over a file.', [
    'crossfade plan init plan.yaml --control legacy --candidate streaming --build sha256:9f2c1d7e',
  ])
    .addOption(new Option('--name <name>', 'name of the rollout').default('new-pipeline'))
    .addOption(new Option('--flag <flag>', 'flag that it owns').default('transcription'))
    .addOption(new Option('--control <upstream>', 'pipeline that serves today').default('legacy'))
    .addOption(new Option('--candidate <upstream>', 'pipeline that is rolled out').default('streaming'))
    .addOption(
      new Option('--build <name>', 'what the candidate says of its build').default(
        referenceBuild('streaming'),
      ),
    )
    .action(async (file: string, options: InitOptions) => {
      const { firstPlan } = await import('../../rollout/first-plan.ts');
      const { parsePlan } = await import('../../rollout/parse-plan.ts');
      const text = firstPlan({ ...options, schema: schemaFor(file) });
      const parsed = parsePlan(text);
      try {
        await writeFile(file, text, { flag: 'wx' });
      } catch (cause) {
        throw notWritten(file, cause);
      }
      const next = `Check it with: crossfade plan validate ${file}`;
      say(io, options.json === true, { json: { file, plan: parsed }, text: `${file} is written. ${next}` });
    });
}

/** The published schema as seen from the plan's folder, so that an editor completes and checks the file. */
function schemaFor(file: string): string {
  const schema = fileURLToPath(new URL('../../../schema/plan.schema.json', import.meta.url));
  return relative(dirname(resolve(file)), schema)
    .split(sep)
    .join('/');
}
