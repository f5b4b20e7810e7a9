import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome, SessionRecord } from '../transcript/session-record.ts';
import type { SessionNote } from './session-notes.ts';

/** How one session leaves its arm by an order: when it must move, and what became of it. */
export class Departure {
  readonly order: Drain;
  #outcome: DrainOutcome;
  #moveBeforeMs: number | null = null;
  #pauseMs: number | null = null;

  constructor(order: Drain, outcome: DrainOutcome, pauseMs: number | null = null) {
    this.order = order;
    this.#outcome = outcome;
    this.#pauseMs = pauseMs;
  }

  /**
   * Of a session that the order finds away from its arm. What a milder order did (`before`) stands; where none is
   * known, a session that a rollback had moved was moved by this one, under a gateway before this.
   */
  static found(order: Drain, before: Departure | null, wasMoved: boolean): Departure {
    const moved = order.policy === 'cut' ? 'cut' : 'migrated';
    if (before === null) return new Departure(order, wasMoved ? moved : 'rescued');
    return new Departure(order, before.#outcome, before.#pauseMs);
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

  /** How long its user saw nothing new after the move; null: not moved, or nothing was shown yet. */
  get pauseMs(): number | null {
    return this.#pauseMs;
  }

  /** Something was shown after a pause. Answers whether it is the first after the move. */
  shownAfter(pauseMs: number): boolean {
    const isMoved = this.#outcome === 'migrated' || this.#outcome === 'cut';
    if (!isMoved || this.#pauseMs !== null) return false;
    this.#pauseMs = pauseMs;
    return true;
  }

  settle(outcome: DrainOutcome): void {
    this.#outcome = outcome;
    this.#moveBeforeMs = null;
  }

  /** What a gateway that comes after this one must know of it. */
  get note(): Extract<SessionNote, { readonly kind: 'departure' }> {
    const { order, outcome, pauseMs } = this;
    return { kind: 'departure', order, outcome, pauseMs };
  }

  get stamp(): NonNullable<SessionRecord['drain']> {
    return { id: this.order.id, policy: this.order.policy, outcome: this.#outcome };
  }
}
