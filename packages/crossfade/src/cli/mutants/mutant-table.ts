import { type AcceptanceMetricId } from '../../acceptance/metric-ids.ts';
import type { Dose, Mutant } from './mutants.ts';
import type { MutantRun } from './run-mutant.ts';

/** One build in one dose, over all seeds. */
export interface MutantRow {
  readonly mutant: string;
  readonly dose: Dose;
  readonly about: string;
  readonly system: Mutant['system'];
  readonly mustFail: readonly AcceptanceMetricId[];
  readonly mayFail: readonly AcceptanceMetricId[];
  readonly seeds: number;
  /** Runs in which every metric that must fail did. */
  readonly detected: number;
  /** How often each metric failed. */
  readonly failed: Readonly<Partial<Record<AcceptanceMetricId, number>>>;
  /** Runs in which a metric failed that must not. */
  readonly wrong: number;
  readonly problems: readonly string[];
}

/** In full a build fails on what it must, at half of the limit on nothing. */
export function rowOf(mutant: Mutant, dose: Dose, runs: readonly MutantRun[]): MutantRow {
  const isFull = dose === 'full';
  const mustFail = isFull ? mutant.fails : [];
  const mayFail = isFull ? mutant.companions : [];
  const allowed = new Set<string>([...mustFail, ...mayFail]);
  const failed: Partial<Record<AcceptanceMetricId, number>> = {};
  for (const run of runs) for (const id of run.failed) failed[id] = (failed[id] ?? 0) + 1;
  return {
    mutant: mutant.name,
    dose,
    about: mutant.about[dose],
    system: mutant.system,
    mustFail,
    mayFail,
    seeds: runs.length,
    detected: runs.filter((run) => mustFail.every((id) => run.failed.includes(id))).length,
    failed,
    wrong: runs.filter((run) => run.failed.some((id) => !allowed.has(id))).length,
    problems: runs.flatMap(({ problem, seed }) => (problem === null ? [] : [`seed ${seed}: ${problem}`])),
  };
}

/** Rates below this fail the table: a fault that is seen by luck is not seen. */
export const detectionRateMin = 0.9;

/** What is wrong with a table; empty when it is as it must be. */
export function problemsOf(rows: readonly MutantRow[]): readonly string[] {
  return rows.flatMap((row) => {
    const name = `${row.mutant} (${row.dose})`;
    const rate = row.detected / row.seeds;
    return [
      ...(row.mustFail.length > 0 && rate < detectionRateMin
        ? [`${name}: found in ${row.detected} of ${row.seeds} runs`]
        : []),
      ...(row.wrong > 0 ? [`${name}: failed wrongly in ${row.wrong} of ${row.seeds} runs`] : []),
      ...row.problems.map((problem) => `${name}: ${problem}`),
    ];
  });
}

/** The table as it stands in docs/acceptance.md. */
export function tableMarkdown(rows: readonly MutantRow[]): string {
  const head =
    '| Build | Must fail | May fail with it | Found | Failed at half of the limit |\n| --- | --- | --- | --- | --- |';
  const full = rows.filter(({ dose }) => dose === 'full');
  const lines = full.map((row) => {
    const half = rows.find(({ mutant, dose }) => mutant === row.mutant && dose === 'half');
    const found =
      row.mustFail.length === 0 ? `${row.wrong} of ${row.seeds} failed` : `${row.detected} of ${row.seeds}`;
    const halfText = half === undefined ? '' : `${half.wrong} of ${half.seeds} (${half.about})`;
    return `| ${row.about === 'nothing' ? row.mutant : row.about} | ${listed(row.mustFail)} | ${listed(row.mayFail, row.failed)} | ${found} | ${halfText} |`;
  });
  return [head, ...lines].join('\n');
}

function listed(ids: readonly AcceptanceMetricId[], counts: MutantRow['failed'] = {}): string {
  if (ids.length === 0) return 'nothing';
  return ids.map((id) => (counts[id] === undefined ? id : `${id} (${counts[id]})`)).join(', ');
}
