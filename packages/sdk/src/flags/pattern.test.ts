import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../core/errors.ts';
import { compilePattern, patternTextLength } from './pattern.ts';

test.each([
  [
    '^.+@(acme|example)\\.com$',
    ['a@acme.com', 'x.y@example.com'],
    ['a@other.com', 'a@acme.com.evil', '@acme.com'],
  ],
  ['^user-\\d{3,5}$', ['user-123', 'user-12345'], ['user-12', 'user-123456', 'user-abc']],
  ['iPhone OS 1[0-4]_', ['Mozilla (iPhone OS 12_1)'], ['Mozilla (iPhone OS 15_1)']],
  ['[^\\s\\d]+', ['7 x'], ['7 8', '']],
  ['\\bbeta\\b', ['the beta build', 'beta'], ['alphabeta', 'betas']],
  ['^(a|b)*?c?$', ['', 'abab', 'abc'], ['abcc']],
  ['^Zo.$', ['Zoë', 'Zo😀'], ['Zo', 'Zo\n']],
  ['', ['anything', ''], []],
])('%j matches what it should and nothing else', (source, yes, no) => {
  const matches = compilePattern(source);
  expect(yes.filter((text) => !matches(text))).toEqual([]);
  expect(no.filter((text) => matches(text))).toEqual([]);
});

const piece = fc.constantFrom(
  'a',
  'b',
  'é',
  '😀',
  '.',
  '\\d',
  '\\W',
  '\\s',
  '[a-c]',
  '[^a]',
  '[\\D_-]',
  '1',
  ' ',
  '\\.',
  '\\b',
  '^',
  '$',
);
const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?');
const { tree } = fc.letrec<{ tree: string; leaf: string; sequence: string }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('sequence'), quantifier).map(([inner, times]) => `(${inner})${times}`),
    fc.tuple(tie('tree'), tie('tree')).map(([left, right]) => `(?:${left}|${right})`),
    tie('sequence'),
  ),
  leaf: fc.tuple(piece, quantifier).map(([one, times]) => (/^(\\b|\^|\$)$/.test(one) ? one : one + times)),
  sequence: fc.array(tie('tree'), { maxLength: 3 }).map((parts) => parts.join('')),
}));
const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'é', '😀', '1', '_', ' ', '.', '\n', '\ud800'), { maxLength: 8 })
  .map((parts) => parts.join(''));

function compiledOrTooLong(source: string): ((text: string) => boolean) | undefined {
  try {
    return compilePattern(source);
  } catch (error) {
    if (/at most (500 steps|512 characters)/.test((error as Error).message)) return undefined;
    throw error;
  }
}

test('answers what ECMAScript answers, for every pattern of the subset', () => {
  fc.assert(
    fc.property(tree, fc.array(text, { minLength: 4, maxLength: 4 }), (source, texts) => {
      const native = new RegExp(source, 'u');
      const ours = compiledOrTooLong(source);
      // Written out, one pattern in some thousands has more steps than we take; another one is drawn then.
      fc.pre(ours !== undefined);
      for (const one of texts)
        expect(ours?.(one), `/${source}/u on ${JSON.stringify(one)}`).toBe(native.test(one));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  '(a+)+$',
  '(a|a)*$',
  '(a|aa)+$',
  '(.*)*x',
  'a?'.repeat(80) + 'a'.repeat(80),
  '.*.*.*.*.*=',
  '(?:a{1,12}){1,12}b',
])('a pattern that explodes elsewhere ends at once: %s', (source) => {
  const startedMs = performance.now();
  compilePattern(source)(`${'a'.repeat(patternTextLength - 1)}!`);
  // Half a million plain steps; a backtracking matcher would need longer than the universe is old.
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});

test.each([
  ['(a)\\1', 'back-reference'],
  ['a(?=b)', 'look-around'],
  ['(?<!a)b', 'look-around'],
  ['(?<name>a)', 'named groups'],
  ['\\p{L}', 'a known escape'],
  ['*a', 'something to repeat'],
  ['a**', 'something to repeat'],
  ['(a', '")" for each "("'],
  ['a)', 'only after its "("'],
  ['[a', '"]" for each'],
  ['[]', 'something in it'],
  ['[z-a]', 'goes up'],
  ['[a-\\d]', 'between two characters'],
  ['a{3,1}', 'go up'],
  ['a{', '\\{'],
  ['a{99999}', 'up to 1000'],
  ['}', '\\}'],
  ['\\', 'a known escape'],
  ['^*', 'before a quantifier'],
  ['(?:a{1000}){1000}', 'at most 500 steps'],
  ['('.repeat(20) + ')'.repeat(20), 'at most 16 deep'],
  ['a'.repeat(513), 'at most 512 characters'],
])('%j is refused with a reason', (source, reason) => {
  let refusal: unknown;
  try {
    compilePattern(source);
  } catch (error) {
    refusal = error;
  }
  expect(hasCode(refusal, 'RULESET_INVALID') && refusal.message).toContain(reason);
});

test('any text at all is compiled or refused, never anything else', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'ab(){}[]|*+?^$\\.-,1dWu:=<😀'), maxLength: 20 }),
      (source) => {
        try {
          compilePattern(source)('ab1');
        } catch (error) {
          expect(error).toMatchObject({ code: 'RULESET_INVALID' });
          return;
        }
        // What we take, ECMAScript takes.
        expect(() => new RegExp(source, 'u')).not.toThrow();
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a text longer than the limit matches nothing', () => {
  expect(compilePattern('a')('a'.repeat(patternTextLength))).toBe(true);
  expect(compilePattern('a')('a'.repeat(patternTextLength + 1))).toBe(false);
});
