import { CrossfadeError } from '@crossfade/sdk/core/errors';

/** Commands that may wait: each takes milliseconds, so this many is a caller in a loop. */
const waitingMax = 1_000;

/** One command after the other; an urgent one goes before all that wait. */
export class CommandQueue {
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = false;
  #idle: Promise<void> = Promise.resolve();

  /** Runs `task` when its turn comes and answers as it does. */
  run<T>(task: () => Promise<T>, options: { readonly urgent?: boolean } = {}): Promise<T> {
    if (this.#waiting.length >= waitingMax && options.urgent !== true) {
      return Promise.reject(
        new CrossfadeError(
          'STORE_UNAVAILABLE',
          `Expected fewer than ${waitingMax} commands to wait. Try again later.`,
        ),
      );
    }
    const result = new Promise<T>((resolve, reject) => {
      const turn = (): Promise<void> => task().then(resolve, reject);
      if (options.urgent === true) this.#waiting.unshift(turn);
      else this.#waiting.push(turn);
    });
    if (!this.#running) this.#idle = this.#work();
    return result;
  }

  /** Resolves when nothing runs or waits. */
  async drained(): Promise<void> {
    await this.#idle;
  }

  async #work(): Promise<void> {
    this.#running = true;
    for (let turn = this.#waiting.shift(); turn !== undefined; turn = this.#waiting.shift()) await turn();
    this.#running = false;
  }
}
