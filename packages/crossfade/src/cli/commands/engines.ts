import type { Command } from 'commander';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { EngineReport } from '../../engines/registry.ts';
import { type CommandIo, say } from '../command-io.ts';
import { leaf } from './leaf.ts';

interface JsonOption {
  readonly json?: boolean;
}

/** `crossfade engines` and `crossfade engines fetch NAME`. */
export function addEngines(program: Command, io: CommandIo): void {
  const engines = leaf(
    program,
    'engines',
    'Which recognizers run on this machine, and how to get the others.',
    ['crossfade engines', 'crossfade engines fetch pocketsphinx'],
  ).action(async (options: JsonOption) => {
    const { engineReport } = await import('../../engines/registry.ts');
    const report = await engineReport();
    say(io, options.json === true, { json: { engines: report }, text: report.map(reportText).join('\n') });
  });
  leaf(engines, 'fetch <name>', "Download an engine into your own cache folder with apt's client; no root.", [
    'crossfade engines fetch pocketsphinx',
  ]).action(async (name: string, _options: JsonOption, command: Command) => {
    if (name !== 'pocketsphinx') {
      throw new CrossfadeError(
        'ENGINE_UNKNOWN',
        `Expected an engine that can be fetched (pocketsphinx), got "${name}".`,
      );
    }
    const folder = await fetchWithProgress((line) => io.err(line));
    // --json is an option of both commands, and commander gives it to the outer one.
    const json = command.optsWithGlobals<JsonOption>().json === true;
    say(io, json, { json: { engine: name, folder }, text: `pocketsphinx is ready in ${folder}.` });
  });
}

/** Fetches pocketsphinx, one line per phase; answers its folder. */
export async function fetchWithProgress(tell: (line: string) => void): Promise<string> {
  const { fetchPocketsphinx } = await import('../../engines/fetch-pocketsphinx.ts');
  let told = '';
  const { folder } = await fetchPocketsphinx({
    onProgress: ({ phase, message }) => {
      if (phase !== told && phase !== 'done') tell(`  ${message}`);
      told = phase;
    },
  });
  return folder;
}

function reportText({ name, description, ok, detail, remedy }: EngineReport): string {
  const state = ok ? `ready: ${detail}` : `missing: ${detail}`;
  return [`${name}`, `  ${description}`, `  ${state}`, ...(remedy === null ? [] : [`  ${remedy}`])].join(
    '\n',
  );
}
