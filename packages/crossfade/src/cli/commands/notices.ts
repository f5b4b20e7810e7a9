import type { Command } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ControlClient } from '../../server/control-client.ts';
import { type CommandIo, say } from '../command-io.ts';
import { exitCode } from '../exit-code.ts';
import { resolveDataDir } from '../data-folder.ts';
import { by, byLeaf, type ByOptions } from './by-leaf.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';
import { deadLetterLines } from './rollout-text.ts';

interface ChoiceOptions extends ByOptions {
  readonly id?: string;
  readonly all?: boolean;
}

/** `crossfade notices …`: what could not be told, and what to do with it. */
export function addNotices(program: Command, io: CommandIo): void {
  const notices = program
    .command('notices')
    .description('Try a target; list, send again or drop notifications that were given up.');
  const clientOf = (options: CommonOptions): Promise<ControlClient> =>
    ControlClient.forDataFolder(resolveDataDir(options.data, io.env));

  systemLeaf(notices, 'list [rollout]', 'Dead letters: who was not told of what, and why.', [
    'crossfade notices list',
    'crossfade notices list new-engine --json',
  ]).action(async (rollout: string | undefined, options: CommonOptions) => {
    const deadLetters = await (await clientOf(options)).deadLetters(rollout);
    const text = deadLetters.length === 0 ? 'No dead letters.' : deadLetterLines(deadLetters).join('\n');
    say(io, options.json === true, { json: { deadLetters }, text });
  });
  byLeaf(notices, 'test <target>', 'Send a target of the configuration a test, and say what came back.', [
    'crossfade notices test oncall',
  ]).action(async (target: string, options: ByOptions) => {
    const trial = await (await clientOf(options)).testNotice(target, by(options, io));
    const { isDelivered, said, tookMs } = trial;
    say(io, options.json === true, {
      json: trial,
      text: `${target} ${isDelivered ? said : `was not told: ${said}`} (${tookMs} ms)`,
      code: isDelivered ? exitCode.ok : exitCode.failed,
    });
  });
  const settle = {
    retry: 'Send dead letters again, when the receiver is mended.',
    drop: 'Forget dead letters.',
  };
  for (const command of ['retry', 'drop'] as const) {
    byLeaf(notices, `${command} [rollout]`, settle[command], [
      `crossfade notices ${command} new-engine`,
      `crossfade notices ${command} --id "new-engine:9:rolled-back>oncall"`,
      `crossfade notices ${command} --all`,
    ])
      .option('--id <id>', 'only this one')
      .option('--all', 'of every rollout')
      .action(async (rollout: string | undefined, options: ChoiceOptions) => {
        const { id, all } = options;
        if (rollout === undefined && id === undefined && all !== true) {
          throw new CrossfadeError(
            'USAGE',
            `Expected which notices to ${command}, got none. Name a rollout, or say --id or --all.`,
          );
        }
        const client = await clientOf(options);
        const count = await client.settleDeadLetters(command, { rollout, id }, by(options, io));
        const done = command === 'retry' ? 'to be sent again' : 'dropped';
        say(io, options.json === true, { json: { count }, text: `${count} ${done}.` });
      });
  }
}
