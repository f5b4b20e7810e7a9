import { expect, test } from 'vitest';
import { corpus, grammarOf } from './speech-corpus.ts';

test('the corpus is twenty different sentences of plain lower-case words', () => {
  expect(corpus).toHaveLength(20);
  expect(new Set(corpus).size).toBe(20);
  for (const sentence of corpus) expect(sentence).toMatch(/^[a-z]+( [a-z]+){4,11}$/);
});

test('a grammar has one rule a word, entered anywhere, left anywhere', () => {
  expect(grammarOf(['good morning', 'yes'], 'small').split('\n')).toEqual([
    '#JSGF V1.0;',
    'grammar small;',
    'public <utterance> = /100/ <s0w0> | /1/ <s0w1> | /100/ <s1w0>;',
    '<s0w0> = good [ <s0w1> ];',
    '<s0w1> = morning;',
    '<s1w0> = yes;',
    '',
  ]);
});

test('every rule that is named is defined once', () => {
  const grammar = grammarOf(corpus);
  const defined = [...grammar.matchAll(/^<(\w+)> =/gm)].map(([, name]) => name);
  const named = new Set([...grammar.matchAll(/<(s\w+)>/g)].map(([, name]) => name));
  expect(new Set(defined).size).toBe(defined.length);
  expect(named).toEqual(new Set(defined));
});
