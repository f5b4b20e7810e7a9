/** Uniform numbers in [0, 1). Handed in, so that a run can be replayed from its seed. */
export interface Random {
  next(): number;
}

/** A seeded generator (mulberry32): small, fast, good enough for faults and traffic; never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** The machine's own randomness. The only place that reads `Math.random`. */
export const systemRandom: Random = { next: () => Math.random() };

/** A whole number in the half-open range [0, n). */
export function below(random: Random, n: number): number {
  return Math.floor(random.next() * n);
}
