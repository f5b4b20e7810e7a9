import { describe, expect, test } from 'vitest';
import { FinalTimeline } from './final-timeline.ts';

const final = (start: number, end: number, text = `${start}`) => ({ start, end, text, words: [] });
const said = (from: number, ...finals: readonly ReturnType<typeof final>[]): boolean[] => {
  const timeline = new FinalTimeline(from, 10);
  return finals.map((each) => timeline.accepts(each));
};

describe('finals are taken', () => {
  test('that follow each other, round their times a little, or leave something out', () => {
    expect(said(0, final(0, 100), final(95, 200), final(260, 300))).toEqual([true, true, true]);
  });

  test('that begin where a replay began, before what was settled', () => {
    expect(said(500, final(500, 700), final(700, 900))).toEqual([true, true]);
  });

  test('that are said twice, each of them', () => {
    const [a, b, c] = [final(0, 100), final(100, 200), final(200, 300)];
    expect(said(0, a, a, b, a, c, b)).toEqual([true, true, true, true, true, true]);
  });
});

describe('finals are refused', () => {
  test('that say something else about a time that is past', () => {
    expect(said(0, final(0, 100), final(100, 200), final(0, 90))).toEqual([true, true, false]);
  });

  test('that go on from a repetition: silence of a clock that began anew looks like one', () => {
    const silence = [final(0, 100, ''), final(100, 200, '')];
    expect(said(0, ...silence, ...silence, final(200, 300, ''))).toEqual([true, true, true, true, true]);
    // The reset came in mid-chunk, so that its chunks lie across the old ones.
    expect(said(0, final(0, 100, ''), final(100, 150, ''), final(0, 100, ''), final(100, 200, ''))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test('that repeat more and more', () => {
    const silence = [0, 1, 2, 3].map((at) => final(at * 100, at * 100 + 100, ''));
    expect(said(0, ...silence, ...silence).filter((isTaken) => !isTaken)).toHaveLength(2);
  });
});
