import type { Clock } from '@crossfade/sdk/core/clock';

/** Messages that may wait behind a held one; a session makes a few in a second. */
const waitingMax = 4_096;

/**
 * Sends in order. A message may be held back (a defect does so); those behind it wait too, because finals
 * must arrive in the order of the audio.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #overflow: () => void;
  readonly #waiting: { readonly send: () => void; readonly dueMs: number }[] = [];
  #closed = false;

  /** `overflow`: called when too much waits; the owner ends the session. */
  constructor(clock: Clock, overflow: () => void) {
    this.#clock = clock;
    this.#overflow = overflow;
  }

  /** Runs `send` after everything before it, `holdMs` from now at the earliest. */
  put(send: () => void, holdMs = 0): void {
    if (this.#closed) return;
    if (this.#waiting.length === 0 && holdMs === 0) {
      send();
      return;
    }
    this.#waiting.push({ send, dueMs: this.#clock.monotonicMs() + holdMs });
    if (this.#waiting.length === 1) this.#wait();
    else if (this.#waiting.length > waitingMax) this.#overflow();
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  #wait(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#clock.after(Math.max(0, first.dueMs - this.#clock.monotonicMs()), () => {
      // Timers may fire a little early; then wait for the rest.
      while (this.#waiting.length > 0 && this.#waiting[0]!.dueMs <= this.#clock.monotonicMs()) {
        this.#waiting.shift()!.send();
      }
      if (!this.#closed) this.#wait();
    });
  }
}
