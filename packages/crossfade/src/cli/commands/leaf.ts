import type { Command } from 'commander';

/** Options that every command of a running system takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly data?: string;
}

/** A command that does something, with examples under its help. */
export function leaf(
  parent: Command,
  words: string,
  description: string,
  examples: readonly string[],
): Command {
  return parent
    .command(words)
    .description(description)
    .option('--json', 'answer with one JSON object, the last line of stdout')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

/** A leaf that talks to a running system, which it finds by its data folder. */
export function systemLeaf(
  parent: Command,
  words: string,
  description: string,
  examples: readonly string[],
): Command {
  return leaf(parent, words, description, examples).option(
    '--data <dir>',
    'data folder of the running system (default: $CROSSFADE_DATA, then ./crossfade-data)',
  );
}
