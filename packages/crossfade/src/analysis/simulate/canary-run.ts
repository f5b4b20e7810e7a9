import { type Random, seededRandom } from '@crossfade/sdk/core/random';
import { baselineOf } from '../sequential/baseline.ts';
import { candidateArm, controlArm } from '../sequential/cell-layout.ts';
import { EpochSums, type MetricSetup, outcomeWidth } from '../sequential/epoch-sums.ts';
import { SumsEvidence } from '../sequential/evidence-window.ts';
import { afterSession, deadCandidate, guardsAtRest, silentCandidate } from '../sequential/guards.ts';
import { restartMinutes, rollEvidence } from '../sequential/roll-evidence.ts';
import { sequentialMetric, type SequentialMetricId } from '../sequential/sequential-metrics.ts';
import type { UserKey } from '../sequential/user-filter.ts';
import { normal, poisson } from './random-variates.ts';
import { type Scenario, underIncident } from './scenario.ts';
import {
  drawSession,
  healthyService,
  type ServiceModel,
  simulatedMetrics,
  type UserTraits,
} from './traffic.ts';

/** A bake of 48 hours. */
export const canaryMinutes = 48 * 60;

const minuteMs = 60_000;
const dayMinutes = 24 * 60;
/** Traffic swings by this share of its mean between day and night. */
const swing = 0.6;
/** How long a shared incident lasts. */
const incidentMinutes = 45;

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
  /** Default 48 hours. */
  readonly minutes?: number;
  /** Called after each minute; may stop the run by answering true. */
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
  readonly sums: EpochSums;
}

/** Runs one canary, asked every minute, until it is rolled back or over. The same seed gives the same run. */
export function runCanary(canary: CanaryOptions): CanaryResult {
  const { scenario, setups, seed, alpha, minutes = canaryMinutes, judged = true } = canary;
  const random = seededRandom(seed);
  const world = new World(scenario, random, minutes);
  const sums = new EpochSums(setups, { epoch: 1, share: scenario.share }, restartMinutes);
  const lnThreshold = Math.log(1 / alpha);
  const expectedGapMs = minuteMs / (scenario.sessionsPerMinute * scenario.share);
  let guards = guardsAtRest;
  let candidateSessions = 0;
  const outcomes = new Float64Array(setups.length * outcomeWidth);
  const done = (rolledBackAt: number | null, culprit: SequentialMetricId | null, guard: string | null) => ({
    rolledBackAt,
    culprit,
    guard,
    candidateSessions,
    sums,
  });

  for (let minute = 0; minute < minutes; minute++) {
    sums.open(minute);
    const sessions = poisson(random, world.rateAt(minute));
    for (let i = 0; i < sessions; i++) {
      const { isCandidate, user, traits } = world.arrive();
      const dead = drawSession(random, world.serviceAt(minute, isCandidate), outcomes, traits);
      sums.add({ arm: isCandidate ? candidateArm : controlArm, user, outcomes, reported: !dead });
      const endedAtMs = (minute + (i + 1) / (sessions + 1)) * minuteMs;
      guards = afterSession(guards, { arm: isCandidate ? 'candidate' : 'control', dead, endedAtMs });
      if (isCandidate && minute >= scenario.onsetMinute) candidateSessions += 1;
      if (judged && dead && deadCandidate(guards) !== null) return done(minute, null, 'dead-candidate');
    }
    if (canary.onMinute?.(minute, sums) === true) break;
    if (!judged) continue;
    const silence = { nowMs: (minute + 1) * minuteMs, share: scenario.share, expectedGapMs };
    if (silentCandidate(guards, silence) !== null) return done(minute, null, 'silent-candidate');
    const options = { minute, horizonMinutes: minutes, hasRandomControl: true };
    const ceiling = rollEvidence([new SumsEvidence(setups, [sums], 'ceiling')], options);
    if (ceiling.lnE < lnThreshold) continue;
    const evidence = rollEvidence([new SumsEvidence(setups, [sums])], options);
    if (evidence.lnE >= lnThreshold) return done(minute, evidence.culprit, null);
  }
  return done(null, null, null);
}

interface Arrival {
  readonly isCandidate: boolean;
  readonly user: UserKey | null;
  readonly traits: UserTraits | null;
}

interface User extends Arrival {
  readonly user: UserKey;
  readonly traits: UserTraits;
}

/** Who comes when, and what the service does then. */
class World {
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #phase: number;
  readonly #incidents: readonly number[];
  readonly #users: readonly User[];
  readonly #hurt: ServiceModel;
  readonly #hurtCandidate: ServiceModel;

  constructor(scenario: Scenario, random: Random, minutes: number) {
    this.#scenario = scenario;
    this.#random = random;
    this.#phase = random.next() * dayMinutes;
    this.#incidents = Array.from({ length: scenario.sharedIncidents }, () => random.next() * minutes);
    this.#users = Array.from({ length: scenario.returningUsers ?? 0 }, (_, i) => ({
      isCandidate: random.next() < scenario.share,
      user: { high: Math.floor(random.next() * 2 ** 32), low: i },
      traits: { speed: normal(random), luck: random.next() },
    }));
    this.#hurt = underIncident(scenario.service);
    this.#hurtCandidate = underIncident(scenario.candidate);
  }

  rateAt(minute: number): number {
    const phase = (2 * Math.PI * (minute + this.#phase)) / dayMinutes;
    return this.#scenario.sessionsPerMinute * (1 + swing * Math.sin(phase));
  }

  /** Users who return do so unevenly: a few come often (the square of a uniform number picks them). */
  arrive(): Arrival {
    if (this.#users.length === 0) {
      return { isCandidate: this.#random.next() < this.#scenario.share, user: null, traits: null };
    }
    return this.#users[Math.floor(this.#random.next() ** 2 * this.#users.length)]!;
  }

  serviceAt(minute: number, isCandidate: boolean): ServiceModel {
    const { service, candidate, onsetMinute } = this.#scenario;
    const isHurt = this.#incidents.some((at) => minute >= at && minute < at + incidentMinutes);
    if (isCandidate && minute >= onsetMinute) return isHurt ? this.#hurtCandidate : candidate;
    return isHurt ? this.#hurt : service;
  }
}
