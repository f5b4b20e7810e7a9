/**
 * The probe code: which tones say which word.
 *
 * A word carries a 16-bit counter as four symbols of 4 bits and three check symbols (12 check bits) of a
 * Reed-Solomon code over GF(16). Any two words differ in at least four of their seven symbols, therefore
 * a splice on the symbol grid (first k symbols of one word, the rest of another) is never a third word:
 * it would have to differ from both in four places, and has seven in all.
 */

/** Counter values; a script that needs more words would repeat itself. */
export const wordCount = 65_536;
export const dataSymbols = 4;
export const codeSymbols = 7;

/**
 * Odd, so that it is reversible modulo 2^16: neighbours in the counter get unlike tones and unlike names.
 * 40,503 is 2^16 divided by the golden ratio, which spreads neighbours farthest.
 */
const spread = 40_503;
const unspread = inverseOf(spread);

/** Added to each place, so that a word shifted by one symbol is not a word too. */
const mask: readonly number[] = [0, 5, 10, 15, 3, 6, 9];

const parityRows = lagrangeRows();

/** The 16 bits that stand for a counter value. */
export function spreadWord(index: number): number {
  return Math.imul(index, spread) & 0xffff;
}

/** The counter value of the 16 bits. */
export function gatherWord(bits: number): number {
  return Math.imul(bits, unspread) & 0xffff;
}

/** The seven tones, each 0 to 15, of a counter value from 0 to 65,535. */
export function encodeWord(index: number): number[] {
  const bits = spreadWord(index);
  const data = [bits >> 12, (bits >> 8) & 15, (bits >> 4) & 15, bits & 15];
  return [...data, ...parityOf(data)].map((symbol, place) => symbol ^ (mask[place] as number));
}

/** The counter value that these seven tones say, or null when the check symbols do not agree. */
export function decodeWord(tones: readonly number[]): number | null {
  const symbols = tones.map((tone, place) => tone ^ (mask[place] as number));
  const data = symbols.slice(0, dataSymbols);
  const agrees = parityOf(data).every((symbol, i) => symbol === symbols[dataSymbols + i]);
  if (!agrees) return null;
  return gatherWord(data.reduce((bits, symbol) => (bits << 4) | symbol, 0));
}

function parityOf(data: readonly number[]): number[] {
  return parityRows.map((row) =>
    row.reduce((sum, factor, i) => sum ^ multiply(factor, data[i] as number), 0),
  );
}

/** The data are values of a cubic polynomial at the points 0 to 3; the check symbols are its values at 4 to 6. */
function lagrangeRows(): number[][] {
  const points = Array.from({ length: codeSymbols }, (_, point) => point);
  const known = points.slice(0, dataSymbols);
  return points
    .slice(dataSymbols)
    .map((x) =>
      known.map((xi) =>
        known
          .filter((xm) => xm !== xi)
          .reduce((factor, xm) => multiply(factor, multiply(x ^ xm, reciprocal(xi ^ xm))), 1),
      ),
    );
}

/** Product in GF(16) with the polynomial x^4 + x + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 4; bit++) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit = 6; bit >= 4; bit--) {
    if ((product >> bit) & 1) product ^= 0b10011 << (bit - 4);
  }
  return product;
}

function reciprocal(a: number): number {
  for (let b = 1; b < 16; b++) if (multiply(a, b) === 1) return b;
  throw new RangeError('Expected a number of GF(16) other than 0.');
}

function inverseOf(odd: number): number {
  // Newton's iteration doubles the right bits each time: 4 steps from 3 bits pass 16.
  let inverse = odd;
  for (let step = 0; step < 4; step++) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return inverse & 0xffff;
}
