import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import { ControlClient } from '../../server/control-client.ts';
import { bodyMaxBytes, type CommandName } from '../../wire/control.ts';
import { type CommandIo, say } from '../command-io.ts';
import { interruptible } from '../interruptible.ts';
import { readInput } from '../read-input.ts';
import { readPlanToSend } from '../read-plan.ts';
import { resolveDataDir } from '../data-folder.ts';
import { by, byLeaf, type ByOptions } from './by-leaf.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';
import { deadLetterLines, historyText, rolloutsText, statusText } from './rollout-text.ts';
import { isReceiptOpen, settledReceipt } from './settled-receipt.ts';

interface MoreOptions extends ByOptions {
  readonly withoutPass?: boolean;
  readonly stage?: string;
  readonly policy?: DrainPolicy;
}

interface Word {
  readonly word: string;
  readonly command: Exclude<CommandName, 'revise' | 'accept'>;
  readonly does: string;
  /** Options of its own. */
  readonly more?: (command: Command) => Command;
  /** Words behind the name in the example. */
  readonly example?: string;
}

/** Every command but those that bring a plan. */
const words: readonly Word[] = [
  { word: 'start', command: 'start', does: 'Begin: wait for acceptance, then for the first stage.' },
  {
    word: 'waive',
    command: 'waive-acceptance',
    does: 'Go on without acceptance evidence; recorded with your reason.',
  },
  {
    word: 'advance',
    command: 'advance',
    does: 'One stage on by hand: skips what is left of the bake, never a verdict against it.',
    more: (command) =>
      command.option('--without-pass', 'go on although nothing is proven; recorded with your reason'),
    example: '--without-pass ',
  },
  {
    word: 'approve',
    command: 'approve',
    does: 'Let the next stage begin, where the plan asks a person.',
    more: (command) => command.option('--stage <name>', 'only if this is the next stage'),
    example: '--stage 25 ',
  },
  { word: 'pause', command: 'pause', does: 'Freeze the share; open and new sessions go on as they are.' },
  { word: 'resume', command: 'resume', does: 'Go on after a pause.' },
  { word: 'disable', command: 'disable', does: 'Share 0 at once; can be taken back with enable.' },
  { word: 'enable', command: 'enable', does: 'Take a disable back.' },
  {
    word: 'rollback',
    command: 'rollback',
    does: 'Take the candidate back for good, from any state.',
    more: (command) =>
      command.addOption(
        new Option(
          '--policy <policy>',
          "what open sessions do (default: the plan's): end where they are, move at a segment boundary, move now; a harder one hardens a rollback under way",
        ).choices(['finish', 'migrate', 'cut']),
      ),
    example: '--policy cut ',
  },
];

/** Words that change what users get against the evidence must say why. */
const reasonWanted: ReadonlySet<string> = new Set(['waive']);

