/**
 * npm run sim: the controller in a simulated world in which everything goes wrong.
 *
 *   npm run sim -- --seed 7 [--long] [--trace 400]   that world again, with what happened in it
 *   npm run sim -- --minutes 2                       fresh worlds until one fails, or the time is over
 */
import { parseArgs } from 'node:util';
import { systemClock } from '@crossfade/sdk/core/clock';
import { below, systemRandom } from '@crossfade/sdk/core/random';
import { longSettingOf, settingOf } from '../test/sim/setting.ts';
import { World, type Outcome } from '../test/sim/world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    long: { type: 'boolean', default: false },
    trace: { type: 'string', default: '200' },
  },
});

function numberOf(text: string, what: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  console.error(`Expected ${what}, a number of 0 or more, got ${JSON.stringify(text)}.`);
  process.exit(2);
}

function run(seed: number, traceLines: number): Promise<Outcome> {
  const setting = values.long ? longSettingOf(seed) : settingOf(seed);
  return new World({ setting, traceLines }).run();
}

function tell({ seed, problems, seen, trace }: Outcome): void {
  console.log(trace.join('\n'));
  console.log(`\nseed ${seed}: ${JSON.stringify(seen)}`);
  for (const problem of problems) console.log(`BROKEN: ${problem}`);
  if (problems.length > 0) console.log(`Again: npm run sim -- --seed ${seed}${values.long ? ' --long' : ''}`);
}

const traceLines = numberOf(values.trace, '--trace');
if (values.seed !== undefined) {
  const outcome = await run(numberOf(values.seed, '--seed'), traceLines);
  tell(outcome);
  process.exitCode = outcome.problems.length === 0 ? 0 : 1;
} else {
  const untilMs = systemClock.monotonicMs() + numberOf(values.minutes ?? '1', '--minutes') * 60_000;
  let worlds = 0;
  while (systemClock.monotonicMs() < untilMs && process.exitCode !== 1) {
    const outcome = await run(below(systemRandom, 2 ** 31), traceLines);
    worlds++;
    if (outcome.problems.length === 0) continue;
    tell(outcome);
    process.exitCode = 1;
  }
  console.log(
    `${worlds} worlds, ${process.exitCode === 1 ? 'the last one broke a promise' : 'every promise kept'}.`,
  );
}
