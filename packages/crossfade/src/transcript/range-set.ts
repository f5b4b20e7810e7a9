/** A half-open range of samples. */
export interface SampleRange {
  readonly start: number;
  readonly end: number;
}

/** A union of half-open ranges, kept sorted and merged, so that what comes twice counts once. */
export class RangeSet {
  readonly #ranges: { start: number; end: number }[] = [];

  /** Adds a range and answers how many samples of it were new. */
  add(start: number, end: number): number {
    if (end <= start) return 0;
    // Nearly every range continues the last one: no search.
    const last = this.#ranges.at(-1);
    if (last === undefined || start > last.end) {
      this.#ranges.push({ start, end });
      return end - start;
    }
    const from = this.#firstTouching(start);
    let to = from;
    const merged = { start, end };
    let already = 0;
    for (; to < this.#ranges.length; to++) {
      const range = this.#ranges[to]!;
      if (range.start > end) break;
      already += Math.max(0, Math.min(range.end, end) - Math.max(range.start, start));
      merged.start = Math.min(merged.start, range.start);
      merged.end = Math.max(merged.end, range.end);
    }
    this.#ranges.splice(from, to - from, merged);
    return end - start - already;
  }

  get samples(): number {
    return this.#ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  }

  /** Samples of `[start, end)` that are in the set. */
  covered(start: number, end: number): number {
    let sum = 0;
    for (const range of this.#ranges)
      sum += Math.max(0, Math.min(range.end, end) - Math.max(range.start, start));
    return sum;
  }

  get ranges(): readonly SampleRange[] {
    return this.#ranges;
  }

  /** Index of the first range that ends at or after `start`. */
  #firstTouching(start: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]!.end < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Samples that two ranges share. */
export function overlapOf(a: SampleRange, b: SampleRange): number {
  return Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));
}
