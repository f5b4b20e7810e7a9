import { expect, test } from 'vitest';
import { bucketOf, bucketOfHash, seedsOf } from './bucket.ts';
import { bucketCount } from './ruleset.ts';

test('the lowest and the highest hash fall into the first and the last bucket', () => {
  expect(bucketOfHash(0)).toBe(0);
  expect(bucketOfHash(0xffffffff)).toBe(99_999);
});

test('every bucket is hit by 42,949 or 42,950 hashes, none by more', () => {
  // First hash of bucket b is ceil(b × 2^32 / 100,000); BigInt keeps the check exact.
  const firstHash = (bucket: number) => Number((BigInt(bucket) * 2n ** 32n + 99_999n) / 100_000n);
  const widths = new Set<number>();
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const first = firstHash(bucket);
    const end = firstHash(bucket + 1);
    widths.add(end - first);
    if (bucketOfHash(first) !== bucket || bucketOfHash(end - 1) !== bucket) {
      expect.fail(`hashes [${first}, ${end}) should be bucket ${bucket}`);
    }
  }
  expect(widths).toEqual(new Set([42_949, 42_950]));
});

/** Chi-square of a 10 × 10 table of two bucket functions over sequential users. */
function dependence(first: (key: string) => number, second: (key: string) => number): number {
  const users = 50_000;
  const table = new Array<number>(100).fill(0);
  for (let user = 0; user < users; user++) {
    const key = `user-${user}`;
    const cell = Math.floor(first(key) / 10_000) * 10 + Math.floor(second(key) / 10_000);
    table[cell] = (table[cell] ?? 0) + 1;
  }
  const expected = users / 100;
  return table.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
}

// With 99 degrees of freedom, a fair table exceeds 170 once in about 100,000.
const fairLimit = 170;

test('"in at all" and "which variant" are independent, and so are two salts', () => {
  for (const salt of ['transcriber', 'captions', 'ключ', '']) {
    const seeds = seedsOf(salt);
    const others = seedsOf(`${salt}-2`);
    expect(
      dependence(
        (key) => bucketOf(key, seeds.admission),
        (key) => bucketOf(key, seeds.variant),
      ),
    ).toBeLessThan(fairLimit);
    expect(
      dependence(
        (key) => bucketOf(key, seeds.admission),
        (key) => bucketOf(key, others.admission),
      ),
    ).toBeLessThan(fairLimit);
  }
});

test('the check of independence can fail: one hash used for both questions is caught', () => {
  const { admission } = seedsOf('transcriber');
  const hash = (key: string) => bucketOf(key, admission);
  expect(dependence(hash, hash)).toBeGreaterThan(100_000);
});

test('a salt cannot run into a key', () => {
  expect(bucketOf('c', seedsOf('ab').admission)).not.toBe(bucketOf('bc', seedsOf('a').admission));
});
