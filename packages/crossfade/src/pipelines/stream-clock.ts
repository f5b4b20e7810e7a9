/** A half-open range of samples. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * Two clocks: samples received from the client, and samples that reached the recognizer. They part where
 * audio was lost between; this maps the second to the first, so that a result never claims lost audio.
 */
export class StreamClock {
  #received = 0;
  #fed = 0;
  /** Samples lost before everything that can still be asked for. */
  #lostBefore = 0;
  /** Where audio was lost, on the recognizer's clock, in order. */
  #losses: { readonly at: number; readonly samples: number }[] = [];

  /** Samples that came from the client, lost ones included. */
  get received(): number {
    return this.#received;
  }

  /** Samples that reached the recognizer. */
  get fed(): number {
    return this.#fed;
  }

  feed(samples: number): void {
    this.#received += samples;
    this.#fed += samples;
  }

  lose(samples: number): void {
    this.#received += samples;
    const last = this.#losses.at(-1);
    if (last?.at === this.#fed) {
      this.#losses[this.#losses.length - 1] = { at: last.at, samples: last.samples + samples };
    } else this.#losses.push({ at: this.#fed, samples });
  }

  /** The received ranges that the recognizer's range `[start, end)` is made of, in order; none when it is empty. */
  piecesOf(start: number, end: number): Piece[] {
    const pieces: Piece[] = [];
    let lost = this.#lostBefore;
    let from = start;
    for (const { at, samples } of this.#losses) {
      if (at >= end) break;
      if (at > from) pieces.push({ start: from + lost, end: at + lost });
      from = Math.max(from, at);
      lost += samples;
    }
    if (end > from) pieces.push({ start: from + lost, end: end + lost });
    return pieces;
  }

  /** Nothing before this sample of the recognizer's clock will be asked for again. */
  forget(before: number): void {
    while (this.#losses.length > 0 && this.#losses[0]!.at < before) {
      this.#lostBefore += this.#losses.shift()!.samples;
    }
  }
}
