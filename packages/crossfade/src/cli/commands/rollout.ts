import type { Command } from 'commander';
import { type CommandBy, ControlClient } from '../../server/control-client.ts';
import { bodyMaxBytes, type CommandName } from '../../wire/control.ts';
import { actorName, type CommandIo, say } from '../command-io.ts';
import { readInput } from '../read-input.ts';
import { resolveDataDir } from '../data-folder.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';
import { historyText, rolloutsText, statusText } from './rollout-text.ts';

interface ByOptions extends CommonOptions {
  readonly actor?: string;
  readonly reason?: string;
}

/** Commands that need no more than a name, who and why. */
const plainCommands: readonly {
  word: string;
  command: Exclude<CommandName, 'revise' | 'accept'>;
  does: string;
}[] = [
  { word: 'start', command: 'start', does: 'Begin: wait for acceptance, then for the first stage.' },
  {
    word: 'waive',
    command: 'waive-acceptance',
    does: 'Go on without acceptance evidence; recorded with your reason.',
  },
  { word: 'advance', command: 'advance', does: 'One stage on by hand: skips what is left of the bake.' },
  { word: 'approve', command: 'approve', does: 'Let the next stage begin, where the plan asks a person.' },
  { word: 'pause', command: 'pause', does: 'Freeze the share; open and new sessions go on as they are.' },
  { word: 'resume', command: 'resume', does: 'Go on after a pause.' },
  { word: 'disable', command: 'disable', does: 'Share 0 at once; can be taken back with enable.' },
  { word: 'enable', command: 'enable', does: 'Take a disable back.' },
  { word: 'rollback', command: 'rollback', does: 'Take the candidate back for good, from any state.' },
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
    const plan = await readInput(file);
    const status = await (await clientOf(options)).apply(plan, by(options, io));
    say(io, options.json === true, { json: status, text: statusText(status) });
  });
  byLeaf(rollout, 'revise <name> <plan>', 'Replace the plan of a rollout while it runs.', [
    'crossfade rollout revise new-engine plan.yaml --reason "twice the bake"',
  ]).action(async (name: string, file: string, options: ByOptions) => {
    const plan = await readInput(file);
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
  for (const { word, command, does } of plainCommands) {
    const example = `crossfade rollout ${word} new-engine --reason "…"`;
    const asked = byLeaf(rollout, `${word} <name>`, does, [example], reasonWanted.has(word));
    asked.action(async (name: string, options: ByOptions) => {
      const status = await (await clientOf(options)).command(name, command, by(options, io));
      say(io, options.json === true, { json: status, text: statusText(status) });
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
    if (name === undefined) {
      const rollouts = await client.rollouts();
      say(io, options.json === true, { json: { rollouts }, text: rolloutsText(rollouts) });
      return;
    }
    const status = await client.rollout(name);
    say(io, options.json === true, { json: status, text: statusText(status) });
  });
  systemLeaf(rollout, 'history <name>', 'The audit of a rollout: who, what, why.', [
    'crossfade rollout history new-engine',
  ]).action(async (name: string, options: CommonOptions) => {
    const events = await (await clientOf(options)).history(name);
    say(io, options.json === true, { json: { events }, text: historyText(events) });
  });
}

function byLeaf(
  parent: Command,
  words: string,
  description: string,
  examples: readonly string[],
  needsReason = false,
): Command {
  const command = systemLeaf(parent, words, description, examples).option(
    '--actor <name>',
    'who asks, for the audit (default: your user name)',
  );
  const says = 'why, for the audit';
  return needsReason
    ? command.requiredOption('--reason <text>', says)
    : command.option('--reason <text>', says);
}

function by({ actor, reason }: ByOptions, io: CommandIo): CommandBy {
  return { actor: actorName(actor, io), reason: reason ?? 'asked for on the command line' };
}
