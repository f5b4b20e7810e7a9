import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Hypothesis } from './hypothesis.ts';
import { Reconciler, segmentIdOf, type Shown } from './reconciler.ts';

const wordSamples = 100;

/** A hypothesis over whole words of the truth: word k is "wk" at [100 k, 100 k + 100). */
function said(firstWord: number, words: number): Hypothesis {
  const list = Array.from({ length: words }, (_, index) => {
    const start = (firstWord + index) * wordSamples;
    return { text: `w${firstWord + index}`, start, end: start + wordSamples, confidence: 1 };
  });
  return {
    start: firstWord * wordSamples,
    end: (firstWord + words) * wordSamples,
    text: list.map((word) => word.text).join(' '),
    words: list,
  };
}

function silence(start: number, end: number): Hypothesis {
  return { start, end, text: '', words: [] };
}

describe('entries', () => {
  test('a re-sent final changes nothing', () => {
    const reconciler = new Reconciler(0);
    reconciler.final(said(0, 3), 'a');
    expect(reconciler.final(said(0, 3), 'a')).toEqual({ kind: 'ignored', why: 'settled' });
    expect(reconciler.entries).toHaveLength(1);
  });

  test('two real "yes" stay two', () => {
    const reconciler = new Reconciler(0);
    reconciler.final({ start: 0, end: 100, text: 'yes', words: [] }, 'a');
    reconciler.final({ start: 100, end: 200, text: 'yes', words: [] }, 'a');
    expect(reconciler.entries.map((entry) => entry.text)).toEqual(['yes', 'yes']);
  });

  test('a final that overlaps what is settled keeps only its new words', () => {
    const reconciler = new Reconciler(0);
    reconciler.final(said(0, 3), 'a');
    reconciler.final(said(1, 4), 'b');
    expect(reconciler.entries.map((entry) => entry.text)).toEqual(['w0 w1 w2', 'w3 w4']);
  });

  test('a partial and its final share a segment id, and the next segment has another', () => {
    const reconciler = new Reconciler(0);
    const ids = [
      reconciler.partial(said(0, 1)),
      reconciler.final(said(0, 2), 'a'),
      reconciler.partial(said(2, 1)),
    ].map((result) => (result.kind === 'show' ? result.shown.segmentId : result.kind));
    expect(ids).toEqual(['s00000', 's00000', 's00001']);
  });

  test('a short final takes the id of the partial, and what it left of it is the next segment', () => {
    const reconciler = new Reconciler(0);
    const ids = [
      reconciler.partial(said(0, 8)),
      reconciler.final(said(0, 2), 'a'),
      reconciler.partial(said(2, 7)),
      reconciler.final(said(2, 7), 'a'),
    ].map((result) => (result.kind === 'show' ? `${result.shown.segmentId}.${result.shown.revision}` : ''));
    expect(ids).toEqual(['s00000.0', 's00000.1', 's00001.0', 's00001.1']);
  });

  test('a late partial of settled audio is not shown', () => {
    const reconciler = new Reconciler(0);
    reconciler.final(said(0, 3), 'a');
    expect(reconciler.partial(said(1, 2)).kind).toBe('ignored');
  });

  test('an empty final over a shown partial is a retraction', () => {
    const reconciler = new Reconciler(0);
    reconciler.partial(said(0, 2));
    const shown = { segmentId: 's00000', revision: 1, text: '', isFinal: true };
    expect(reconciler.final(silence(0, 300), 'a')).toMatchObject({ kind: 'show', shown });
    expect(reconciler.entries).toEqual([]);
    expect(reconciler.openSegment).toBeNull();
  });

  test('a final that skips audio is refused with the hole, unless nobody will do better', () => {
    const reconciler = new Reconciler(5);
    reconciler.final(said(0, 1), 'a');
    expect(reconciler.final(said(3, 1), 'a')).toEqual({ kind: 'hole', hole: { start: 100, end: 300 } });
    expect(reconciler.watermark).toBe(100);
    expect(reconciler.final(said(3, 1), 'a', true).kind).toBe('show');
  });

  test('a final that starts within the rounding of an upstream still tiles', () => {
    const reconciler = new Reconciler(5);
    reconciler.final(said(0, 1), 'a');
    const result = reconciler.final({ start: 104, end: 200, text: 'x', words: [] }, 'a');
    expect(result.kind === 'show' && result.shown.start).toBe(100);
  });

  test('segment ids go on after a restart', () => {
    const reconciler = new Reconciler(0);
    reconciler.restore({ segmentId: 's00007', ...said(0, 2), upstream: 'a' }, 7);
    const result = reconciler.partial(said(2, 1));
    expect(result.kind === 'show' && result.shown.segmentId).toBe('s00008');
    expect(reconciler.watermark).toBe(200);
  });
});

