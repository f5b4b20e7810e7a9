import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketCount, type Share } from './ruleset.ts';
import { allocationOf, bucketsOfPercent, setAdmission, setAllocation, type Allocation } from './shares.ts';
import { validateRuleset } from './validate.ts';

const variants = ['control', 'a', 'b', 'c', 'd'] as const;
const nobody: Share = { share: bucketCount, slices: [] };

/** Who each bucket belongs to: 0 is the default. */
function owners(share: Share): Uint8Array {
  const table = new Uint8Array(bucketCount);
  for (const { variant, start, end } of share.slices) {
    for (let bucket = start; bucket < end; bucket++) {
      if (table[bucket] !== 0) throw new Error(`bucket ${bucket} belongs to two variants`);
      table[bucket] = variants.indexOf(variant as (typeof variants)[number]);
    }
  }
  return table;
}

/** From whom to whom buckets moved, and how many. */
function moves(before: Share, after: Share): Map<string, number> {
  const [from, to] = [owners(before), owners(after)];
  const counts = new Map<string, number>();
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    if (from[bucket] === to[bucket]) continue;
    const move = `${variants[from[bucket] ?? 0]}>${variants[to[bucket] ?? 0]}`;
    counts.set(move, (counts.get(move) ?? 0) + 1);
  }
  return counts;
}

/** Random allocations of 1 to 4 variants beside the default that fit together. */
const allocation = fc
  .tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.integer({ min: 0, max: bucketCount }), { minLength: 4, maxLength: 4 }),
  )
  .map(([count, cuts]): Allocation => {
    const sorted = [0, ...cuts.slice(0, count).sort((x, y) => x - y)];
    return Object.fromEntries(
      sorted.slice(1).map((cut, at) => [variants[at + 1] ?? '', cut - (sorted[at] ?? 0)]),
    );
  });
const history = fc.array(allocation, { minLength: 1, maxLength: 6 });

function walk(steps: readonly Allocation[]): Share {
  const none = { a: 0, b: 0, c: 0, d: 0 };
  return steps.reduce((share, step) => setAllocation(share, { ...none, ...step }), nobody);
}

test('after any history each variant holds exactly the buckets asked for, none twice, all inside', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const share = walk(steps);
      const wanted = Object.entries(steps.at(-1) ?? {}).filter(([, count]) => count > 0);
      expect(allocationOf(share)).toEqual(Object.fromEntries(wanted));
      const variantNames = Object.fromEntries(variants.map((name) => [name, name]));
      const flag = {
        variants: variantNames,
        defaultVariant: 'control',
        enabled: true,
        salt: 's',
        rules: [{ id: 'r', serve: share }],
      };
      validateRuleset({ schema: 'crossfade.ruleset/1', revision: 1, flags: { flag }, audiences: {} });
    }),
    { numRuns: 60 },
  );
});

test('raising one variant moves only buckets of the default, and exactly as many as asked', () => {
  fc.assert(
    fc.property(
      history,
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (steps, variant, part) => {
        const before = walk(steps);
        const counts = allocationOf(before);
        const held = counts[variant] ?? 0;
        const free = bucketCount - Object.values(counts).reduce((sum, count) => sum + count, 0);
        const extra = Math.floor(free * part);
        const moved = moves(before, setAllocation(before, { [variant]: held + extra }));
        expect([...moved]).toEqual(extra === 0 ? [] : [[`control>${variant}`, extra]]);
      },
    ),
    { numRuns: 60 },
  );
});

test('lowering takes out the last who came in: a raise taken back leaves everybody where they were', () => {
  fc.assert(
    fc.property(
      history,
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
      (steps, variant, parts) => {
        const before = walk(steps);
        const held = allocationOf(before)[variant] ?? 0;
        let share = before;
        const undo: Share[] = [];
        for (const part of parts) {
          undo.push(share);
          const counts = allocationOf(share);
          const free = bucketCount - Object.values(counts).reduce((sum, count) => sum + count, 0);
          share = setAllocation(share, { [variant]: (counts[variant] ?? 0) + Math.floor(free * part) });
        }
        for (const earlier of undo.reverse()) {
          share = setAllocation(share, { [variant]: allocationOf(earlier)[variant] ?? 0 });
          expect(moves(earlier, share).size).toBe(0);
        }
        const lowered = setAllocation(share, { [variant]: Math.floor(held / 2) });
        expect([...moves(share, lowered).keys()]).toEqual(held === 0 ? [] : [`${variant}>control`]);
      },
    ),
    { numRuns: 40 },
  );
});

test('raising one while lowering another takes what was on the default first', () => {
  const before = setAllocation(nobody, { a: 60_000, b: 10_000 });
  const after = setAllocation(before, { a: 20_000, b: 45_000 });
  expect(Object.fromEntries(moves(before, after))).toEqual({
    'a>control': 35_000,
    'control>b': 30_000,
    'a>b': 5_000,
  });
});

test('the check of moves can fail: proportional slices, as others lay them out, move users between variants', () => {
  const proportional = (a: number, b: number): Share => ({
    share: bucketCount,
    slices: [
      { variant: 'a', start: 0, end: a },
      { variant: 'b', start: a, end: a + b },
    ],
  });
  expect(moves(proportional(10_000, 10_000), proportional(20_000, 10_000)).get('b>a')).toBe(10_000);
});

test('the admission grows and shrinks without touching who gets what', () => {
  const share = setAllocation({ share: 500, slices: [] }, { a: 50_000 });
  expect(setAdmission(share, 1_000)).toEqual({ ...share, share: 1_000 });
});

test('half a percent and a thousandth are exact; a fourth decimal is refused', () => {
  expect([0, 0.001, 0.5, 33.333, 99.999, 100].map(bucketsOfPercent)).toEqual([
    0, 1, 500, 33_333, 99_999, 100_000,
  ]);
  for (const percent of [0.0005, -1, 100.001, Number.NaN, Infinity]) {
    expect(() => bucketsOfPercent(percent)).toThrow(expect.objectContaining({ code: 'RULESET_INVALID' }));
  }
});

test.each([{ a: 100_001 }, { a: 60_000, b: 60_000 }, { a: -1 }, { a: 0.5 }, { a: Number.NaN }])(
  'an allocation of %j is refused',
  (wanted) => {
    expect(() => setAllocation(nobody, wanted)).toThrow(expect.objectContaining({ code: 'RULESET_INVALID' }));
  },
);
