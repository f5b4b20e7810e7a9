import { describe, expect, it } from 'vitest';
import { problemsOf, rowOf, tableMarkdown } from './mutant-table.ts';
import { type Dose, healthy, mutants, mutantScenarios } from './mutants.ts';
import type { MutantRun } from './run-mutant.ts';

const orphans = mutants.find(({ name }) => name === 'orphans')!;
const run = (dose: Dose, failed: MutantRun['failed'], problem: string | null = null): MutantRun => ({
  mutant: 'orphans',
  dose,
  seed: 1,
  failed,
  inconclusive: [],
  problem,
  values: {},
  tookMs: 1,
});
const rows = (full: readonly MutantRun[], half: readonly MutantRun[]) => [
  rowOf(orphans, 'full', full),
  rowOf(orphans, 'half', half),
];

describe('the table of mutants', () => {
  it('is as it must be when the fault and its companions fail, and nothing at half of the limit', () => {
    const found = rows([run('full', ['orphan-rate', 'capture-completeness'])], [run('half', [])]);
    expect(problemsOf(found)).toEqual([]);
    expect(tableMarkdown(found)).toContain('capture-completeness (1), missed-tail | 1 of 1 | 0 of 1');
  });

  it('is wrong when a fault is missed, another metric fails, half of the limit fails, or a run says nothing', () => {
    const problems = (full: MutantRun, half: MutantRun): readonly string[] =>
      problemsOf(rows([full], [half]));
    const good = run('full', ['orphan-rate']);
    expect(problems(run('full', []), run('half', []))).toEqual(['orphans (full): found in 0 of 1 runs']);
    expect(problems(run('full', ['orphan-rate', 'durability-loss']), run('half', []))).toHaveLength(1);
    expect(problems(good, run('half', ['orphan-rate']))).toHaveLength(1);
    expect(problems(good, run('half', [], 'it died'))).toEqual(['orphans (half): seed 1: it died']);
  });

  it('has a build for each fault, in scenarios that exist', () => {
    const scenarios = new Set(mutantScenarios.map(({ name }) => name));
    for (const { counts } of [...mutants, ...healthy])
      for (const name of Object.keys(counts)) expect(scenarios).toContain(name);
    expect(new Set([...mutants, ...healthy].map(({ name }) => name)).size).toBe(12);
  });
});
