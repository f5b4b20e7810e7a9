import { seededRandom } from '@crossfade/sdk/core/random';
import { describe, expect, test } from 'vitest';
import { candidateArm } from '../sequential/cell-layout.ts';
import { EpochSums, outcomeWidth } from '../sequential/epoch-sums.ts';
import { SumsEvidence } from '../sequential/evidence-window.ts';
import { restartMinutes, rollEvidence, startWeights } from '../sequential/roll-evidence.ts';
import { runCanary, simulatedSetups } from './canary-run.ts';
import { binomial, burst, logNormal, normal, poisson } from './random-variates.ts';
import { parseRegression } from './regression.ts';
import { healthyScenarios, regressedScenario } from './scenario.ts';
import { simulatePlan } from './simulate-plan.ts';
import { studyDetection, studyFalseRollback, studyFixedThresholds, studyProof } from './study.ts';
import { drawSession, healthyService, simulatedMetrics } from './traffic.ts';

const [same] = healthyScenarios;
const alpha = 0.05;

function meanOf(n: number, draw: () => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += draw();
  return sum / n;
}

describe('random variates', () => {
  test('have the means they are asked for', () => {
    const random = seededRandom(1);

    expect(meanOf(40_000, () => normal(random))).toBeCloseTo(0, 1);
    expect(meanOf(40_000, () => logNormal(random, 55, 1)) / 55).toBeCloseTo(1, 1);
    expect(meanOf(40_000, () => poisson(random, 7)) / 7).toBeCloseTo(1, 1);
    expect(meanOf(4_000, () => poisson(random, 300)) / 300).toBeCloseTo(1, 1);
    expect(meanOf(40_000, () => binomial(random, 20, 0.125)) / 2.5).toBeCloseTo(1, 1);
    expect(meanOf(40_000, () => burst(random, 2)) / 2).toBeCloseTo(1, 1);
    expect(burst(random, 1)).toBe(1);
  });
});

describe('the synthetic service', () => {
  test('has the rates it is described by', () => {
    const random = seededRandom(2);
    const outcomes = new Float64Array(simulatedMetrics.length * outcomeWidth);
    const sum = new Float64Array(outcomes.length);
    for (let i = 0; i < 100_000; i++) {
      drawSession(random, healthyService, outcomes);
      for (let j = 0; j < sum.length; j++) sum[j]! += outcomes[j]!;
    }
    const ratio = (metric: (typeof simulatedMetrics)[number]): number => {
      const at = simulatedMetrics.indexOf(metric) * outcomeWidth;
      return sum[at]! / sum[at + 1]!;
    };

    expect(ratio('error-rate') / 0.005).toBeCloseTo(1, 0);
    expect(ratio('capture-completeness') / 1.25e-4).toBeCloseTo(1, 0);
    expect(ratio('orphan-rate') / 1.5e-4).toBeCloseTo(1, 0);
    expect(ratio('duplicate-artifacts') / 2e-5).toBeCloseTo(1, 0);
    expect(ratio('finalization-latency')).toBeCloseTo(0.05, 2);
    expect(ratio('missed-tail') / 55).toBeCloseTo(1, 1);
  });
});