/** `crossfade rollout …`: every command of the control plane. */
export function addRollout(program: Command, io: CommandIo): void {
  const rollout = program
    .command('rollout')
    .description('Make, watch and steer rollouts of the running system.');
  const clientOf = (options: CommonOptions): Promise<ControlClient> =>
    ControlClient.forDataFolder(resolveDataDir(options.data, io.env));

  byLeaf(rollout, 'apply <plan>', 'Make a rollout from a plan, YAML or JSON.', [
    'crossfade rollout apply plan.yaml',
  ]).action(async (file: string, options: ByOptions) => {
    const plan = await readPlanToSend(file);
    const status = await (await clientOf(options)).apply(plan, by(options, io));
    const { provabilityWarnings } = await import('../../rollout/provable.ts');
    const { parsePlan } = await import('../../rollout/parse-plan.ts');
    for (const warning of provabilityWarnings(parsePlan(plan))) io.err(`warning: ${warning}`);
    say(io, options.json === true, { json: status, text: statusText(status) });
  });
  byLeaf(rollout, 'revise <name> <plan>', 'Replace the plan of a rollout while it runs.', [
    'crossfade rollout revise new-engine plan.yaml --reason "twice the bake"',
  ]).action(async (name: string, file: string, options: ByOptions) => {
    const plan = await readPlanToSend(file);
    const status = await (await clientOf(options)).revise(name, plan, by(options, io));
    say(io, options.json === true, { json: status, text: statusText(status) });
  });
  byLeaf(rollout, 'accept <name> <report>', 'Hand over an acceptance report; it opens the first stage.', [
    'crossfade accept --target ws://host/v1/listen --report report.json',
    'crossfade rollout accept new-engine report.json',
  ]).action(async (name: string, file: string, options: ByOptions) => {
    const report = await readInput(file, bodyMaxBytes.report);
    const status = await (await clientOf(options)).accept(name, report, by(options, io));
    say(io, options.json === true, { json: status, text: statusText(status) });
  });
  for (const { word, command, does, more = (same: Command) => same, example = '' } of words) {
    const text = `crossfade rollout ${word} new-engine ${example}--reason "…"`;
    const asked = more(byLeaf(rollout, `${word} <name>`, does, [text], reasonWanted.has(word)));
    asked.action(async (name: string, options: MoreOptions) => {
      if (options.withoutPass === true && options.reason === undefined) {
        throw new CrossfadeError(
          'USAGE',
          'Expected a reason to advance without a pass, got none. Add --reason "…"; it is kept in the audit.',
        );
      }
      const { withoutPass, stage, policy } = options;
      const client = await clientOf(options);
      const told = await client.command(name, command, by(options, io), {
        ...(withoutPass === undefined ? {} : { withoutPass }),
        ...(stage === undefined ? {} : { stage }),
        ...(policy === undefined ? {} : { policy }),
      });
      if (command !== 'rollback') {
        return say(io, options.json === true, { json: told, text: statusText(told) });
      }
      const status = await settledReceipt(told, () => client.rollout(name), systemClock);
      const more = isReceiptOpen(status) ? `\n  how it goes on: crossfade rollout status ${name}` : '';
      say(io, options.json === true, { json: status, text: statusText(status) + more });
    });
  }
  addReading(rollout, io, clientOf);
}

function addReading(
  rollout: Command,
  io: CommandIo,
  clientOf: (options: CommonOptions) => Promise<ControlClient>,
): void {
  systemLeaf(rollout, 'status [name]', 'Where rollouts stand, and why they do not move.', [
    'crossfade rollout status',
    'crossfade rollout status new-engine --json',
  ]).action(async (name: string | undefined, options: CommonOptions) => {
    const client = await clientOf(options);
    const deadLetters = await client.deadLetters(name);
    if (name === undefined) {
      const rollouts = await client.rollouts();
      const text = [rolloutsText(rollouts), ...deadLetterLines(deadLetters)].join('\n');
      say(io, options.json === true, { json: { rollouts, deadLetters }, text });
      return;
    }
    const status = await client.rollout(name);
    const text = [statusText(status), ...deadLetterLines(deadLetters)].join('\n');
    say(io, options.json === true, { json: { ...status, deadLetters }, text });
  });
  systemLeaf(rollout, 'history <name>', 'The audit of a rollout: who, what, why.', [
    'crossfade rollout history new-engine',
  ]).action(async (name: string, options: CommonOptions) => {
    const events = await (await clientOf(options)).history(name);
    say(io, options.json === true, { json: { events }, text: historyText(events) });
  });
  systemLeaf(
    rollout,
    'watch [name]',
    'Every event as it happens, until Ctrl-C; one JSON object a line with --json.',
    ['crossfade rollout watch', 'crossfade rollout watch new-engine --after 0 --json'],
  )
    .option('--after <sequence>', 'begin behind this event of the audit; 0: with the first', wholeNumber)
    .action(async (name: string | undefined, options: CommonOptions & { readonly after?: number }) => {
      const client = await clientOf(options);
      const { after } = options;
      await interruptible(async (signal) => {
        for await (const event of client.watch({ rollout: name, after, clock: systemClock, signal }))
          io.out(options.json === true ? JSON.stringify(event) : historyText([event]));
      });
    });
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected the sequence of an event, a whole number of 0 or more.');
}
