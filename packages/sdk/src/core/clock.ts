/** A cancel function: calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

/**
 * Time as an argument. Wall time names moments in records; monotonic time measures
 * durations, because a wall clock may step. `after` is the one way to wait.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May step forwards and backwards. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start. Never goes back. */
  monotonicMs(): number;
  /** Run `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Cancel;
}

/** The machine's own clock. The only place that reads `Date.now`. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
