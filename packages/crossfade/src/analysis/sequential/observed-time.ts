/** A stretch of wall time in which nobody looked. */
export type Gap = readonly [fromMs: number, toMs: number];

/** Gaps that are remembered: one a day for years. The oldest go first, when their sessions have long matured. */
const gapsMax = 1_000;

/**
 * Wall time less the gaps in which nobody looked. Sessions mature in observed time: while nobody looked no report could
 * arrive, and a report that could not arrive is no failure.
 */
export class ObservedTime {
  #gaps: Gap[] = [];

  /** In order, none over another. */
  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** Goes on with what was remembered. */
  restore(gaps: readonly Gap[]): void {
    this.#gaps = [...gaps];
  }

  /** Nobody looked between two moments. What lies before the end of the last gap is known already. */
  miss(fromMs: number, toMs: number): void {
    const from = Math.max(fromMs, this.#gaps.at(-1)?.[1] ?? fromMs);
    if (toMs > from) this.#gaps = [...this.#gaps, [from, toMs] as const].slice(-gapsMax);
  }

  /** The moment since which `ms` of observed time had passed at `atMs`. */
  before(atMs: number, ms: number): number {
    let [untilMs, leftMs] = [atMs, ms];
    for (const [fromMs, toMs] of this.#gaps.toReversed()) {
      if (fromMs >= untilMs) continue;
      const seenMs = Math.max(0, untilMs - toMs);
      if (seenMs >= leftMs) break;
      leftMs -= seenMs;
      untilMs = fromMs;
    }
    return untilMs - leftMs;
  }
}
