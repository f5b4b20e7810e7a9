import type { Command } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ControlClient } from '../../server/control-client.ts';
import { type CommandIo, say } from '../command-io.ts';
import { resolveDataDir } from '../data-folder.ts';
import { exitCode } from '../exit-code.ts';
import { comparisonText, explanationText } from './compare-text.ts';
import { type CommonOptions, systemLeaf } from './leaf.ts';

/** `crossfade compare ROLLOUT`: both arms side by side; looking changes nothing, however often. */
export function addCompare(program: Command, io: CommandIo): void {
  systemLeaf(
    program,
    'compare <rollout>',
    'Candidate against control, metric by metric: difference with interval, evidence, state, goals.',
    ['crossfade compare new-engine', 'crossfade compare new-engine --json'],
  ).action(async (name: string, options: CommonOptions) => {
    const client = await ControlClient.forDataFolder(resolveDataDir(options.data, io.env));
    const comparison = await client.comparison(name);
    const text =
      comparison === null
        ? `${name} was not looked at yet; the judge looks once a second while it runs.`
        : comparisonText(comparison);
    say(io, options.json === true, { json: { comparison }, text });
  });
}

interface ExplainOptions extends CommonOptions {
  readonly at?: string;
}

/** `crossfade explain ROLLOUT`: a past verdict, made again from the log. */
export function addExplain(program: Command, io: CommandIo): void {
  systemLeaf(
    program,
    'explain <rollout>',
    'Why the judge decided so: its last verdict, judged again from the log. Ends with 1 when it is not the same.',
    ['crossfade explain new-engine', 'crossfade explain new-engine --at 2026-11-02T09:30:00Z --json'],
  )
    .option('--at <time>', 'the verdict that stood at this time, such as 2026-11-02T09:30:00Z (default: now)')
    .action(async (name: string, options: ExplainOptions) => {
      const client = await ControlClient.forDataFolder(resolveDataDir(options.data, io.env));
      const explanation = await client.explanation(
        name,
        options.at === undefined ? undefined : timeOf(options.at),
      );
      const text =
        explanation === null ? `Nothing was judged in ${name} by then.` : explanationText(explanation);
      const code = explanation?.replay === 'differs' ? exitCode.failed : exitCode.ok;
      say(io, options.json === true, { json: { explanation }, text, code });
    });
}

function timeOf(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new CrossfadeError(
    'USAGE',
    `Expected --at with a time such as 2026-11-02T09:30:00Z, got ${text.slice(0, 64)}.`,
  );
}
