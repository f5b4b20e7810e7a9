import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome, SessionRecord } from '../transcript/session-record.ts';
import type { SessionNote } from './session-notes.ts';

type DepartureNote = Extract<SessionNote, { readonly kind: 'departure' }>;

/** How one session leaves its arm by an order: when it must move, and what became of it. */
export class Departure {
  readonly order: Drain;
  #outcome: DrainOutcome;
  #moveBeforeMs: number | null = null;
  #movedAtMs: number | null = null;
  #pauseMs: number | null;

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
    const departure = new Departure(order, before.#outcome, before.#pauseMs);
    departure.#movedAtMs = before.#movedAtMs;
    return departure;
  }

  /**
   * As a gateway that was killed left it. One whose session is still on its arm is under way again, whatever was to be
   * noted next; the move waits for no boundary, because nothing is being said to this gateway.
   */
  static restored(
    { order, outcome, pauseMs }: DepartureNote,
    isOnArm: boolean,
    wasMoved: boolean,
  ): Departure {
    if (!isOnArm) {
      // Killed between leaving and the note of it.
      return outcome === 'open'
        ? Departure.found(order, null, wasMoved)
        : new Departure(order, outcome, pauseMs);
    }
    const departure = new Departure(order, 'open');
    if (order.policy !== 'finish') departure.moveBefore(Number.NEGATIVE_INFINITY);
    return departure;
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

  /**
   * How long its user waited for text because of the move; null: not moved, nothing was shown yet, or the gateway that
   * moved it died before.
   */
  get pauseMs(): number | null {
    return this.#pauseMs;
  }

  /** A rollback moved it. */
  moved(outcome: 'migrated' | 'cut', atMs: number): void {
    this.settle(outcome);
    this.#movedAtMs = atMs;
  }

  /**
   * Text was shown whose first word was said at `saidAtMs`. Answers whether it is the first after the move. The wait
   * for what was said later begins there: who says nothing waits for nothing.
   */
  shown(saidAtMs: number, atMs: number): boolean {
    if (this.#movedAtMs === null || this.#pauseMs !== null) return false;
    // No audio since a restart of the gateway: nobody knows when it was said.
    const fromMs = Number.isFinite(saidAtMs) ? Math.max(this.#movedAtMs, saidAtMs) : this.#movedAtMs;
    this.#pauseMs = Math.max(0, Math.round(atMs - fromMs));
    return true;
  }

  settle(outcome: DrainOutcome): void {
    this.#outcome = outcome;
    this.#moveBeforeMs = null;
  }

  /** What a gateway that comes after this one must know of it. */
  get note(): DepartureNote {
    const { order, outcome, pauseMs } = this;
    return { kind: 'departure', order, outcome, pauseMs };
  }

  get stamp(): NonNullable<SessionRecord['drain']> {
    return { id: this.order.id, policy: this.order.policy, outcome: this.#outcome };
  }
}
