import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeSet } from './range-set.ts';

test('samples that come twice count once, whatever the order of the ranges', () => {
  const range = fc.tuple(fc.nat(60), fc.nat(12)).map(([start, length]) => ({ start, end: start + length }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), fc.nat(60), fc.nat(20), (ranges, from, length) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const { start, end } of ranges) {
        const sizeBefore = model.size;
        for (let sample = start; sample < end; sample++) model.add(sample);
        expect(set.add(start, end)).toBe(model.size - sizeBefore);
      }
      expect(set.samples).toBe(model.size);
      expect(set.covered(from, from + length)).toBe(
        [...model].filter((sample) => sample >= from && sample < from + length).length,
      );
      for (const [index, current] of set.ranges.entries()) {
        expect(current.end).toBeGreaterThan(current.start);
        if (index > 0) expect(current.start).toBeGreaterThan(set.ranges[index - 1]!.end);
      }
    }),
  );
});
