import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import { parseDurationMs } from '@crossfade/sdk/core/units';
import { type CommandIo, say } from '../command-io.ts';
import { exitCode } from '../exit-code.ts';
import { interruptible } from '../interruptible.ts';
import { type DemoDefect, demoDefects } from '../demo/demo-system.ts';
import { engineWishes, type EngineWish } from '../demo/engine-choice.ts';
import { leaf } from './leaf.ts';
import { eventTeller } from './up.ts';

interface DemoCommandOptions {
  readonly json?: boolean;
  readonly engine: EngineWish;
  readonly sessions?: number;
  readonly seed: number;
  readonly defect: DemoDefect;
  readonly bake: string;
  readonly onlyDefect?: boolean;
  readonly keep?: boolean;
}

/** The plans of the demo bake this long on each stage. */
const planBake = '48h';
/** More speakers than this are a load test: two cores do not recognize that much speech in real time. */
const sessionsMax = 400;

/** `crossfade demo`: the whole job on this machine. */
export function addDemo(program: Command, io: CommandIo): void {
  leaf(
    program,
    'demo',
    'Roll a good build out and a bad one back, with live speech, in under four minutes.',
    [
      'crossfade demo',
      'crossfade demo --engine tone --sessions 60',
      'crossfade demo --defect lost-frames --seed 7 --json',
    ],
  )
    .addOption(new Option('--engine <name>', 'what recognizes').choices(engineWishes).default('auto'))
    .option(
      '--sessions <number>',
      'live sessions at once (default: 24 with speech, 40 with tones)',
      wholeNumber(1, sessionsMax),
    )
    .option('--seed <number>', 'of the traffic and of the defect', wholeNumber(0, 2 ** 31 - 1), 1)
    .addOption(
      new Option('--defect <name>', 'what is wrong with the bad build')
        .choices(demoDefects)
        .default('slow-finals'),
    )
    .option('--bake <duration>', `real time that stands for a bake of ${planBake}`, '14s')
    .option('--only-defect', 'leave the good build out: only the bad one is rolled out, and taken back')
    .option('--keep', 'keep the data folder with logs, journal and records')
    .action(async (options: DemoCommandOptions) => {
      const { runDemo } = await import('../demo/run-demo.ts');
      const { summaryText } = await import('../demo/summary-text.ts');
      const json = options.json === true;
      const run = (signal: AbortSignal) =>
        runDemo({
          wish: options.engine,
          ...(options.sessions === undefined ? {} : { lanes: options.sessions }),
          seed: options.seed,
          defect: options.defect,
          onlyDefect: options.onlyDefect === true,
          keep: options.keep === true,
          bakeClockSpeed: parseDurationMs(planBake) / bakeMs(options.bake),
          clock: systemClock,
          random: systemRandom,
          // With --json stdout is for the one object.
          tell: json ? io.err : io.out,
          onSystemEvent: eventTeller(io),
          signal,
        });
      // Its processes stop and its data folder goes.
      const summary = await interruptible(
        run,
        (name) =>
          new CrossfadeError(
            'INTERRUPTED',
            `The demo was stopped by ${name}; nothing of it is left running.`,
          ),
      );
      const code = summary.ok ? exitCode.ok : exitCode.failed;
      say(io, json, { json: summary, text: summaryText(summary), code });
    });
}

function bakeMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms >= 1_000 && ms <= parseDurationMs(planBake)) return ms;
  throw new CrossfadeError('USAGE', `Expected --bake between 1s and ${planBake}, got ${text}.`);
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
