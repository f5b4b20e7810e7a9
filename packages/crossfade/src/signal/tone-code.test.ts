import { describe, expect, it } from 'vitest';
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { codeSymbols, decodeWord, encodeWord, wordCount } from './tone-code.ts';
import { wordIndex, wordText } from './word-text.ts';

const everyIndex = Array.from({ length: wordCount }, (_, index) => index);

describe('the probe code', () => {
  it('gives every counter value its own seven tones, and reads them back', () => {
    const seen = new Set<string>();
    for (const index of everyIndex) {
      const tones = encodeWord(index);
      if (decodeWord(tones) !== index) expect.fail(`${index} reads ${decodeWord(tones)}`);
      seen.add(tones.join());
    }
    expect(seen.size).toBe(wordCount);
  });

  it('differs in at least four of seven tones between any two words', () => {
    // The code is linear but for a fixed mask, so the distances from one word are the distances from any.
    const origin = encodeWord(0);
    const distances = everyIndex.slice(1).map((index) => distance(encodeWord(index), origin));
    expect(Math.min(...distances.slice(0, 30_000))).toBe(4);
    expect(distances.every((each) => each >= 4)).toBe(true);
  });

  it('never reads a splice of two words on the symbol grid as a third word', () => {
    const random = seededRandom(1);
    for (let trial = 0; trial < 50_000; trial++) {
      const [one, other] = [below(random, wordCount), below(random, wordCount)];
      const kept = 1 + below(random, codeSymbols - 1);
      const spliced = [...encodeWord(one).slice(0, kept), ...encodeWord(other).slice(kept)];
      const read = decodeWord(spliced);
      if (read !== null && read !== one && read !== other)
        expect.fail(`${one} and ${other} spliced read ${read}`);
    }
  });

  it('would read splices as third words with fewer check symbols (twin)', () => {
    // One check symbol: the sum of the data. Distance 2 of 5, so splices slip through.
    const weak = (index: number): number[] => {
      const data = encodeWord(index).slice(0, 4);
      return [...data, data.reduce((sum, symbol) => sum ^ symbol, 0)];
    };
    const random = seededRandom(1);
    let slipped = 0;
    for (let trial = 0; trial < 2_000; trial++) {
      const [one, other] = [weak(below(random, wordCount)), weak(below(random, wordCount))];
      const spliced = [...one.slice(0, 2), ...other.slice(2)];
      const valid = spliced.reduce((sum, symbol) => sum ^ symbol, 0) === 0;
      if (valid && distance(spliced, one) > 0 && distance(spliced, other) > 0) slipped += 1;
    }
    expect(slipped).toBeGreaterThan(10);
  });

  it('refuses a word with up to three wrong tones', () => {
    const random = seededRandom(2);
    for (let trial = 0; trial < 5_000; trial++) {
      const tones = encodeWord(below(random, wordCount));
      for (const place of [0, 3, 6].slice(0, 1 + below(random, 3))) {
        tones[place] = (tones[place]! + 1 + below(random, 15)) % 16;
      }
      expect(decodeWord(tones)).toBeNull();
    }
  });
});

describe('pseudo-words', () => {
  it('name every counter value once and read back', () => {
    const names = new Set<string>();
    for (const index of everyIndex) {
      const text = wordText(index);
      names.add(text);
      if (wordIndex(text) !== index) expect.fail(`${text} reads ${wordIndex(text)}, not ${index}`);
    }
    expect(names.size).toBe(wordCount);
  });

  it('are pinned: a stored transcript keeps its meaning', () => {
    expect([0, 1, 2, 65_535].map(wordText)).toEqual(['babab', 'numul', 'gudov', 'kalan']);
  });

  it('refuse what is no pseudo-word', () => {
    for (const text of ['', 'bab', 'babax', 'BABAB', 'babab ', 'hello']) expect(wordIndex(text)).toBeNull();
  });
});

function distance(a: readonly number[], b: readonly number[]): number {
  return a.filter((symbol, place) => symbol !== b[place]).length;
}
