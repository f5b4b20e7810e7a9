import {
  betCount,
  coinBets,
  coinGain,
  expectedScore,
  limitBets,
  limitGain,
  scaledRule,
  scoreOf,
  type ScoreRule,
} from './bets.ts';
import { type ArmIndex, candidateArm, cellAt, cellWidth, column, controlArm } from './cell-layout.ts';
import type { Baseline, SequentialMetric } from './sequential-metrics.ts';
import { UserBuckets } from './user-buckets.ts';
import { UserFilter, type UserKey } from './user-filter.ts';

/** A metric with what is fixed about it before the canary. */
export interface MetricSetup {
  readonly metric: SequentialMetric;
  readonly baseline: Baseline;
  /** Latencies with a limit: a value this large or larger counts against it, ms. */
  readonly limitMs?: number;
}

/** A stretch of constant share. */
export interface EpochInfo {
  readonly epoch: number;
  /** The candidate's share among the sessions that a coin assigned, in (0, 1); null: no random control in this epoch. */
  readonly share: number | null;
  /** How the names of the rules begin whose shares are that coin; absent: every share is. */
  readonly coin?: string;
}

/** Numbers per metric in a session's outcomes: Y as compared, X, and Y against the limit. X = 0: does not enter. */
export const outcomeWidth = 3;

/** One session, as it enters the sums. */
export interface MaturedSession {
  readonly arm: ArmIndex;
  /** Null: a session without a user is a unit of its own. */
  readonly user: UserKey | null;
  /** `outcomeWidth` numbers for each metric of the setup, in its order. */
  readonly outcomes: Float64Array;
  /** False: it never reported, and `outcomes` say so. */
  readonly reported: boolean;
}

/** Wealth is multiplied up and its logarithm taken once a minute; sooner when a product nears the end of doubles. */
const productMax = 1e150;
const productMin = 1e-150;

/** Bets of one metric in one epoch. */
interface Bets {
  readonly limit: Float64Array | null;
  readonly coin: Float64Array | null;
}

export interface EpochSumsJson {
  readonly info: EpochInfo;
  readonly minute: number;
  readonly cells: readonly number[];
  readonly marks: readonly (readonly [restart: number, cells: readonly number[]])[];
  readonly units: readonly (readonly [assigned: number, ended: number])[];
  /** Sessions that reported, by arm. Absent in what was saved before they were counted: users that did, then. */
  readonly reported?: readonly number[];
  readonly users: string;
  readonly buckets: ReturnType<UserBuckets['toJSON']>;
}

/**
 * The sums of one epoch over a list of metrics: sessions are added minute by minute and forgotten. Beside the running
 * sums it keeps what they were at each restart, so that the window since any restart is a subtraction.
 */
