/** Slabs that records are encoded into: large enough for 8 ms of 1,000 sessions, small enough to waste. */
const slabBytes = 256 * 1024;
/** Free slabs kept: what 1,000 sessions of 16 kHz have under way between two commits. The rest is the collector's. */
const freeSlabsMax = 32;

/**
 * Memory for records, used again once it is durable. New slabs would be 6 MB a second for 200 sessions, outside of the
 * JavaScript heap, and the collector answers such growth with a full collection: two a second, a third of the journal's cost.
 */
export class SlabPool {
  readonly #free: Buffer<ArrayBuffer>[] = [];

  /** A slab with room for at least so many bytes. Its content is arbitrary. */
  take(bytes: number): Buffer<ArrayBuffer> {
    if (bytes > slabBytes) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
  }

  /** Nobody reads the slab any more. */
  give(slab: Buffer<ArrayBuffer>): void {
    if (slab.length === slabBytes && this.#free.length < freeSlabsMax) this.#free.push(slab);
  }
}
