/**
 * A stretch of wall time in which nobody looked, or nobody was heard, and reports were still on their way; and how long the
 * silence itself was. Absent where an older program wrote it: all of the stretch.
 */
export type Gap = readonly [fromMs: number, toMs: number, silentMs?: number];

/** A silence longer than an exposure lease outlasts it: who would get the candidate is served control by then. */
export const leaseGapMs = 60_000;

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

  /** Goes on with what was remembered. */
  restore(gaps: readonly Gap[]): void {
    this.#gaps = [...gaps];
  }

  /** Nothing counts between two moments. What lies before the end of the last gap is known already; the silence is not. */
  miss(fromMs: number, toMs: number, silentMs = toMs - fromMs): void {
    const from = Math.max(fromMs, this.#gaps.at(-1)?.[1] ?? fromMs);
    if (toMs > from) this.#gaps = [...this.#gaps, [from, toMs, silentMs] as const].slice(-gapsMax);
  }

  /**
   * Whether a session began in a gap whose silence outlasted the leases, by the time of its start and of its report. Control
   * goes on there and the candidate gets nobody. One that was reported before the gap began has a clock that is ahead.
   */
  isOneSided(startedAtMs: number, receivedAtMs: number): boolean {
    return this.#gaps.some(
      ([fromMs, toMs, silentMs = toMs - fromMs]) =>
        silentMs > leaseGapMs && startedAtMs >= fromMs && startedAtMs < toMs && receivedAtMs >= fromMs,
    );
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
