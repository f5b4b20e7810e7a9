import { CrossfadeError } from '../core/errors.ts';
import { bucketCount, type Share, type Slice } from './ruleset.ts';

/** How many buckets of 100,000 each variant holds. */
export type Allocation = Readonly<Record<string, number>>;

/** The buckets of a percentage with at most three decimals: 0.5 % is 500. Throws RULESET_INVALID on a finer one. */
export function bucketsOfPercent(percent: number): number {
  const buckets = Math.round((percent * bucketCount) / 100);
  // 1e-6 of a bucket is far below a fourth decimal and far above what floating point makes of a third.
  const exact = Math.abs((percent * bucketCount) / 100 - buckets) < 1e-6;
  if (!exact) throw refuse(`a percentage from 0 to 100 with at most three decimals, got ${percent}`);
  return wholeBuckets(buckets, 'the percentage');
}

/**
 * Sets how many buckets are "in at all". Growing it admits only keys that were outside, each with the
 * variant that its other hash gives; lowering it takes out the last who came in. The slices stay.
 */
export function setAdmission(share: Share, buckets: number): Share {
  return { ...share, share: wholeBuckets(buckets, 'the share') };
}

/** How many buckets of the second hash each variant of a share holds, of those who are in. */
export function allocationOf(share: Share): Allocation {
  const counts = new Map<string, number>();
  for (const { variant, start, end } of share.slices)
    counts.set(variant, (counts.get(variant) ?? 0) + end - start);
  return Object.fromEntries(counts);
}

/**
 * Gives each variant of `wanted` exactly that many buckets; variants that are not named keep theirs.
 *
 * A list of slices is a history: growth appends slices taken from the default, so it moves only keys that
 * were on the default; lowering cuts from the variant's last slice backwards, so the last who came in leave
 * first. When one call lowers a variant and raises another, the raised one takes what was free before, and
 * only when that is used up what the lowered one gave back. Throws RULESET_INVALID beyond 100,000 buckets.
 */
export function setAllocation(share: Share, wanted: Allocation): Share {
  const total = Object.values({ ...allocationOf(share), ...wanted }).reduce((sum, count) => sum + count, 0);
  for (const [variant, count] of Object.entries(wanted)) wholeBuckets(count, `"${variant}"`);
  if (total > bucketCount) throw refuse(`variants of together at most ${bucketCount} buckets, got ${total}`);

  const free = gapsBetween(share.slices);
  let slices = share.slices;
  const released: Range[] = [];
  for (const [variant, count] of Object.entries(wanted)) {
    const cut = lower(slices, variant, (allocationOf(share)[variant] ?? 0) - count);
    slices = cut.slices;
    released.push(...cut.released);
  }
  const supply = [...free, ...released.sort((a, b) => a.start - b.start)];
  for (const [variant, count] of Object.entries(wanted)) {
    slices = raise(slices, variant, count - (allocationOf(share)[variant] ?? 0), supply);
  }
  return { ...share, slices };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function refuse(expected: string): CrossfadeError {
  return new CrossfadeError('RULESET_INVALID', `Expected ${expected}.`);
}

function wholeBuckets(buckets: number, what: string): number {
  if (!Number.isInteger(buckets) || buckets < 0 || buckets > bucketCount) {
    throw refuse(`${what} as a whole number of buckets from 0 to ${bucketCount}, got ${buckets}`);
  }
  return buckets;
}

/** What no slice holds, from the lowest bucket up. */
function gapsBetween(slices: readonly Slice[]): Range[] {
  const gaps: Range[] = [];
  let from = 0;
  for (const { start, end } of slices.toSorted((a, b) => a.start - b.start)) {
    if (start > from) gaps.push({ start: from, end: start });
    from = end;
  }
  if (from < bucketCount) gaps.push({ start: from, end: bucketCount });
  return gaps;
}

/** Takes `excess` buckets from a variant, the youngest first. */
function lower(
  slices: readonly Slice[],
  variant: string,
  excess: number,
): { slices: Slice[]; released: Range[] } {
  const kept: Slice[] = [];
  const released: Range[] = [];
  let left = Math.max(0, excess);
  for (const slice of slices.toReversed()) {
    const cut = slice.variant === variant ? Math.min(left, slice.end - slice.start) : 0;
    left -= cut;
    if (cut > 0) released.push({ start: slice.end - cut, end: slice.end });
    if (cut < slice.end - slice.start) kept.push({ ...slice, end: slice.end - cut });
  }
  return { slices: kept.reverse(), released };
}

/** Gives `missing` buckets to a variant, from the front of `supply`, which it uses up. */
function raise(
  slices: readonly Slice[],
  variant: string,
  missing: number,
  supply: Range[],
): readonly Slice[] {
  const grown = [...slices];
  let left = missing;
  while (left > 0) {
    const range = supply.shift();
    if (range === undefined) throw refuse('enough free buckets');
    const end = Math.min(range.end, range.start + left);
    if (end < range.end) supply.unshift({ start: end, end: range.end });
    left -= end - range.start;
    append(grown, { variant, start: range.start, end });
  }
  return grown;
}

/** Appends, or lengthens the variant's youngest slice when the new one begins where that ends. */
function append(slices: Slice[], slice: Slice): void {
  const youngest = slices.findLastIndex((one) => one.variant === slice.variant);
  const last = slices[youngest];
  if (last !== undefined && last.end === slice.start) slices[youngest] = { ...last, end: slice.end };
  else slices.push(slice);
}
