import { seededRandom } from '@crossfade/sdk/core/random';
import { baselineOf } from '../sequential/baseline.ts';
import { candidateArm, controlArm } from '../sequential/cell-layout.ts';
import { EpochSums, type MetricSetup, outcomeWidth } from '../sequential/epoch-sums.ts';
import { SumsEvidence } from '../sequential/evidence-window.ts';
import {
  afterSession,
  deadCandidate,
  type EndedSession,
  guardsAtRest,
  silentCandidate,
} from '../sequential/guards.ts';
import { type Coins, type RollEvidence, restartMinutes, rollEvidence } from '../sequential/roll-evidence.ts';
import { sequentialMetric, type SequentialMetricId } from '../sequential/sequential-metrics.ts';
import { poisson } from './random-variates.ts';
import type { Scenario, SimulatedStage } from './scenario.ts';
import { drawSession, healthyService, type ServiceModel, simulatedMetrics } from './traffic.ts';
import { World } from './world.ts';

/** A bake of 48 hours. */
export const canaryMinutes = 48 * 60;

const minuteMs = 60_000;

/** Sessions of control before the canary, from which the baselines come. */
const historySessions = 20_000;

/** The metrics of the simulated service with baselines from its own history. */
export function simulatedSetups(service: ServiceModel, seed = 1): readonly MetricSetup[] {
  const random = seededRandom(seed);
  const history = Array.from({ length: historySessions }, () => {
    const outcomes = new Float64Array(simulatedMetrics.length * outcomeWidth);
    drawSession(random, service, outcomes);
    return outcomes;
  });
  return simulatedMetrics.map((id, metric) => {
    const spec = sequentialMetric(id);
    const rows = history.map((outcomes) => ({
      y: outcomes[metric * outcomeWidth]!,
      x: outcomes[metric * outcomeWidth + 1]!,
      yLimit: outcomes[metric * outcomeWidth + 2]!,
    }));
    const edge = id === 'finalization-latency' ? healthyService.finalMsP95 : undefined;
    return { metric: spec, baseline: baselineOf(spec, rows, edge) };
  });
}

export interface CanaryOptions {
  readonly scenario: Scenario;
  readonly setups: readonly MetricSetup[];
  readonly seed: number;
  readonly alpha: number;
  /** Of a scenario without stages; default 48 hours. */
  readonly minutes?: number;
  /** Called after each minute with the sums of the stage; may stop the run by answering true. */
  readonly onMinute?: (minute: number, sums: EpochSums) => boolean;
  /** False: sessions are summed and nothing rolls back. Default true. */
  readonly judged?: boolean;
}

/** What became of one simulated canary. */
export interface CanaryResult {
  /** Minute of the rollback; null when there was none. */
  readonly rolledBackAt: number | null;
  readonly culprit: SequentialMetricId | null;
  readonly guard: string | null;
  /** Candidate sessions since the onset of the regression. */
  readonly candidateSessions: number;
  /** One of each stage that began, the last one last. */
  readonly epochs: readonly EpochSums[];
}

/** Runs one canary, asked every minute, until it is rolled back or over. The same seed gives the same run. */
export function runCanary(options: CanaryOptions): CanaryResult {
  const { scenario, minutes = canaryMinutes } = options;
  const stages = scenario.stages ?? [{ share: scenario.share, minutes }];
  const canary = new Canary(options, stages);
  let from = 0;
  for (const stage of stages) {
    const result = canary.runStage(stage, from);
    if (result !== null) return result;
    from += stage.minutes;
  }
  return canary.result({ minute: null });
}

/** One rollout through its stages; each is an epoch of its own. */
class Canary {
  readonly #options: CanaryOptions;
  readonly #random;
  readonly #world: World;
  readonly #horizonMinutes: number;
  readonly #coins: Coins;
  readonly #lnThreshold: number;
  readonly #outcomes: Float64Array;
  readonly #epochs: EpochSums[] = [];
  #candidateSessions = 0;