export class EpochSums {
  readonly info: EpochInfo;
  readonly #setups: readonly MetricSetup[];
  readonly #restartMinutes: number;
  readonly #bets: readonly Bets[];
  readonly #rules: readonly ScoreRule[];
  #minute = -1;
  #cells: Float64Array;
  readonly #products: Float64Array;
  #hasProducts = false;
  #marks = new Map<number, Float64Array>();
  /** Users (or sessions without one) by arm: assigned and matured, and of these those that reported. */
  #units: [assigned: number, ended: number][] = [
    [0, 0],
    [0, 0],
  ];
  #reported: [control: number, candidate: number] = [0, 0];
  #users = new UserFilter();
  #buckets: UserBuckets;

  constructor(setups: readonly MetricSetup[], info: EpochInfo, restartMinutes: number) {
    this.info = info;
    this.#setups = setups;
    this.#restartMinutes = restartMinutes;
    this.#rules = setups.map(({ metric, baseline }) => scaledRule(metric.score, baseline.damage));
    this.#bets = setups.map((setup, i) => betsOf(setup, this.#rules[i]!, info.share));
    this.#cells = new Float64Array(setups.length * 2 * cellWidth);
    this.#products = new Float64Array(this.#cells.length).fill(1);
    this.#buckets = new UserBuckets(setups.length);
  }

  /** Distinct users of an arm: those assigned, and those of them that reported an end. */
  units(arm: ArmIndex): { readonly assigned: number; readonly ended: number } {
    const [assigned, ended] = this.#units[arm]!;
    return { assigned, ended };
  }

  /** Sessions of an arm that matured with a report of their end: the others are failures that nobody measured. */
  reported(arm: ArmIndex): number {
    return this.#reported[arm];
  }

  /** The minute that is being filled; −1 before the first. */
  get minute(): number {
    return this.#minute;
  }

  /** Begins a minute of the rollout. Minutes only grow; an earlier one goes into the current. */
  open(minute: number): void {
    if (minute <= this.#minute) return;
    this.#flush();
    if (this.#minute >= 0) {
      const from = Math.floor(this.#minute / this.#restartMinutes) + 1;
      const to = Math.floor(minute / this.#restartMinutes);
      for (let restart = from; restart <= to; restart++) this.#marks.set(restart, this.#cells.slice());
    }
    this.#minute = minute;
  }

  /** Adds a session of the open minute. */
  add({ arm, user, outcomes, reported }: MaturedSession): void {
    const isFirst = user === null || this.#users.add(user);
    if (reported) this.#reported[arm] += 1;
    if (isFirst) {
      const units = this.#units[arm]!;
      units[0] += 1;
      if (reported) units[1] += 1;
    }
    if (user !== null) this.#buckets.add(arm, user, isFirst, outcomes);
    const cells = this.#cells;
    for (let metric = 0; metric < this.#setups.length; metric++) {
      const y = outcomes[metric * outcomeWidth]!;
      const x = outcomes[metric * outcomeWidth + 1]!;
      const yLimit = outcomes[metric * outcomeWidth + 2]!;
      if (!(x > 0)) continue;
      const at = cellAt(metric, arm);
      cells[at + column.n]! += 1;
      if (y > 0) cells[at + column.events]! += 1;
      cells[at + column.sumY]! += y;
      cells[at + column.sumX]! += x;
      cells[at + column.sumYY]! += y * y;
      cells[at + column.sumXY]! += x * y;
      cells[at + column.sumXX]! += x * x;
      if (yLimit > 0) cells[at + column.limitEvents]! += 1;
      cells[at + column.limitY]! += yLimit;
      cells[at + column.limitYY]! += yLimit * yLimit;
      cells[at + column.limitXY]! += x * yLimit;
      if (isFirst) this.#bet(metric, arm, y, x, yLimit);
    }
  }

  #bet(metric: number, arm: ArmIndex, y: number, x: number, yLimit: number): void {
    const { limit, coin } = this.#bets[metric]!;
    const { metric: spec, baseline } = this.#setups[metric]!;
    const rule = this.#rules[metric]!;
    const at = cellAt(metric, arm);
    this.#hasProducts = true;
    if (limit !== null && arm === candidateArm) {
      this.#multiply(at + column.limitWealth, limit, limitGain(yLimit, x, spec.limit ?? 0, spec.unitMax));
    }
    if (coin === null) return;
    const share = this.info.share ?? 0;
    const score = {
      score: scoreOf(rule, y),
      expected: expectedScore(rule, x, baseline.scoreMean),
    };
    if (arm === controlArm) {
      this.#multiply(at + column.coinWealth, coin, coinGain('control', score, share, 0));
      return;
    }
    const { rollbackMargin } = spec;
    this.#multiply(at + column.coinWealth, coin, coinGain('candidate', score, share, rollbackMargin));
    this.#multiply(at + column.plainWealth, coin, coinGain('candidate', score, share, 0));
  }

  #multiply(at: number, bets: Float64Array, gain: number): void {
    const products = this.#products;
    for (let j = 0; j < betCount; j++) products[at + j]! *= 1 + bets[j]! * gain;
    // The first bet is the largest: its product is the farthest out.
    const farthest = products[at]!;
    if (farthest < productMin || farthest > productMax) this.#flush();
  }

  #flush(): void {
    if (!this.#hasProducts) return;
    const [cells, products] = [this.#cells, this.#products];
    for (let i = 0; i < products.length; i++) {
      const product = products[i]!;
      if (product === 1) continue;
      cells[i]! += Math.log(product);
      products[i] = 1;
    }
    this.#hasProducts = false;
  }

  /** The sums since a restart (0: since the rollout began), written into `into`. */
  since(restart: number, into: Float64Array): Float64Array {
    this.#flush();
    const cells = this.#cells;
    const mark = this.#marks.get(restart);
    if (mark === undefined) {
      // Either the epoch began after that restart, or the restart lies after the last minute of the epoch.
      if (this.#minute >= 0 && restart > Math.floor(this.#minute / this.#restartMinutes)) into.fill(0);
      else into.set(cells);
      return into;
    }
    for (let i = 0; i < cells.length; i++) into[i] = cells[i]! - mark[i]!;
    return into;
  }

  /** Numbers that `since` writes. */
  get width(): number {
    return this.#cells.length;
  }

  /** How much the sessions of returning users inflate the variance; 1 when nobody returned. */
  designEffect(metric: number, arm: ArmIndex, kind: 'compared' | 'limit'): number {
    return this.#buckets.designEffect(metric, arm, kind, this.#cells);
  }

  toJSON(): EpochSumsJson {
    this.#flush();
    return {
      info: this.info,
      minute: this.#minute,
      cells: [...this.#cells],
      marks: [...this.#marks].map(([restart, cells]) => [restart, [...cells]] as const),
      units: this.#units,
      reported: this.#reported,
      users: this.#users.toJSON(),
      buckets: this.#buckets.toJSON(),
    };
  }

  static fromJSON(setups: readonly MetricSetup[], restartMinutes: number, json: EpochSumsJson): EpochSums {
    const sums = new EpochSums(setups, json.info, restartMinutes);
    sums.#minute = json.minute;
    sums.#cells = Float64Array.from(json.cells);
    sums.#marks = new Map(json.marks.map(([restart, cells]) => [restart, Float64Array.from(cells)]));
    sums.#units = json.units.map(([assigned, ended]) => [assigned, ended]);
    const [control = 0, candidate = 0] = json.reported ?? json.units.map(([, ended]) => ended);
    sums.#reported = [control, candidate];
    sums.#users = UserFilter.fromJSON(json.users);
    sums.#buckets = UserBuckets.fromJSON(setups.length, json.buckets);
    return sums;
  }
}

function betsOf({ metric, baseline }: MetricSetup, rule: ScoreRule, share: number | null): Bets {
  return {
    limit: metric.limit === null ? null : Float64Array.from(limitBets(metric.limit, metric.unitMax)),
    coin: share === null ? null : Float64Array.from(coinBets(rule, baseline.scoreMean, share)),
  };
}
