import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome, SessionRecord } from '../transcript/session-record.ts';

/** How one session leaves its arm by an order: when it must move, and what became of it. */
export class Departure {
  readonly order: Drain;
  #outcome: DrainOutcome;
  #moveBeforeMs: number | null = null;

  constructor(order: Drain, outcome: DrainOutcome) {
    this.order = order;
    this.#outcome = outcome;
  }

  get outcome(): DrainOutcome {
    return this.#outcome;
  }

  /** Moves at the next boundary, but not later than `atMs`. */
  moveBefore(atMs: number): void {
    this.#moveBeforeMs = atMs;
  }

  /** A boundary is reached, or `nowMs` is late enough. */
  mustMove(nowMs: number): boolean {
    return this.#moveBeforeMs !== null && nowMs >= this.#moveBeforeMs;
  }

  settle(outcome: DrainOutcome): void {
    this.#outcome = outcome;
    this.#moveBeforeMs = null;
  }

  get stamp(): NonNullable<SessionRecord['drain']> {
    return { id: this.order.id, policy: this.order.policy, outcome: this.#outcome };
  }
}
