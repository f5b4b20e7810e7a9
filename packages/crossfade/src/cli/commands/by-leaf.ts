import { type Command, InvalidArgumentError } from 'commander';
import type { CommandBy } from '../../server/control-client.ts';
import { actorName, type CommandIo } from '../command-io.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

/** Options of a command that goes into the audit. */
export interface ByOptions extends CommonOptions {
  readonly actor?: string;
  readonly reason?: string;
}

/** A leaf that says who asks, and why. */
export function byLeaf(
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
    ? command.requiredOption('--reason <text>', says, givenReason)
    : command.option('--reason <text>', says, givenReason);
}

function givenReason(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('Expected words that say why, got none; the audit keeps them.');
}

/** Who asks and why, with words for those who say neither. */
export function by({ actor, reason }: ByOptions, io: CommandIo): CommandBy {
  return { actor: actorName(actor, io), reason: reason ?? 'asked for on the command line' };
}
