import type { Cancel, Clock } from '@crossfade/sdk/core/clock';

/** One life of a process: when it is killed, nothing of it goes on, at whatever instruction it was. */
export class Life {
  #alive = true;

  get isAlive(): boolean {
    return this.#alive;
  }

  kill(): void {
    this.#alive = false;
  }
}

/** The clock as one life sees it: its timers die with it. */
export function clockOf(clock: Clock, life: Life): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after(delayMs, task): Cancel {
      return clock.after(delayMs, () => {
        if (life.isAlive) task();
      });
    },
  };
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
