import { expect, test } from 'vitest';
import { parsePhones, placeWords, splitAtPauses } from './flite-words.ts';

test('phones are read with their end times in milliseconds', () => {
  expect(parsePhones('pau:0.176 dh:0.329 ax:0.376 \n')).toEqual([
    { phone: 'pau', endMs: 176 },
    { phone: 'dh', endMs: 329 },
    { phone: 'ax', endMs: 376 },
  ]);
});

test('words spoken apart are split at the pauses', () => {
  expect(splitAtPauses(parsePhones('pau:0.1 dh:0.2 iy:0.3 pau:0.4 k:0.5 pau:0.6'))).toEqual([
    ['dh', 'iy'],
    ['k'],
  ]);
  expect(splitAtPauses([])).toEqual([]);
});

test('a word gets the time of its phones', () => {
  const spoken = parsePhones('pau:0.1 dh:0.2 iy:0.3 k:0.4 ae:0.5 t:0.6 pau:0.8');
  expect(
    placeWords(
      ['the', 'cat'],
      [
        ['dh', 'iy'],
        ['k', 'ae', 't'],
      ],
      spoken,
    ),
  ).toEqual([
    { text: 'the', startMs: 100, endMs: 300 },
    { text: 'cat', startMs: 300, endMs: 600 },
  ]);
});

test('a phone that changed, vanished or came in does not move the words after it', () => {
  const apart = [
    ['hh', 'ae', 'd'],
    ['dh', 'iy'],
    ['k', 'ae', 't'],
  ];
  const spoken = parsePhones('pau:0.1 ae:0.2 d:0.3 ax:0.35 pau:0.5 dh:0.6 ax:0.7 k:0.8 ae:0.9 t:1.0 pau:1.2');
  const placed = placeWords(['had', 'the', 'cat'], apart, spoken);
  expect(placed.map(({ startMs }) => startMs)).toEqual([100, 500, 700]);
  expect(placed[2]).toEqual({ text: 'cat', startMs: 700, endMs: 1_000 });
});

test('a word without phones has no length and keeps its place', () => {
  const placed = placeWords(['a', 'cat'], [[], ['k', 'ae', 't']], parsePhones('k:0.1 ae:0.2 t:0.3'));
  expect(placed[0]).toEqual({ text: 'a', startMs: 0, endMs: 0 });
});
