import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SystemEvent } from '../supervisor/system.ts';

/** Waits for what happens to the processes of a system. */
export class ChildEvents {
  readonly #clock: Clock;
  readonly #waiters = new Set<(event: SystemEvent) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be told of every event of the system. */
  tell(event: SystemEvent): void {
    for (const waiter of [...this.#waiters]) waiter(event);
  }

  /** The next event of this child and type. Rejects with TIMEOUT after `limitMs`. */
  next(child: string, type: SystemEvent['type'], limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(limitMs, () => {
        this.#waiters.delete(waiter);
        reject(
          new CrossfadeError('TIMEOUT', `Expected ${child} to be ${type} within ${limitMs} ms, it was not.`),
        );
      });
      const waiter = (event: SystemEvent): void => {
        if (event.child !== child || event.type !== type) return;
        this.#waiters.delete(waiter);
        cancel();
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }
}
