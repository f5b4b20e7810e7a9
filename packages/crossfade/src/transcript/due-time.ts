/**
 * When each sample of a live session was due: `min over frames (arrival − offset) + offset`, where a frame's offset is
 * that of its end, because no frame can leave before its last sample was captured. The minimum is the least delayed
 * frame, so that a network's jitter is charged to latency and a clock difference is not.
 */
export class DueTime {
  readonly #sampleRate: number;
  #originMs = Number.POSITIVE_INFINITY;
  #firstArrivalMs: number | null = null;
  #lastArrivalMs = 0;
  #endSample = 0;

  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
  }

  /** A frame that ends at `endSample` arrived. */
  frame(endSample: number, arrivalMs: number): void {
    this.#originMs = Math.min(this.#originMs, arrivalMs - (endSample * 1_000) / this.#sampleRate);
    this.#firstArrivalMs ??= arrivalMs;
    this.#lastArrivalMs = arrivalMs;
    this.#endSample = Math.max(this.#endSample, endSample);
  }

  /** Due time of a sample, on the clock of the arrivals. */
  readonly dueMs = (sample: number): number => this.#originMs + (sample * 1_000) / this.#sampleRate;

  /**
   * Whether the audio came at the pace of real time. One part in ten is allowed for a sender that catches up after a
   * pause; a file sent as fast as it goes is far outside.
   */
  get realTime(): boolean {
    if (this.#firstArrivalMs === null) return true;
    const audioMs = (this.#endSample * 1_000) / this.#sampleRate;
    return this.#lastArrivalMs - this.#firstArrivalMs >= 0.9 * audioMs - 250;
  }
}
