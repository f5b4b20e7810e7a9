import { expect, test } from 'vitest';
import { SlabPool } from './slab-pool.ts';

test('a slab that was given back is used again, and its room is what was asked for', () => {
  const pool = new SlabPool();
  const slab = pool.take(100);
  expect(slab.length).toBeGreaterThanOrEqual(100);
  pool.give(slab);
  expect(pool.take(100)).toBe(slab);
  expect(pool.take(100)).not.toBe(slab);
});

test('a slab for a record that is larger than most is made for it and not kept', () => {
  const pool = new SlabPool();
  const large = pool.take(1_000_000);
  expect(large.length).toBe(1_000_000);
  pool.give(large);
  expect(pool.take(1_000_000)).not.toBe(large);
});

test('no more than a few megabytes are kept', () => {
  const pool = new SlabPool();
  const slabs = Array.from({ length: 100 }, () => pool.take(1));
  for (const slab of slabs) pool.give(slab);
  const again = Array.from({ length: 100 }, () => pool.take(1));
  expect(again.filter((slab) => slabs.includes(slab))).toHaveLength(32);
});
