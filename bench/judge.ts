/**
 * What the canary judge costs, and what it is worth on simulated canaries.
 *
 *   npx tsx bench/judge.ts                                cost: judging, records into aggregates, a simulated canary
 *   npx tsx bench/judge.ts false-rollback --runs 60       healthy canaries that are rolled back, by scenario
 *   npx tsx bench/judge.ts detection --runs 40            minutes until a regression is rolled back
 *   npx tsx bench/judge.ts proof --runs 100               gates proven at the end of 48 hours
 *   npx tsx bench/judge.ts thresholds --runs 40           the same healthy canaries under fixed thresholds
 *
 * `--seed N` draws other canaries, `--only TEXT` picks scenarios by name, `--alpha 0.01` a smaller error budget.
 */
import { seededRandom } from '../packages/sdk/src/core/random.ts';
import { recordOf } from '../packages/crossfade/src/analysis/record.fixture.ts';
import { candidateArm, controlArm } from '../packages/crossfade/src/analysis/sequential/cell-layout.ts';
import { EpochSums, outcomeWidth } from '../packages/crossfade/src/analysis/sequential/epoch-sums.ts';
import { SumsEvidence } from '../packages/crossfade/src/analysis/sequential/evidence-window.ts';
import { setupOf } from '../packages/crossfade/src/analysis/sequential/metric-setup.ts';
import { restartMinutes, rollEvidence } from '../packages/crossfade/src/analysis/sequential/roll-evidence.ts';
import { RolloutEvidence } from '../packages/crossfade/src/analysis/sequential/rollout-evidence.ts';
import { sequentialMetrics } from '../packages/crossfade/src/analysis/sequential/sequential-metrics.ts';
import {
  canaryMinutes,
  runCanary,
  simulatedSetups,
} from '../packages/crossfade/src/analysis/simulate/canary-run.ts';
import {
  atLimitScenario,
  healthyScenarios,
  regressedScenario,
  regressionNames,
  walkScenario,
} from '../packages/crossfade/src/analysis/simulate/scenario.ts';
import {
  studyDetection,
  studyFalseRollback,
  studyFixedThresholds,
  studyProof,
} from '../packages/crossfade/src/analysis/simulate/study.ts';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const mode = process.argv[2]?.startsWith('--') === false ? process.argv[2] : 'cost';
const only = option('only', '');
const study = {
  runs: Number(option('runs', '40')),
  seed: Number(option('seed', '1')),
  alpha: Number(option('alpha', '0.05')),
};
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** CPU milliseconds of the best of some rounds: the least disturbed one. */
function cpuMs(rounds: number, work: () => void): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1_000);
  }
  return best;
}

/** Twenty metrics over 48 hours of minutes: the sums are folded minute by minute, then judged once. */
function judgingCost(): void {
  const ended = sequentialMetrics.filter(({ window }) => window === 'ended');
  const setups = Array.from({ length: 20 }, (_, i) => setupOf(ended[i % ended.length]!.id));
  const random = seededRandom(1);
  const sums = new EpochSums(setups, { epoch: 1, share: 0.5 }, restartMinutes);
  const outcomes = new Float64Array(setups.length * outcomeWidth);
  for (let minute = 0; minute < canaryMinutes; minute++) {
    sums.open(minute);
    for (const arm of [candidateArm, controlArm]) {
      for (let i = 0; i < outcomes.length; i += outcomeWidth) {
        const isBad = random.next() < 0.05;
        outcomes.set([isBad ? 1 : 0, 10, isBad ? 1 : 0], i);
      }
      sums.add({ arm, user: null, outcomes, reported: true });
    }
  }
  const options = { minute: canaryMinutes, horizonMinutes: canaryMinutes, coins: 'all' } as const;
  const judge = (): unknown => rollEvidence([new SumsEvidence(setups, [sums])], options);
  for (let warm = 0; warm < 50; warm++) judge();
  const ms = cpuMs(5, () => {
    for (let i = 0; i < 10; i++) judge();
  });
  console.log(`judging 20 metrics over 48 h, 24 start times: ${(ms / 10).toFixed(2)} ms (bar 20 ms)`);
  const json = JSON.stringify(sums).length;
  console.log(`its sums as JSON: ${(json / 1e6).toFixed(2)} MB, whatever the number of sessions`);
}

