interface Waiter {
  target: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Who waits until puts up to a number got somewhere: into the kernel, or onto the disk. */
export class PutWaiters {
  #waiting: Waiter[] = [];

  /** Resolves when `reached` says so. */
  until(target: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ target, resolve, reject });
    });
  }

  reached(put: number): void {
    if (!this.#waiting.some(({ target }) => target <= put)) return;
    const due = this.#waiting.filter(({ target }) => target <= put);
    this.#waiting = this.#waiting.filter(({ target }) => target > put);
    for (const { resolve } of due) resolve();
  }

  /** Whether somebody waits for no more than this. */
  wants(put: number): boolean {
    return this.#waiting.some(({ target }) => target <= put);
  }

  /** What they wait for was put again, up to this number. */
  movedTo(put: number): void {
    for (const waiter of this.#waiting) waiter.target = put;
  }

  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