  constructor(options: CanaryOptions, stages: readonly SimulatedStage[]) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#horizonMinutes = stages.reduce((sum, { minutes }) => sum + minutes, 0);
    const withControl = stages.filter(({ share }) => share < 1).length;
    this.#coins = withControl === 0 ? 'none' : withControl < stages.length ? 'some' : 'all';
    this.#world = new World(options.scenario, this.#random, this.#horizonMinutes);
    this.#lnThreshold = Math.log(1 / options.alpha);
    this.#outcomes = new Float64Array(options.setups.length * outcomeWidth);
  }

  /** The result when the rollout ended in this stage, else null. */
  runStage(stage: SimulatedStage, from: number): CanaryResult | null {
    const { setups, scenario, judged = true } = this.#options;
    const { share, minutes, traffic = 1 } = stage;
    // With everybody on the candidate there is no control: limits and guards only.
    const hasRandomControl = share < 1;
    const sums = new EpochSums(
      setups,
      { epoch: this.#epochs.length + 1, share: hasRandomControl ? share : null },
      restartMinutes,
    );
    this.#epochs.push(sums);
    const expectedGapMs = minuteMs / (scenario.sessionsPerMinute * traffic * share);
    let guards = guardsAtRest;
    for (let minute = from; minute < from + minutes; minute++) {
      const isDead = this.#runMinute(minute, stage, sums, (session) => {
        guards = afterSession(guards, session);
        return judged && session.dead && deadCandidate(guards) !== null;
      });
      if (isDead) return this.result({ minute, guard: 'dead-candidate' });
      if (this.#options.onMinute?.(minute, sums) === true) return this.result({ minute: null });
      if (!judged) continue;
      const silence = { nowMs: (minute + 1) * minuteMs, share, expectedGapMs };
      if (hasRandomControl && silentCandidate(guards, silence) !== null)
        return this.result({ minute, guard: 'silent-candidate' });
      const found = this.#judge(minute);
      if (found !== null) return this.result({ minute, culprit: found.culprit });
    }
    return null;
  }

  #runMinute(
    minute: number,
    { share, traffic = 1 }: SimulatedStage,
    sums: EpochSums,
    ended: (session: EndedSession) => boolean,
  ): boolean {
    const { onsetMinute } = this.#options.scenario;
    sums.open(minute);
    const sessions = poisson(this.#random, this.#world.rateAt(minute) * traffic);
    for (let i = 0; i < sessions; i++) {
      const { isCandidate, user, traits } = this.#world.arrive(share);
      const service = this.#world.serviceAt(minute, isCandidate);
      const dead = drawSession(this.#random, service, this.#outcomes, traits);
      const arm = isCandidate ? candidateArm : controlArm;
      sums.add({ arm, user, outcomes: this.#outcomes, reported: !dead });
      if (isCandidate && minute >= onsetMinute) this.#candidateSessions += 1;
      const endedAtMs = (minute + (i + 1) / (sessions + 1)) * minuteMs;
      if (ended({ arm: isCandidate ? 'candidate' : 'control', dead, endedAtMs })) return true;
    }
    return false;
  }

  /** The evidence when it is over the threshold, else null. Mostly its ceiling already tells. */
  #judge(minute: number): RollEvidence | null {
    const options = { minute, horizonMinutes: this.#horizonMinutes, coins: this.#coins };
    const { setups } = this.#options;
    const ceiling = rollEvidence([new SumsEvidence(setups, this.#epochs, 'ceiling')], options);
    if (ceiling.lnE < this.#lnThreshold) return null;
    const evidence = rollEvidence([new SumsEvidence(setups, this.#epochs)], options);
    return evidence.lnE >= this.#lnThreshold ? evidence : null;
  }

  result({
    minute,
    culprit = null,
    guard = null,
  }: {
    readonly minute: number | null;
    readonly culprit?: SequentialMetricId | null;
    readonly guard?: string | null;
  }): CanaryResult {
    return {
      rolledBackAt: minute,
      culprit,
      guard,
      candidateSessions: this.#candidateSessions,
      epochs: this.#epochs,
    };
  }
}
