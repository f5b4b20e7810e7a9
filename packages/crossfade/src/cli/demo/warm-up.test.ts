import { expect, it } from 'vitest';
import { fittingLanes } from './warm-up.ts';

it('seats everybody on a machine with time to spare, fewer on a busy one, and never nobody', () => {
  expect([2_700, 4_000, 8_000, 16_000, 90_000].map((tookMs) => fittingLanes(24, tookMs))).toEqual([
    24, 24, 12, 8, 8,
  ]);
  expect(fittingLanes(3, 90_000)).toBe(3);
});
