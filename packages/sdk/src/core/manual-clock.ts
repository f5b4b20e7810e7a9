import type { Cancel, Clock } from './clock.ts';

/** A clock that moves only when told: 48 hours pass in a test in milliseconds. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #nextId = 0;
  readonly #timers = new Map<number, { dueMs: number; task: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, task: () => void): Cancel {
    const id = this.#nextId++;
    this.#timers.set(id, { dueMs: this.#monotonicMs + Math.max(0, delayMs), task });
    return () => this.#timers.delete(id);
  }

  /** Moves both clocks on, running what falls due in order; equal times run in the order they were set. */
  advance(byMs: number): void {
    const endMs = this.#monotonicMs + byMs;
    for (;;) {
      let next: { id: number; dueMs: number; task: () => void } | undefined;
      for (const [id, timer] of this.#timers) {
        if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = { id, ...timer };
      }
      if (next === undefined) break;
      this.#timers.delete(next.id);
      this.#moveTo(Math.max(next.dueMs, this.#monotonicMs));
      next.task();
    }
    this.#moveTo(endMs);
  }

  /** Until the next task is due, ms; null when nothing waits. */
  nextInMs(): number | null {
    let dueMs = Infinity;
    for (const timer of this.#timers.values()) dueMs = Math.min(dueMs, timer.dueMs);
    return dueMs === Infinity ? null : Math.max(0, dueMs - this.#monotonicMs);
  }

  /** Steps the wall clock alone, as an administrator or NTP would. */
  stepWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
