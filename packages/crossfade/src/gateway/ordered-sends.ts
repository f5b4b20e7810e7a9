interface Send {
  readonly run: () => void;
  isReady: boolean;
}

/** Sends to one client that keep their order though some of them wait for the disk. */
export class OrderedSends {
  readonly #waiting: Send[] = [];
  readonly #waitingMax: number;
  readonly #onFull: () => void;

  /** `onFull`: more than `waitingMax` wait. What does not fit is not sent. */
  constructor(waitingMax: number, onFull: () => void) {
    this.#waitingMax = waitingMax;
    this.#onFull = onFull;
  }

  /** At once, or after what waits. */
  send(run: () => void): void {
    if (this.#waiting.length === 0) run();
    else this.#wait({ run, isReady: true });
  }

  /** Not before `ready` resolves; when it rejects, neither this nor what waits behind it is ever sent. */
  sendAfter(ready: Promise<void>, run: () => void): void {
    const send: Send = { run, isReady: false };
    this.#wait(send);
    ready.then(
      () => {
        send.isReady = true;
        this.#sendReady();
      },
      () => {},
    );
  }

  #wait(send: Send): void {
    if (this.#waiting.length >= this.#waitingMax) this.#onFull();
    else this.#waiting.push(send);
  }

  #sendReady(): void {
    while (this.#waiting[0]?.isReady === true) this.#waiting.shift()!.run();
  }
}
