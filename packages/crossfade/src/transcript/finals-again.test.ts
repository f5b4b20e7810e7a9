import { expect, test } from 'vitest';
import { finalsAgain } from './finals-again.ts';
import type { Entry } from './session-record.ts';

const word = { text: 'yes', start: 12, end: 20, confidence: 0.9 };
const entry = (segmentId: string, start: number, end: number): Entry => ({
  segmentId,
  start,
  end,
  text: 'yes',
  words: [word],
  upstream: 'control',
});
const shown = (
  finals: readonly { segmentId: string; start: number; end: number; text: string }[],
): string[] => finals.map(({ segmentId, start, end, text }) => `${segmentId} ${start}-${end} ${text}`.trim());

const entries = [entry('s00001', 10, 30), entry('s00002', 30, 50), entry('s00006', 90, 100)];
const none = { afterSegment: -1, heardSample: 0 };
const to = { endSample: 120, nextFinal: 9 };

test('finals tile the audio again, silence included, each with its words and in its order', () => {
  const finals = finalsAgain(entries, to, none);
  expect(shown(finals)).toEqual([
    's00000 0-10',
    's00001 10-30 yes',
    's00002 30-50 yes',
    's00003 50-90',
    's00006 90-100 yes',
    's00007 100-120',
  ]);
  expect(finals[1]!.words).toEqual([word]);
});

test('only what comes after the last segment that the client had', () => {
  expect(shown(finalsAgain(entries, to, { afterSegment: 5, heardSample: 90 }))).toEqual([
    's00006 90-100 yes',
    's00007 100-120',
  ]);
  expect(finalsAgain(entries, to, { afterSegment: 8, heardSample: 120 })).toEqual([]);
});

test('silence of which a client has a part goes on under the next number', () => {
  expect(shown(finalsAgain(entries, to, { afterSegment: 4, heardSample: 70 }))).toEqual([
    's00005 70-90',
    's00006 90-100 yes',
    's00007 100-120',
  ]);
});

test('a gap without a number is lost audio, not silence, and no final is made up for it', () => {
  expect(shown(finalsAgain([entry('s00000', 5, 10)], { endSample: 20, nextFinal: 1 }, none))).toEqual([
    's00000 5-10 yes',
  ]);
  expect(finalsAgain([], { endSample: 0, nextFinal: 0 }, none)).toEqual([]);
});

test('a client that has more than the journal kept gets what is behind it, under numbers that are new to it', () => {
  const words = [
    { text: 'no', start: 32, end: 38, confidence: 0.9 },
    { text: 'more', start: 40, end: 48, confidence: 0.9 },
  ];
  const divided = [entry('s00001', 10, 30), { ...entry('s00002', 30, 50), text: 'no more', words }];
  const had = { afterSegment: 7, heardSample: 39 };
  expect(shown(finalsAgain(divided, { endSample: 60, nextFinal: 4 }, had))).toEqual([
    's00008 39-50 more',
    's00009 50-60',
  ]);
});