describe('simulated canaries', () => {
  test('the same seed gives the same run, another one another', () => {
    const setups = simulatedSetups(healthyService);
    const scenario = regressedScenario('errors ×5');
    const run = (seed: number) => runCanary({ scenario, setups, seed, alpha }).candidateSessions;

    expect(run(5)).toBe(run(5));
    expect(new Set([run(5), run(6), run(7)]).size).toBeGreaterThan(1);
  });

  test('a healthy one is not rolled back in half a day, asked every minute', () => {
    const { probability } = studyFalseRollback(same!, { runs: 4, seed: 3, alpha, minutes: 720 });

    expect(probability).toBe(0);
  });

  test.each([
    ['30 % of sessions dead', 15, /early-failure|error-rate|capture-completeness|dead-candidate/],
    ['errors ×5', 60, /error-rate/],
    ['finalization +60 %', 40, /finalization-latency/],
    ['tail ×2', 80, /missed-tail/],
    ['duplicates ×50', 300, /duplicate-artifacts/],
  ])('%s is rolled back within %d minutes, and the culprit named', (name, minutes, culprit) => {
    const found = studyDetection(regressedScenario(name), { runs: 5, seed: 4, alpha });

    expect(found.caught).toBe(1);
    expect(found.medianMinutes).toBeLessThanOrEqual(minutes);
    expect(Object.keys(found.culprits).join(' ')).toMatch(culprit);
  });

  test('the same canaries under fixed thresholds are nearly all rolled back: the twin that must fail', () => {
    const found = studyFixedThresholds(same!, { runs: 3, seed: 3, alpha, minutes: 720 });

    expect(found.slice(0, 2).map(({ probability }) => probability)).toEqual([1, 1]);
  });

  test('a quarter of an hour proves no rare metric', () => {
    const proven = studyProof(same!, { runs: 4, seed: 2, alpha, minutes: 15 });

    expect(proven.find(({ metric }) => metric === 'duplicate-artifacts')?.proven).toBe(0);
    expect(proven.find(({ metric }) => metric === 'missed-tail')?.proven).toBeGreaterThan(0.5);
  });

  test('a plan of several stages is simulated stage by stage, each an epoch of its own', () => {
    const report = simulatePlan({
      stages: [
        { share: 0.05, minutes: 120 },
        { share: 0.5, minutes: 120 },
        { share: 1, minutes: 60 },
      ],
      sessionsPerHour: 1_200,
      regressions: ['finalization-latency +60%', 'dead 30%'],
      runs: 4,
      seed: 1,
      alpha,
    });

    expect(report.falseRollback).toMatchObject({ probability: 0, runs: 4 });
    expect(report.detection.map(({ caught }) => caught)).toEqual([1, 1]);
    expect(report.plannedMinutes).toBe(300);
    expect(report.provable.find(({ metric }) => metric === 'duplicate-artifacts')?.provable).toBe(false);
  });
});

describe('a regression in words', () => {
  test('changes what it names', () => {
    expect(parseRegression('finalization-latency +25%').apply(healthyService).finalMsP95).toBe(1_525);
    expect(parseRegression('orphan-rate x10').apply(healthyService).orphanShare).toBeCloseTo(0.03, 10);
    expect(parseRegression('dead 30%').apply(healthyService).deadShare).toBe(0.3);
    expect(parseRegression('error-rate ×1000').apply(healthyService).flakyShare).toBe(1);
  });

  test.each(['', 'finalization-latency', 'speed +10%', 'orphan-rate x0', 'dead 130%', 'orphan-rate -5%'])(
    '"%s" is refused with a sentence that helps',
    (text) => {
      expect(() => parseRegression(text)).toThrow(
        /Expected a regression such as "finalization-latency \+25%"/,
      );
    },
  );
});

describe('evidence of a rollout', () => {
  test('start weights sum to one, whatever the horizon', () => {
    for (const horizon of [1, 120, 121, 2_880, 1e9]) {
      expect(startWeights(horizon).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 10);
    }
    expect(startWeights(2_880)).toHaveLength(24);
  });

  test('its ceiling is never below it', () => {
    const setups = simulatedSetups(healthyService);
    for (const scenario of [same!, regressedScenario('errors ×2'), regressedScenario('tail ×2')]) {
      runCanary({
        scenario,
        setups,
        seed: 9,
        alpha,
        judged: false,
        minutes: 400,
        onMinute: (minute, sums) => {
          const options = { minute, horizonMinutes: 400, coins: 'all' as const };
          const exact = rollEvidence([new SumsEvidence(setups, [sums])], options).lnE;
          const ceiling = rollEvidence([new SumsEvidence(setups, [sums], 'ceiling')], options).lnE;
          expect(ceiling).toBeGreaterThanOrEqual(exact - 1e-9);
          return false;
        },
      });
    }
  });

  test('before the first session it is below 1, and a start that has not begun counts as 1', () => {
    const setups = simulatedSetups(healthyService);
    const sums = new EpochSums(setups, { epoch: 1, share: 0.5 }, restartMinutes);
    const options = { minute: 0, horizonMinutes: 2_880, coins: 'all' as const };
    const { lnE } = rollEvidence([new SumsEvidence(setups, [sums])], options);

    // 0.3 for the restarts to come; of the 0.7 that have begun, the bets alone.
    expect(Math.exp(lnE)).toBeCloseTo(0.3 + 0.7 * 0.35, 6);
    expect(sums.units(candidateArm).assigned).toBe(0);
  });
});
