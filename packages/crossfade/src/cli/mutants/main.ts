/**
 * The suite's own test: `npm run mutants -- [--json] [--seeds N] [--first SEED] [--only NAME,NAME] [--workers N]`. Exit 0: every fault is
 * found and nothing else; 1: not so.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '@crossfade/sdk/core/errors';
import { problemsOf, rowOf, tableMarkdown } from './mutant-table.ts';
import { type Dose, healthy, type Mutant, mutants } from './mutants.ts';
import { type MutantRun, runMutant } from './run-mutant.ts';

interface Job {
  readonly mutant: string;
  readonly dose: Dose;
  readonly seed: number;
  /** Runs that said nothing before this one. */
  readonly tries: number;
}

/** A run that says nothing (the machine was too busy for it) is made again so often. */
const triesMax = 4;

const all: readonly Mutant[] = [...mutants, ...healthy];

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    workers: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});

if (process.send === undefined) await lead();
else work();

/** Hands jobs to workers until none is left, and prints the table. */
async function lead(): Promise<void> {
  const parts = values.only?.split(',') ?? [''];
  const chosen = all.filter(({ name }) => parts.some((part) => name.includes(part)));
  const jobs: Job[] = Array.from(
    { length: Number(values.seeds) },
    (_, i) => Number(values.first) + i,
  ).flatMap((seed) =>
    chosen.flatMap((mutant): Job[] =>
      dosesOf(mutant).map((dose) => ({ mutant: mutant.name, dose, seed, tries: 1 })),
    ),
  );
  const of = jobs.length;
  const runs: MutantRun[] = [];
  // Ctrl-C: no further runs, and a table of those that were.
  process.once('SIGINT', () => void jobs.splice(0));
  const worker = (): Promise<void> =>
    new Promise((resolve) => {
      const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
      let job = jobs.shift();
      const next = (): void => {
        if (job === undefined) child.kill();
        else child.send(job);
      };
      child.on('message', (run: MutantRun) => {
        const again = run.problem !== null && job !== undefined && job.tries < triesMax;
        if (again && job !== undefined) jobs.push({ ...job, tries: job.tries + 1 });
        else runs.push(run);
        tell(run, runs.length, of);
        job = jobs.shift();
        next();
      });
      child.on('exit', () => resolve());
      next();
    });
  await Promise.all(Array.from({ length: Number(values.workers) }, worker));
  const rows = chosen.flatMap((mutant) =>
    dosesOf(mutant).map((dose) =>
      rowOf(
        mutant,
        dose,
        runs.filter((run) => run.mutant === mutant.name && run.dose === dose),
      ),
    ),
  );
  const problems = [
    ...problemsOf(rows),
    ...(runs.length < of ? [`expected ${of} runs, got ${runs.length}`] : []),
  ];
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ seeds: Number(values.seeds), ok: problems.length === 0, problems, rows })}\n`
      : `${tableMarkdown(rows)}\n\n${problems.length === 0 ? 'As it must be.' : problems.join('\n')}\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function tell({ mutant, dose, seed, problem, failed, tookMs }: MutantRun, done: number, of: number): void {
  const found = problem ?? (failed.length === 0 ? 'nothing failed' : `failed ${failed.join(', ')}`);
  process.stderr.write(
    `${done} of ${of}: ${mutant} ${dose} seed ${seed}: ${found} (${Math.round(tookMs / 1_000)} s)\n`,
  );
}

/** What is healthy is so in any dose. */
function dosesOf(mutant: Mutant): readonly Dose[] {
  return mutant.fails.length === 0 ? ['full'] : ['full', 'half'];
}

function work(): void {
  // Ctrl-C reaches the whole group; the run under way is finished.
  process.on('SIGINT', () => undefined);
  process.on('message', (job: Job) => {
    const mutant = all.find(({ name }) => name === job.mutant) as Mutant;
    void runMutant(mutant, job.dose, job.seed)
      .catch((error: unknown): MutantRun => ({
        ...job,
        failed: [],
        inconclusive: [],
        problem: messageOf(error),
        values: {},
        tookMs: 0,
      }))
      .then((run) => process.send?.(run));
  });
}
