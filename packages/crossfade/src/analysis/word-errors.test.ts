import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalizeWords, normalizerRules, normalizerVersion } from './text-normalizer.ts';
import { addWordErrors, alignWords, noWordErrors, wordErrorRate } from './word-errors.ts';

describe(`the normalizer ${normalizerVersion}`, () => {
  test.each([
    ['Good morning, everybody!', 'good morning everybody'],
    ['[laughs] So (cough) <unk> it goes', 'so it goes'],
    ['Um, uh, well hmm mm-hmm', 'well'],
    ["She won't, can't and cannot", 'she will not can not and can not'],
    ["Let's go; y'all wanna?", 'let us go you all want to'],
    ['I’m gonna, you’ve gotta', 'i am going to you have got to'],
    ["they'd been; he'd done; he'd like", 'they had been he had done he would like'],
    ["it's been; it's late; that 's it", 'it has been it is late that is it'],
    ["the dog's bone, o'clock", 'the dogs bone oclock'],
    ["don't we're they'll", 'do not we are they will'],
    ['Mr. and Mrs. Smith, Dr. No, Prof. X', 'mister and missus smith doctor no professor x'],
    ['shoulda', 'should have'],
    ['1,000,000 at 3.5 %, v2.0.', '1000000 at 3.5 percent v2.0'],
    ['fifty per cent', '50 percent'],
    ['Café naïve', 'cafe naive'],
    ['twenty-one, twenty one, 21', '21 21 21'],
    ['one hundred and five; nine hundred', '105 900'],
    ['two thousand twenty six', '2026'],
    ['three million four hundred thousand and', '3400000 and'],
    ['nineteen eighty four', '19 84'],
    ['five five five', '5 5 5'],
    ['nobody at nine in a hundred', 'nobody at 9 in a hundred'],
    ['end of sentence.Next', 'end of sentence next'],
    ['', ''],
    ['…?!', ''],
  ])('makes %j into %j', (text, words) => {
    expect(normalizeWords(text).join(' ')).toBe(words);
  });

  test('has a name for each rule and changes nothing that it has made', () => {
    expect(new Set(normalizerRules.map(({ name }) => name)).size).toBe(normalizerRules.length);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const once = normalizeWords(text);
        for (const word of once) expect(word).not.toMatch(/[\s,!?]/);
      }),
    );
  });

  test('ends soon on hostile text', () => {
    for (const sign of ['(', '[', "'", 'a', '1,', 'h', 'um ', ' '])
      expect(normalizeWords(sign.repeat(50_000)).length).toBeLessThan(60_000);
  }, 5_000);
});

const rate = (said: string, heard: string): number | null =>
  wordErrorRate(alignWords(normalizeWords(said), normalizeWords(heard)).errors);

describe('word errors', () => {
  test.each([
    ['the cat sat', 'the cat sat', 0, 0, 0],
    ['the cat sat', 'the hat sat', 1, 0, 0],
    ['the cat sat', 'the sat', 0, 1, 0],
    ['the cat sat', 'the big cat sat', 0, 0, 1],
    ['a b c d', 'x b d', 1, 1, 0],
    ['', 'something', 0, 0, 1],
    ['something', '', 0, 1, 0],
  ])(
    'of %j heard as %j: %i swapped, %i missing, %i too many',
    (said, heard, substitutions, deletions, insertions) => {
      const words = (text: string): string[] => text.split(' ').filter(Boolean);
      const { errors } = alignWords(words(said), words(heard));
      expect(errors).toEqual({ substitutions, deletions, insertions, referenceWords: words(said).length });
    },
  );

  test('are pooled before a rate is taken', () => {
    const short = alignWords(['a'], ['b']).errors;
    const long = alignWords(Array(9).fill('a'), Array(9).fill('a')).errors;
    expect(wordErrorRate(addWordErrors(short, long))).toBe(0.1);
    expect(wordErrorRate(noWordErrors)).toBeNull();
  });

  test('do not count how a thing is written', () => {
    expect(rate("It's twenty-one o'clock, Mr. Smith!", 'it is 21 oclock mister smith')).toBe(0);
  });

  test('are symmetric in swaps, and never fewer than the difference of the lengths', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
    fc.assert(
      fc.property(text, text, (said, heard) => {
        const { errors, heardAt } = alignWords(said, heard);
        const sum = errors.substitutions + errors.deletions + errors.insertions;
        expect(sum).toBeGreaterThanOrEqual(Math.abs(said.length - heard.length));
        expect(sum).toBeLessThanOrEqual(Math.max(said.length, heard.length));
        const places = heardAt.filter((place) => place !== null);
        expect(places).toEqual([...new Set(places)].sort((x, y) => x - y));
      }),
    );
  });
});
