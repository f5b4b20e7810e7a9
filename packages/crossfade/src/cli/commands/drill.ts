import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import { parseDurationMs } from '@crossfade/sdk/core/units';
import { type CommandIo, say } from '../command-io.ts';
import { type DrillProfile, drillPlan, drillProfiles, onlyCases } from '../drill/drill-plan.ts';
import { exitCode } from '../exit-code.ts';
import { interruptible } from '../interruptible.ts';
import { leaf } from './leaf.ts';

interface DrillCommandOptions {
  readonly json?: boolean;
  readonly profile: DrillProfile;
  readonly seed: number;
  readonly case?: readonly number[];
  readonly limit?: string;
  readonly keep?: boolean;
}

/** No new fault after this: `short` is over within 90 s, `long` goes through its whole plan. */
const limitOf: Readonly<Record<DrillProfile, string>> = { short: '68s', long: '2h' };

/** `crossfade drill`: break a real system on purpose, and count what is lost. */
export function addDrill(program: Command, io: CommandIo): void {
  leaf(
    program,
    'drill',
    'Kill, cut and fill what a real system stands on, and hold every session against the truth.',
    [
      'crossfade drill',
      'crossfade drill --profile long --seed 7 --json',
      'crossfade drill --profile short --seed 7 --case 4',
    ],
  )
    .addOption(
      new Option('--profile <name>', 'short: under 90 s; long: more than 300 gateway kills')
        .choices(drillProfiles)
        .default('short'),
    )
    .option('--seed <number>', 'of faults and speech', wholeNumber, 1)
    .option('--case <numbers>', 'only these cases of the plan, separated by commas', caseNumbers)
    .option('--limit <duration>', 'no new fault after this; the rest of the plan is reported as not run')
    .option('--keep', 'keep the data folders with logs, journal and records')
    .action(async ({ json = false, profile, seed, limit, ...options }: DrillCommandOptions) => {
      const { runDrill } = await import('../drill/run-drill.ts');
      const { drillText } = await import('../drill/drill-report.ts');
      const whole = drillPlan(profile, seed);
      const plan = options.case === undefined ? whole : onlyCases(whole, options.case);
      const run = (signal: AbortSignal) =>
        runDrill({
          profile,
          plan,
          limitMs: parseDurationMs(limit ?? limitOf[profile]),
          clock: systemClock,
          random: systemRandom,
          // With --json stdout is for the one object.
          tell: json ? io.err : io.out,
          keep: options.keep === true,
          signal,
        });
      // After the fault it is at: its processes stop and its data folder goes.
      const report = await interruptible(
        run,
        (name) => new CrossfadeError('USAGE', `The drill was stopped by ${name}.`),
      );
      const code = report.ok ? exitCode.ok : exitCode.failed;
      say(io, json, { json: report, text: drillText(report), code });
    });
}

function caseNumbers(text: string): readonly number[] {
  return text.split(',').map(wholeNumber);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 31) return value;
  throw new InvalidArgumentError('Expected a whole number.');
}
