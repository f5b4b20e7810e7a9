import { describe, expect, it } from 'vitest';
import { problemsOf, rowOf } from './mutant-table.ts';
import { type Dose, healthy, type Mutant, mutants } from './mutants.ts';
import { runMutant } from './run-mutant.ts';

/** A few seeds of what is found within seconds; `npm run mutants` has the whole table over 20. */
const seeds = [1, 2];
const quick = [...mutants, ...healthy].filter(
  ({ name }) => !['failed-recovery', 'repeated-entries'].includes(name),
);

async function check(mutant: Mutant, dose: Dose): Promise<void> {
  const runs = [];
  for (const seed of seeds) runs.push(await runMutant(mutant, dose, seed));
  expect(problemsOf([rowOf(mutant, dose, runs)])).toEqual([]);
}

describe('the suite, held against builds with one fault', () => {
  it.each(quick.map((mutant) => [mutant.about.full, mutant] as const))(
    'fails what %s on its metrics alone',
    (_about, mutant) => check(mutant, 'full'),
    240_000,
  );

  it.each(
    quick.filter(({ fails }) => fails.length > 0).map((mutant) => [mutant.about.half, mutant] as const),
  )('fails nothing of what %s', (_about, mutant) => check(mutant, 'half'), 240_000);
});
