/**
 * What a decision costs, as ratios of CPU time to a hand-written closure with murmur3 (the limit), beside flagd-core,
 * LaunchDarkly (its test data), Unleash and GrowthBook, all offline. Each row is a process of its own; rounds of all
 * rows take turns, and a figure is the median of its rounds. What a row answers is checked before and in each pass.
 *
 *   npm run bench:flags -- [--json] [--rounds 11] [--only crossfade]
 *
 * The other libraries have a lock file of their own, bench/flags/package-lock.json, and are installed on first use.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Measured } from './flags/row-process.ts';
import type { Scale } from './flags/scale-process.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : (process.argv[at + 1] ?? fallback);
};
const rounds = Number(option('rounds', '11'));
const only = option('only', '');
const isJson = process.argv.includes('--json');
const tell = (line: string): void => console.error(line);

/** CPU time of one round of one row, ms: long against a collection of garbage, short against a change of load. */
const roundMs = 100;
/** The first rounds are for the compiler. */
const warmUpRounds = 2;
const execArgv = ['--import', 'tsx'];

interface Row {
  readonly name: string;
  readonly child: ChildProcess;
  passes: number;
  readonly ns: number[];
}

async function startRow(name: string): Promise<Row> {
  const child = fork(here('./flags/row-process.ts'), [name], { execArgv });
  const [{ problems }] = (await once(child, 'message')) as [{ readonly problems: readonly string[] }];
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`);
  return { name, child, passes: 5, ns: [] };
}

async function measure(row: Row, isWarmUp: boolean): Promise<void> {
  row.child.send(row.passes);
  const ended = once(row.child, 'exit').then(() => Promise.reject(new Error(`${row.name} ended`)));
  const [{ ns }] = (await Promise.race([once(row.child, 'message'), ended])) as [Measured];
  if (!isWarmUp) row.ns.push(ns);
  row.passes = Math.max(1, Math.min(5_000, Math.round((roundMs * 1e6) / (ns * 10_000))));
}

async function decisions(): Promise<Readonly<Record<string, number>>> {
  const { rows: known } = await import('./flags/rows.ts');
  const names = Object.keys(known).filter((name) => name.startsWith('closure') || name.includes(only));
  const rows: Row[] = [];
  try {
    for (const name of names) rows.push(await startRow(name));
    for (let round = 0; round < rounds + warmUpRounds; round++) {
      tell(`round ${round + 1} of ${rounds + warmUpRounds}`);
      for (const row of rows) await measure(row, round < warmUpRounds);
    }
    return Object.fromEntries(rows.map(({ name, ns }) => [name, median(ns)]));
  } finally {
    for (const { child } of rows) child.kill();
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function scale(): Scale {
  const args = ['--expose-gc', ...execArgv, here('./flags/scale-process.ts')];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Scale;
}

/** Heap that a garbage collection leaves one time more, one time less; a byte kept of each decision would be 10 MB. */
const heapNoiseBytes = 200_000;

function barsOf(ns: Readonly<Record<string, number>>, measured: Scale) {
  const ratio = (row: string, to: string): number => (ns[row] ?? Number.NaN) / (ns[to] ?? Number.NaN);
  const atMost = (name: string, value: number, bar: number) => ({ name, value, bar, ok: value <= bar });
  const faster = ratio('flagd-core value', 'crossfade value');
  return [
    atMost('plain value against the closure', ratio('crossfade value', 'closure value'), 2),
    atMost('full result against the closure', ratio('crossfade result', 'closure value'), 4),
    atMost('leased value against the closure', ratio('crossfade, lease value', 'closure, lease value'), 2),
    atMost('leased result against the closure', ratio('crossfade, lease result', 'closure, lease value'), 4),
    { name: 'times faster than flagd-core, plain value', value: faster, bar: 5, ok: faster >= 5 },
    atMost('bytes of heap kept by 10,000,000 decisions', measured.heap.bytes, heapNoiseBytes),
  ];
}

function versions(): Readonly<Record<string, string>> {
  const { dependencies } = JSON.parse(readFileSync(here('./flags/package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return dependencies;
}

if (!existsSync(here('./flags/node_modules'))) {
  tell('installing the other libraries from bench/flags/package-lock.json');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here('./flags'), stdio: ['ignore', 2, 2] });
}
const loadBefore = loadavg()[0];
const ns = await decisions();
const measured = scale();
const bars = barsOf(ns, measured);
const machine = { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length };
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: { ...machine, loadBefore, loadAfter: loadavg()[0] },
  versions: versions(),
  rows: Object.entries(ns).map(([name, cost]) => ({
    name,
    ns: cost,
    ratio: cost / (ns['closure value'] ?? 1),
  })),
  scale: measured,
  bars: only === '' ? bars : bars.filter(({ value }) => !Number.isNaN(value)),
};
if (isJson) console.log(JSON.stringify(report));
else {
  for (const { name, ns: cost, ratio } of report.rows)
    console.log(`${name.padEnd(28)} ${cost.toFixed(1).padStart(8)} ns  ${ratio.toFixed(2).padStart(7)} ×`);
  const { evaluator, manager } = measured;
  console.log(`evaluator, ${evaluator.flags} flags: start ${evaluator.startMs.toFixed(1)} ms, apply ${evaluator.applyMs.toFixed(1)} ms`); // prettier-ignore
  console.log(`manager, ${manager.rollouts} rollouts: start ${manager.startMs.toFixed(1)} ms, revise ${manager.reviseMs.toFixed(1)} ms`); // prettier-ignore
  for (const { name, value, bar, ok } of report.bars)
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${value.toFixed(2)} (bar ${bar})`);
}
process.exitCode = report.bars.every(({ ok }) => ok) ? 0 : 1;
