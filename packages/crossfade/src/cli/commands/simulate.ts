import Table from 'cli-table3';
import { type Command, InvalidArgumentError } from 'commander';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { formatDurationMs } from '@crossfade/sdk/core/units';
import type { SimulationReport } from '../../analysis/simulate/simulate-plan.ts';
import { type CommandIo, say } from '../command-io.ts';
import { readPlan } from '../read-plan.ts';
import { leaf } from './leaf.ts';

interface SimulateOptions {
  readonly json?: boolean;
  readonly sessionsPerHour: number;
  readonly regression: readonly string[];
  readonly runs: number;
  readonly seed: number;
  readonly alpha?: number;
}

/** A run of 48 hours takes about a second; more than this is a night's work for one core. */
const runsMax = 10_000;

/** `crossfade simulate PLAN`: what a plan can find and prove at a given traffic, before anybody is exposed. */
export function addSimulate(program: Command, io: CommandIo): void {
  leaf(
    program,
    'simulate <plan>',
    'Say before the start how often a plan would take back a healthy build, and how fast a bad one.',
    [
      'crossfade simulate examples/plan.yaml',
      'crossfade simulate examples/plan.yaml --sessions-per-hour 600 --regression "finalization-latency +25%" --runs 200 --json',
    ],
  )
    .option(
      '--sessions-per-hour <number>',
      'over both sides, in the mean of a day',
      number(1, 1_000_000),
      1_200,
    )
    .option('--regression <text>', 'what a bad build does; may be given again', collect, [])
    .option('--runs <number>', 'canaries simulated of each kind', number(1, runsMax), 20)
    .option('--seed <number>', 'the same seed gives the same report', number(0, 2 ** 31 - 1), 1)
    .option(
      '--alpha <number>',
      "worst-case chance of taking back a healthy build (default: the plan's)",
      share,
    )
    .action(async (file: string, options: SimulateOptions) => {
      const { simulatePlan } = await import('../../analysis/simulate/simulate-plan.ts');
      const { parseRegression } = await import('../../analysis/simulate/regression.ts');
      const plan = await readPlan(file);
      const stages = plan.stages
        .filter(({ shareBuckets }) => shareBuckets > 0)
        .map(({ shareBuckets, bakeMs }) => ({
          share: shareBuckets / bucketCount,
          minutes: Math.max(1, Math.round(bakeMs / 60_000)),
        }));
      if (stages.length === 0) {
        throw new CrossfadeError(
          'PLAN_INVALID',
          `Expected a stage with a share above 0 % in ${plan.name}, got audiences alone. There is nothing to compare.`,
        );
      }
      const regressions =
        options.regression.length === 0 ? ['finalization-latency +25%'] : options.regression;
      // Refuses what it cannot read before the long work is announced.
      for (const text of regressions) parseRegression(text);
      io.err(`Simulating ${options.runs} canaries of each kind; this takes a while.`);
      const { sessionsPerHour, runs, seed, alpha = plan.alpha } = options;
      const report = simulatePlan({ stages, sessionsPerHour, regressions, runs, seed, alpha });
      say(io, options.json === true, { json: report, text: reportText(report) });
    });
}

function reportText({ falseRollback, detection, provable, plannedMinutes }: SimulationReport): string {
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
  const minutes = (value: number | null): string =>
    value === null ? 'not in half the runs' : `${value} min`;
  const found = new Table({
    head: ['regression', 'caught', 'median', 'p95', 'candidate sessions'],
    // No colours: it may go into a pipe or a file.
    style: { head: [], border: [] },
  });
  for (const { regression, caught, medianMinutes, p95Minutes, medianCandidateSessions } of detection) {
    found.push([
      regression,
      percent(caught),
      minutes(medianMinutes),
      minutes(p95Minutes),
      medianCandidateSessions ?? '–',
    ]);
  }
  const proof = new Table({
    head: ['gate', 'proven by a healthy build', 'worth waiting for'],
    // No colours: it may go into a pipe or a file.
    style: { head: [], border: [] },
  });
  for (const gate of provable)
    proof.push([gate.metric, percent(gate.proven), gate.provable ? 'yes' : 'no: acceptance evidence']);
  return [
    `A healthy build is taken back in ${percent(falseRollback.probability)} of ${falseRollback.runs} runs (95 % sure: at most ${percent(falseRollback.upper95)}).`,
    `The plan bakes ${formatDurationMs(plannedMinutes * 60_000)} when nothing stops its clock.`,
    found.toString(),
    detectionPlot(detection),
    provable.length === 0 ? 'No stage has a control, so no gate can be proven live.' : proof.toString(),
  ].join('\n');
}

const plotWidth = 48;
const minutesMax = 4 * 48 * 60;

/** Median (=) and 95th percentile (-) of the minutes until a rollback, on a logarithmic scale. */
function detectionPlot(detection: SimulationReport['detection']): string {
  const width = Math.max(...detection.map(({ regression }) => regression.length));
  const column = (minutes: number): number =>
    Math.max(
      1,
      Math.round((plotWidth * Math.log(1 + Math.min(minutes, minutesMax))) / Math.log(1 + minutesMax)),
    );
  const lines = detection.map(({ regression, medianMinutes, p95Minutes }) => {
    const median = medianMinutes === null ? 0 : column(medianMinutes);
    const p95 = p95Minutes === null ? plotWidth : column(p95Minutes);
    const tail = p95Minutes === null ? '>' : '|';
    return `${regression.padEnd(width)}  ${'='.repeat(median)}${'-'.repeat(Math.max(0, p95 - median))}${tail}`;
  });
  const marks = [10, 60, 480, 2_880];
  const scale = marks.reduce((line, minutes) => `${line.padEnd(column(minutes) - 1)}|`, '');
  const names = `minutes, logarithmic: | at ${marks.join(', ')}; = until the median, - until the 95th percentile`;
  return [...lines, `${' '.repeat(width)}  ${scale}`, names].join('\n');
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

function share(text: string): number {
  const value = Number(text);
  if (value >= 0.0001 && value <= 0.5) return value;
  throw new InvalidArgumentError('Expected a number from 0.0001 to 0.5.');
}
