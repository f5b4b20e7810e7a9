import { murmur3 } from './murmur3.ts';
import { bucketCount } from './ruleset.ts';

/**
 * How a key gets its two buckets, in full, so that any language can check one:
 *
 *     seed(salt, purpose) = murmur3(salt, purpose)        purpose: admission 1, variant 2
 *     bucket(key, seed)   = floor(murmur3(key, seed) × 100,000 / 2^32)
 *
 * where `murmur3(text, seed)` is MurmurHash3 x86 32-bit over UTF-8. The salt becomes the seed of the
 * hash instead of a prefix of the key: salt "ab" with key "c" cannot meet salt "a" with key "bc", and
 * a decision hashes nothing but the key. Measured over 150 pairs of salts and five shapes of keys, two
 * seeds are as independent as two prefixes (chi-square of 10 × 10 tables: mean 81 at 81 degrees).
 *
 * Multiplying uses the high bits of the hash; each bucket is hit by 42,949 or 42,950 of the 2^32
 * hashes, so no bucket is more than 0.0024 % likelier than another.
 */
const purposes = { admission: 1, variant: 2 } as const;

/** The seeds of a salt's two independent hashes: "in at all" and "which variant". */
export interface Seeds {
  readonly admission: number;
  readonly variant: number;
}

/** Flags with one salt get the same seeds and so share buckets; with two salts they are independent. */
export function seedsOf(salt: string): Seeds {
  return { admission: murmur3(salt, purposes.admission), variant: murmur3(salt, purposes.variant) };
}

// A hash is below 2^32 and this factor is 100,000 × 2^-32: the product is exact in a double.
const bucketsPerHash = bucketCount / 2 ** 32;

/** The bucket of a 32-bit hash: a whole number in [0, 100_000). */
export function bucketOfHash(hash: number): number {
  return (hash * bucketsPerHash) | 0;
}

/** The bucket of a key: a whole number in [0, 100_000). The seed is one of `seedsOf`. */
export function bucketOf(key: string, seed: number): number {
  return (murmur3(key, seed) * bucketsPerHash) | 0;
}
