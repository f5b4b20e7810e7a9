import { expect, test } from 'vitest';
import { addWordErrors, normalizeWords, wordErrorRate, wordErrors } from './speech-score.fixture.ts';

test('case, punctuation and typographic apostrophes do not count', () => {
  expect(normalizeWords(' “Don’t panic,” she said: 42 ')).toEqual(["don't", 'panic', 'she', 'said', '42']);
});

test.each([
  ['one two three', 'one two three', 0],
  ['one two three', 'one too three', 1],
  ['one two three', 'one three', 1],
  ['one two three', 'one two and three', 1],
  ['one two three', '', 3],
  ['', 'one', 1],
  ['a b c d', 'b c d e', 2],
])('"%s" heard as "%s" has %i errors', (said, heard, errors) => {
  expect(wordErrors(said, heard).errors).toBe(errors);
});

test('rates are pooled over words, not averaged over sentences', () => {
  const pooled = addWordErrors([wordErrors('a', 'b'), wordErrors('a b c', 'a b c')]);
  expect(wordErrorRate(pooled)).toBe(0.25);
});

test('nothing said has no rate', () => {
  expect(wordErrorRate(wordErrors('', 'noise'))).toBeNull();
});
