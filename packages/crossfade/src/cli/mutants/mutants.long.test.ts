import { describe, expect, it } from 'vitest';
import { problemsOf, rowOf } from './mutant-table.ts';
import { type Dose, healthy, type Mutant, mutants } from './mutants.ts';
import { runMutant } from './run-mutant.ts';

/** One seed of what is found within seconds; `npm run mutants` makes the whole table over 20. */
const seed = 1;
/** A run that says nothing, because the machine was busy, is made again. */
const triesMax = 3;
const quick = [...mutants, ...healthy].filter(
  ({ name }) => !['failed-recovery', 'repeated-entries'].includes(name),
);
/** At half of the limit processes that share a busy machine with other tests are too near to it. */
const halved = quick.filter(({ fails, system }) => fails.length > 0 && system === 'pipeline');

async function check(mutant: Mutant, dose: Dose): Promise<void> {
  let run = await runMutant(mutant, dose, seed);
  for (let tries = 1; run.problem !== null && tries < triesMax; tries++) {
    run = await runMutant(mutant, dose, seed);
  }
  expect(problemsOf([rowOf(mutant, dose, [run])])).toEqual([]);
}

describe('the suite, held against builds with one fault', () => {
  it.each(quick.map((mutant) => [mutant.about.full, mutant] as const))(
    'fails what %s on its metrics alone',
    (_about, mutant) => check(mutant, 'full'),
    240_000,
  );

  it.each(halved.map((mutant) => [mutant.about.half, mutant] as const))(
    'fails nothing of what %s',
    (_about, mutant) => check(mutant, 'half'),
    240_000,
  );
});
