import { describe, expect, it } from 'vitest';
import { probeScript } from '../signal/probe-script.ts';
import type { SaidText, SaidWord } from './driver.ts';
import { provenCapture } from './proven-capture.ts';

const script = probeScript({ seed: 3, sampleRate: 16_000, durationMs: 4_000, speakToEnd: true });
const said: readonly SaidWord[] = script.words;
const final = (words: readonly SaidWord[]): SaidText => ({
  isFinal: true,
  start: 0,
  end: script.totalSamples,
  text: words.map(({ text }) => text).join(' '),
  words,
});
const capture = (words: readonly SaidWord[], offered = script.totalSamples) =>
  provenCapture(script, [final(words)], offered);
const moved = (word: SaidWord, by: number): SaidWord => ({
  ...word,
  start: word.start + by,
  end: word.end + by,
});

describe('what the words of the finals prove', () => {
  it('is everything when every word is there, at its place', () => {
    expect(capture(said)).toMatchObject({
      lostSamples: 0,
      lostRanges: [],
      repeatedWords: 0,
      missingWords: [],
    });
    expect(capture(said).provenEnd).toBe(script.totalSamples);
  });

  it('forgives times that were rounded to milliseconds', () => {
    const rounded = said.map((word) => moved(word, Math.round(word.start / 16) * 16 - word.start));
    expect(capture(rounded).lostSamples).toBe(0);
  });

  it('loses a run of words from its first sample to its last', () => {
    const { lostSamples, lostRanges } = capture([...said.slice(0, 2), ...said.slice(4)]);
    expect(lostRanges).toEqual([{ start: said[2]!.start, end: said[3]!.end }]);
    expect(lostSamples).toBe(said[3]!.end - said[2]!.start);
  });

  it('loses a cut between words by its exact length, although every word is there', () => {
    const cut = said.map((word, i) => (i < 3 ? word : moved(word, -320)));
    expect(capture(cut)).toMatchObject({ lostSamples: 320, missingWords: [] });
  });

  it('loses the length of a cut that took a word along, and not the word', () => {
    const cut = said
      .filter((_, i) => i !== 3)
      .map((word) => (word.start < said[3]!.start ? word : moved(word, -640)));
    expect(capture(cut)).toMatchObject({ lostSamples: 640 });
  });

  it('forgives one word that was placed a little off, and nothing larger', () => {
    const off = (samples: number) => said.map((word, i) => (i === 3 ? moved(word, -samples) : word));
    expect(capture(off(64)).lostSamples).toBe(0);
    expect(capture(off(320)).lostSamples).toBe(320);
  });

  it('takes finals that come out of order as if they came in order', () => {
    const finals = [final(said.slice(3)), final(said.slice(0, 3))];
    expect(provenCapture(script, finals, script.totalSamples).lostSamples).toBe(0);
  });

  it('sees a word that comes twice, and one that was never said', () => {
    const stranger = { ...said[1]!, text: 'vuvuv' };
    expect(capture([...said, moved(said.at(-1)!, 4_000)]).repeatedWords).toBe(1);
    expect(capture([...said, stranger]).foreignWords).toBe(1);
  });

  it('is nothing when no word came back', () => {
    const { heardWords, lostSamples, provenEnd } = capture([]);
    expect({ heardWords, provenEnd }).toEqual({ heardWords: 0, provenEnd: 0 });
    expect(lostSamples).toBeGreaterThan(script.totalSamples / 2);
  });

  it('does not ask for words that were not offered yet', () => {
    const offered = said[4]!.end;
    expect(capture(said.slice(0, 5), offered)).toMatchObject({
      lostSamples: 0,
      missingWords: [],
      saidWords: 5,
    });
  });
});
