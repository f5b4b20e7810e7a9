import { describe, expect, test } from 'vitest';
import { DueTime } from './due-time.ts';
import type { Hypothesis } from './hypothesis.ts';
import { MetricCounter } from './metric-counter.ts';

const sampleRate = 1_000;
/** At 1,000 samples a second a sample is due at its own number in ms. */
const dueMs = (sample: number): number => sample;
const whole = { samplesOffered: 10_000, sampleRate, saidDone: true, orphanOpen: true };

function said(start: number, end: number, text = `from ${start}`): Hypothesis {
  return { start, end, text, words: text === '' ? [] : [{ text, start, end, confidence: 1 }] };
}

describe('orphan rate', () => {
  test('a partial whose final covers half of it is no orphan', () => {
    const counter = new MetricCounter();
    counter.partial(said(0, 1_000), 0, dueMs);
    counter.final(said(0, 500), 0, dueMs);
    expect(counter.counts(whole)).toMatchObject({ segmentsWithPartial: 1, orphans: 0 });
  });

  test('a partial that a final passes by is an orphan', () => {
    const counter = new MetricCounter();
    counter.partial(said(0, 1_000), 0, dueMs);
    counter.final(said(1_000, 2_000), 0, dueMs);
    expect(counter.counts(whole)).toMatchObject({ segmentsWithPartial: 1, orphans: 1 });
  });

  test('a partial that is still open at the end is an orphan, unless we took the session away', () => {
    const counter = new MetricCounter();
    counter.partial(said(0, 1_000), 0, dueMs);
    expect(counter.counts(whole).orphans).toBe(1);
    expect(counter.counts({ ...whole, orphanOpen: false }).orphans).toBe(0);
  });

  test('an empty final over a partial is a retraction, reported apart', () => {
    const counter = new MetricCounter();
    counter.partial(said(0, 1_000), 0, dueMs);
    counter.final(said(0, 1_000, ''), 0, dueMs);
    expect(counter.counts(whole)).toMatchObject({ orphans: 0, retractions: 1, entries: 0 });
  });
});

describe('finalization latency', () => {
  test('is counted from the due time of the last word, and exactly at the limit is over it', () => {
    const counter = new MetricCounter();
    counter.final(said(0, 1_000), 1_400, dueMs);
    counter.final(said(1_000, 2_000), 3_500, dueMs);
    expect(counter.counts(whole)).toMatchObject({ finalLatenciesMs: [400, 1_500], finalLatencyOverLimit: 1 });
  });

  test('silence does not count, and finals after stop count as stop latency only', () => {
    const counter = new MetricCounter();
    counter.final(said(0, 1_000, ''), 5_000, dueMs);
    counter.stop(6_000);
    counter.final(said(1_000, 2_000), 6_200, dueMs);
    counter.final(said(2_000, 3_000, ''), 6_300, dueMs);
    expect(counter.counts(whole)).toMatchObject({ finalLatencyCount: 0, stopLatencyMs: 300 });
  });

  test('nobody is charged for a word whose due time is not known', () => {
    const counter = new MetricCounter();
    counter.final(said(0, 1_000), 1_400, () => Number.POSITIVE_INFINITY);
    expect(counter.counts(whole).finalLatencyCount).toBe(0);
  });
});

describe('completeness and tail', () => {
  test('coverage is the union of finals, and the tail what is missing at the end', () => {
    const counter = new MetricCounter();
    counter.final(said(0, 4_000), 0, dueMs);
    counter.final(said(3_000, 6_000), 0, dueMs);
    counter.final(said(7_000, 9_900), 0, dueMs);
    expect(counter.counts(whole)).toMatchObject({ samplesCovered: 8_900, missedTailMs: 100 });
    expect(counter.uncoveredSamples(10_000)).toBe(1_100);
  });

  test('a pipeline that never said it was done has no tail to miss', () => {
    expect(new MetricCounter().counts({ ...whole, saidDone: false }).missedTailMs).toBeNull();
  });
});

describe('duplicates', () => {
  test('the same text over the same half of the audio is a duplicate; the same text later is not', () => {
    const counter = new MetricCounter();
    counter.final(said(0, 1_000, 'Yes.'), 0, dueMs);
    counter.final(said(400, 1_000, 'yes'), 0, dueMs);
    counter.final(said(1_000, 2_000, 'yes'), 0, dueMs);
    expect(counter.counts(whole)).toMatchObject({ entries: 3, duplicateEntries: 1 });
  });
});

describe('due time', () => {
  test('takes the least delayed frame, so that jitter is charged and a clock difference is not', () => {
    const due = new DueTime(1_000);
    due.frame(100, 50_130);
    due.frame(200, 50_210);
    due.frame(300, 50_390);
    expect(due.dueMs(300)).toBe(50_310);
  });

  test('tells audio at the pace of real time from a file sent at once', () => {
    const live = new DueTime(1_000);
    const file = new DueTime(1_000);
    for (let frame = 1; frame <= 40; frame++) {
      live.frame(frame * 100, 1_000 + frame * 100);
      file.frame(frame * 100, 1_000 + frame);
    }
    expect([live.realTime, file.realTime]).toEqual([true, false]);
  });
});
