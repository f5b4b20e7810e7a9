/** A stretch of wall time in which nobody looked, or nobody was heard, and reports were still on their way. */
export type Gap = readonly [fromMs: number, toMs: number];

/** Gaps that are remembered: one a day for years. The oldest go first, when their sessions have long matured. */
const gapsMax = 1_000;

/**
 * Wall time less the gaps in which nobody looked or was heard. Sessions mature in observed time: no report could arrive
 * in a gap, and a report that could not arrive is no failure.
 */
export class ObservedTime {
  #gaps: Gap[] = [];

  /** In order, none over another. */
  get gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** Goes on with what was remembered. An older program kept a third number of each, which nobody asks for. */
  restore(gaps: readonly Gap[]): void {
    this.#gaps = gaps.map(([fromMs, toMs]) => [fromMs, toMs]);
  }

  /** Nothing counts between two moments. What lies before the end of the last gap is known already. */
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