test('what is open goes on under a new number when its own is taken elsewhere', () => {
  const reconciler = new Reconciler(0);
  reconciler.partial(said(0, 2));
  expect(reconciler.nextFinal).toBe(0);
  reconciler.skipTo(3);
  expect(reconciler.nextFinal).toBe(3);
  expect(reconciler.partial(said(0, 2))).toMatchObject({ shown: { segmentId: 's00003', revision: 0 } });
  expect(reconciler.final(said(0, 2), 'a')).toMatchObject({ shown: { segmentId: 's00003', revision: 1 } });
});

/** A step of a hostile upstream: it speaks about any stretch of the truth, again, late, or from a replay. */
type Step = { readonly kind: 'partial' | 'final'; readonly from: number; readonly words: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('partial' as const, 'final' as const),
  from: fc.nat(20),
  words: fc.integer({ min: 0, max: 6 }),
});

test('any interleaving of partials, finals, re-sends and replays gives entries that tile the truth once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const reconciler = new Reconciler(0);
      const finals = new Map<string, Shown>();
      let watermark = 0;
      for (const { kind, from, words } of steps) {
        const hypothesis = said(from, words);
        const result =
          kind === 'partial' ? reconciler.partial(hypothesis) : reconciler.final(hypothesis, 'a');
        if (result.kind === 'hole') expect(hypothesis.start).toBeGreaterThan(watermark);
        if (result.kind !== 'show') continue;
        const { shown } = result;
        // One final per segment, and nothing of a segment after its final.
        expect(finals.has(shown.segmentId)).toBe(false);
        // Nothing shown reaches back into settled audio.
        expect(shown.start).toBeGreaterThanOrEqual(watermark);
        for (const word of shown.words) expect(word.start).toBeGreaterThanOrEqual(watermark);
        if (!shown.isFinal) continue;
        // Ids grow with the audio: who has one final has all before it.
        expect(shown.segmentId).toBe(segmentIdOf(finals.size));
        finals.set(shown.segmentId, shown);
        watermark = shown.end;
      }
      expect(reconciler.watermark).toBe(watermark);
      const text = reconciler.entries.map((entry) => entry.text).join(' ');
      // The model: the truth up to the watermark, each word once and in order.
      const truth = Array.from({ length: watermark / wordSamples }, (_, index) => `w${index}`).join(' ');
      expect(text).toBe(truth);
    }),
    { numRuns: 500 },
  );
});

test('whatever is retracted, re-sent or said late, the first final about a stretch of audio decides what is shown of it', () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('partial' as const, 'final' as const, 'silence' as const),
      from: fc.nat(20),
      words: fc.integer({ min: 0, max: 6 }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (told) => {
      const reconciler = new Reconciler(0);
      // The model: who settled each word, and with what.
      const settled: string[] = [];
      const closed = new Set<string>();
      for (const { kind, from, words } of told) {
        const hypothesis = kind === 'silence' ? silence(from * 100, (from + words) * 100) : said(from, words);
        const result =
          kind === 'partial' ? reconciler.partial(hypothesis) : reconciler.final(hypothesis, 'a');
        if (kind !== 'partial' && from <= settled.length) {
          for (let word = settled.length; word < from + words; word += 1)
            settled.push(kind === 'silence' ? '' : `w${word}`);
        }
        if (result.kind !== 'show') continue;
        expect(closed.has(result.shown.segmentId)).toBe(false);
        if (result.shown.isFinal) closed.add(result.shown.segmentId);
        // An open segment is about audio that nobody settled.
        expect(reconciler.openSegment?.range.end ?? Infinity).toBeGreaterThan(reconciler.watermark);
      }
      expect(reconciler.watermark).toBe(settled.length * wordSamples);
      const shown = reconciler.entries.map((entry) => entry.text).join(' ');
      expect(shown).toBe(settled.filter((word) => word !== '').join(' '));
    }),
    { numRuns: 500 },
  );
});
