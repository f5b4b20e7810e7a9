import type { Weighted } from './bounds.ts';

/** Values at or above this share one bin, so that a histogram cannot grow without end: 24 hours in ms. */
export const histogramValueMax = 86_400_000;

/**
 * Counts of whole numbers, merged by addition. A value is rounded down, so that `below a whole limit` is judged
 * exactly; latencies are recorded in whole milliseconds, for them nothing is lost at all.
 */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(value: number, count = 1): void {
    if (count <= 0) return;
    const bin = Math.min(histogramValueMax, Math.max(0, Math.floor(value)));
    this.#counts.set(bin, (this.#counts.get(bin) ?? 0) + count);
    this.#total += count;
  }

  merge(other: Histogram): void {
    for (const [value, count] of other.#counts) this.add(value, count);
  }

  /** Values with their counts, smallest first. */
  entries(): readonly Weighted[] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /** The value at a rank, 1 being the smallest; null when there are not so many. */
  atRank(rank: number): number | null {
    let seen = 0;
    for (const [value, count] of this.entries()) {
      seen += count;
      if (seen >= rank) return value;
    }
    return null;
  }

  /** Nearest-rank quantile: the smallest value that at least this share does not exceed. Null of nothing. */
  quantile(share: number): number | null {
    return this.#total === 0 ? null : this.atRank(Math.max(1, Math.ceil(share * this.#total)));
  }

  get max(): number | null {
    return this.#total === 0 ? null : this.atRank(this.#total);
  }

  /** How many values satisfy a condition. */
  count(satisfies: (value: number) => boolean): number {
    let sum = 0;
    for (const [value, count] of this.#counts) if (satisfies(value)) sum += count;
    return sum;
  }
}
