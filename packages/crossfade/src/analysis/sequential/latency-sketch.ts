import type { QuantileBucket } from './quantile-interval.ts';

/** Relative width of a bucket is twice this (DDSketch; Masson, Rim & Lee 2019): a shown quantile is off by 1 % at most. */
const relativeError = 0.01;
const lnGammaBase = Math.log((1 + relativeError) / (1 - relativeError));

/** A day: larger values share the last bucket. */
const valueMaxMs = 86_400_000;

/** At most this many fixed edges; the limit and the historical p50, p95 and p99 are four. */
const edgesMax = 7;
const keysPerIndex = edgesMax + 1;

/**
 * Counts of latencies in buckets that grow with the value, with exact edges where a decision needs them: at the limit
 * and at the historical quantiles. Merged by addition; about 1,100 buckets reach from 1 ms to a day.
 */
export class LatencySketch {
  readonly edgesMs: readonly number[];
  readonly #counts = new Map<number, number>();
  #total = 0;

  constructor(edgesMs: readonly number[] = []) {
    this.edgesMs = [...new Set(edgesMs)].sort((a, b) => a - b).slice(0, edgesMax);
  }

  get total(): number {
    return this.#total;
  }

  add(ms: number, count = 1): void {
    const key = this.#keyOf(ms);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    this.#total += count;
  }

  /** Adds what another sketch with the same edges saw. */
  merge(other: LatencySketch): void {
    for (const [key, count] of other.#counts) {
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
      this.#total += count;
    }
  }

  /** Buckets that hold something, smallest first. */
  buckets(): readonly QuantileBucket[] {
    return [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([key, count]) => ({ ...this.#rangeOf(key), count }));
  }

  /** Nearest-rank quantile, as the upper edge of its bucket: never flattered. Null of nothing. */
  quantile(share: number): number | null {
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const { upper, count } of this.buckets()) {
      left -= count;
      if (left <= 0) return upper;
    }
    return null;
  }

  /** Values at or above an edge, exact when it is one of `edgesMs`. */
  countFrom(edgeMs: number): number {
    return this.buckets().reduce((sum, { lower, count }) => sum + (lower >= edgeMs ? count : 0), 0);
  }

  toJSON(): readonly (readonly [key: number, count: number])[] {
    return [...this.#counts];
  }

  static fromJSON(
    edgesMs: readonly number[],
    counts: readonly (readonly [key: number, count: number])[],
  ): LatencySketch {
    const sketch = new LatencySketch(edgesMs);
    for (const [key, count] of counts) {
      sketch.#counts.set(key, count);
      sketch.#total += count;
    }
    return sketch;
  }

  /** Bucket index, then how many fixed edges inside the bucket the value has reached. Below 1 ms: bucket 0 alone. */
  #keyOf(value: number): number {
    const ms = Math.min(valueMaxMs, value);
    const index = ms < 1 ? 0 : Math.max(1, Math.ceil(Math.log(ms) / lnGammaBase));
    const from = index === 0 ? 0 : Math.exp((index - 1) * lnGammaBase);
    let reached = 0;
    for (const edge of this.edgesMs) if (edge > from && edge <= ms) reached += 1;
    return index * keysPerIndex + reached;
  }

  #rangeOf(key: number): { readonly lower: number; readonly upper: number } {
    const index = Math.floor(key / keysPerIndex);
    const reached = key % keysPerIndex;
    const from = index === 0 ? 0 : Math.exp((index - 1) * lnGammaBase);
    const to = index === 0 ? 1 : Math.exp(index * lnGammaBase);
    const inside = this.edgesMs.filter((edge) => edge > from && edge <= to);
    return { lower: inside[reached - 1] ?? from, upper: inside[reached] ?? to };
  }
}