/** Records into sums, one epoch, users of their own. */
function aggregateCost(): void {
  const count = 50_000;
  const metrics = sequentialMetrics.map(({ id }) => setupOf(id));
  const base = recordOf();
  const records = Array.from({ length: count }, (_, i) => ({
    ...base,
    sessionId: `session-${i}`,
    startedAtMs: i * 10,
    endedAtMs: i * 10 + 9_000,
    assignment: {
      ...base.assignment,
      arm: i % 2 === 0 ? ('candidate' as const) : ('control' as const),
      userHash: (i * 2_654_435_761).toString(16).padStart(16, '0').slice(-16),
    },
  }));
  const ms = cpuMs(5, () => {
    const setup = { originMs: 0, metrics, maturityMs: 60_000, earlyMaturityMs: 60_000 };
    const evidence = new RolloutEvidence(setup);
    evidence.openEpoch({ epoch: 1, share: 0.5 });
    records.forEach((record, i) => {
      evidence.recorded(record);
      if (i % 1_000 === 0) evidence.advance(record.endedAtMs);
    });
    evidence.advance(1e9);
  });
  const perSecond = Math.round((count / ms) * 1_000);
  console.log(
    `session records into aggregates: ${perSecond.toLocaleString('en')} a second and core (bar 50,000)`,
  );
}

function simulatorCost(): void {
  const [scenario] = healthyScenarios;
  const setups = simulatedSetups(scenario!.service);
  let seed = 1;
  const ms = cpuMs(5, () => {
    runCanary({ scenario: scenario!, setups, seed: seed++, alpha: 0.05 });
  });
  console.log(
    `a simulated canary of 48 h, 57,600 sessions, asked every minute: ${ms.toFixed(0)} ms (bar 500 ms)`,
  );
}

function chosen<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  return all.filter(({ name }) => name.includes(only));
}

switch (mode) {
  case 'cost':
    judgingCost();
    aggregateCost();
    simulatorCost();
    break;
  case 'false-rollback':
    for (const scenario of chosen([...healthyScenarios, walkScenario()])) {
      const { probability, upper95, runs } = studyFalseRollback(scenario, study);
      console.log(`| ${scenario.name} | ${percent(probability)} | ${percent(upper95)} | ${runs} |`);
    }
    break;
  case 'detection': {
    const late = ['errors ×5', 'finalization +25 %', 'tail ×2'].map((name) => ({
      ...regressedScenario(name, canaryMinutes / 2),
      name: `${name}, from hour 24`,
    }));
    for (const scenario of chosen([...regressionNames.map((name) => regressedScenario(name)), ...late])) {
      const found = studyDetection(scenario, study);
      const { caught, medianMinutes, p95Minutes, medianCandidateSessions, culprits } = found;
      const named = Object.entries(culprits)
        .sort(([, a], [, b]) => b - a)
        .map(([name, n]) => `${name} ${n}`)
        .join(', ');
      console.log(
        `| ${scenario.name} | ${percent(caught)} | ${medianMinutes} | ${p95Minutes} | ${medianCandidateSessions} | ${named} |`,
      );
    }
    break;
  }
  case 'proof':
    for (const scenario of chosen([healthyScenarios[0]!, atLimitScenario()])) {
      for (const { metric, proven, runs } of studyProof(scenario, study)) {
        console.log(`| ${scenario.name} | ${metric} | ${percent(proven)} | ${runs} |`);
      }
    }
    break;
  case 'thresholds':
    for (const scenario of chosen(healthyScenarios)) {
      for (const { tool, probability, runs } of studyFixedThresholds(scenario, study)) {
        console.log(`| ${scenario.name} | ${tool.name} | ${percent(probability)} | ${runs} |`);
      }
    }
    break;
  default:
    console.log(`Expected cost, false-rollback, detection, proof or thresholds, got ${mode}.`);
    process.exitCode = 2;
}
