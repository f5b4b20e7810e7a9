import { describe, expect, test } from 'vitest';
import { atLimitScenario, healthyScenarios, regressedScenario, walkScenario } from './scenario.ts';
import { studyDetection, studyFalseRollback, studyProof } from './study.ts';

const alpha = 0.05;

/** Scenarios of the usual size; six times the traffic takes minutes and stands in the table of the documentation. */
const affordable = [...healthyScenarios, walkScenario()].filter(
  ({ sessionsPerMinute }) => sessionsPerMinute <= 20,
);

describe('the bars of the judge, on fixed seeds', () => {
  test.each(affordable.map((scenario) => [scenario.name, scenario] as const))(
    'no healthy canary of 8 is rolled back in 48 hours: %s',
    (_name, scenario) => {
      expect(studyFalseRollback(scenario, { runs: 8, seed: 21, alpha }).probability).toBe(0);
    },
  );

  test.each([
    ['30 % of sessions dead', 6],
    ['errors ×2', 250],
    ['errors ×5', 28],
    ['finalization +25 %', 68],
    ['finalization +60 %', 15],
    ['missing audio ×12', 58],
    ['orphans ×10', 106],
    ['tail ×2', 39],
    ['duplicates ×50', 102],
  ])('%s is rolled back within %d minutes in the median', (name, minutes) => {
    const found = studyDetection(regressedScenario(name), { runs: 60, seed: 1, alpha });

    expect(found.caught).toBe(1);
    expect(found.medianMinutes).toBeLessThanOrEqual(minutes);
  });

  test('a regression at hour 24 is seen no slower than 1.8 times the same at minute 0', () => {
    const median = (onsetMinute: number): number =>
      studyDetection(regressedScenario('finalization +25 %', onsetMinute), { runs: 30, seed: 1, alpha })
        .medianMinutes ?? Infinity;

    expect(median(24 * 60) / median(0)).toBeLessThanOrEqual(1.8);
  });

  test('a healthy candidate proves every gate that the traffic can prove', () => {
    const proven = studyProof(healthyScenarios[0]!, { runs: 15, seed: 5, alpha });
    const gates = proven.filter(({ metric }) => metric !== 'early-failure');

    expect(gates.map(({ metric, proven: share }) => [metric, share])).toEqual(
      gates.map(({ metric }) => [metric, 1]),
    );
  });

  // Nothing is worse than control and nothing beyond a limit, by a hair: here alpha is spent if anywhere.
  test('both kinds of evidence of a walk at its limits stay within one error budget', () => {
    const { candidate } = atLimitScenario();
    const scenario = { ...walkScenario(), service: candidate, candidate };

    expect(studyFalseRollback(scenario, { runs: 40, seed: 3, alpha }).probability).toBeLessThanOrEqual(alpha);
  });

  // 5 % is expected; the documentation's table has runs enough for the bar of 8 %.
  test('a truth at the limit is seldom proven', () => {
    for (const { metric, proven } of studyProof(atLimitScenario(), { runs: 60, seed: 6, alpha })) {
      expect(proven, metric).toBeLessThanOrEqual(0.12);
    }
  });
});
