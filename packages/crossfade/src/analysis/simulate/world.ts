import type { Random } from '@crossfade/sdk/core/random';
import type { UserKey } from '../sequential/user-filter.ts';
import { normal } from './random-variates.ts';
import { type Scenario, underIncident } from './scenario.ts';
import type { ServiceModel, UserTraits } from './traffic.ts';

const dayMinutes = 24 * 60;
/** Traffic swings by this share of its mean between day and night. */
const swing = 0.6;
/** How long a shared incident lasts. */
const incidentMinutes = 45;

/** One session's side, and whose it is. */
export interface Arrival {
  readonly isCandidate: boolean;
  readonly user: UserKey | null;
  readonly traits: UserTraits | null;
}

/** A user who comes back, and the coin that decides the side: below the share, the candidate. It never changes. */
interface User {
  readonly coin: number;
  readonly user: UserKey;
  readonly traits: UserTraits;
}

/** Who comes when, and what the service does then. */
export class World {
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
      coin: random.next(),
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
  arrive(share: number): Arrival {
    if (this.#users.length === 0) {
      return { isCandidate: this.#random.next() < share, user: null, traits: null };
    }
    const { coin, user, traits } = this.#users[Math.floor(this.#random.next() ** 2 * this.#users.length)]!;
    return { isCandidate: coin < share, user, traits };
  }

  serviceAt(minute: number, isCandidate: boolean): ServiceModel {
    const { service, candidate, onsetMinute } = this.#scenario;
    const isHurt = this.#incidents.some((at) => minute >= at && minute < at + incidentMinutes);
    if (isCandidate && minute >= onsetMinute) return isHurt ? this.#hurtCandidate : candidate;
    return isHurt ? this.#hurt : service;
  }
}
