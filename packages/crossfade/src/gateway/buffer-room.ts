/** A session whose peer reads nothing keeps at least this much under way, so that it goes on when the peer does. */
const shareMin = 65_536;

/**
 * How much may wait in memory for peers that read slowly. Each one has a limit; all together have one too, and beyond it
 * nobody may have more than an equal share. What finds no room waits in the journal.
 */
export class BufferRoom {
  readonly #ownMax: number;
  readonly #totalMax: number;
  #total = 0;
  #share: number;

  constructor(ownMax: number, totalMax: number) {
    this.#ownMax = ownMax;
    this.#totalMax = totalMax;
    this.#share = ownMax;
  }

  /** Bytes that one peer may have waiting now. */
  get limit(): number {
    return this.#total < this.#totalMax ? this.#ownMax : this.#share;
  }

  /** All that waits: as it was counted last, and what was given since. */
  get total(): number {
    return this.#total;
  }

  /** Bytes that were given to a socket since the last count. */
  added(bytes: number): void {
    this.#total += bytes;
  }

  /** What really waits, counted a few times a second. */
  counted(waiting: readonly number[]): void {
    this.#total = waiting.reduce((sum, bytes) => sum + bytes, 0);
    const share = Math.floor(this.#totalMax / Math.max(1, waiting.length));
    this.#share = Math.min(this.#ownMax, Math.max(shareMin, share));
  }
}
