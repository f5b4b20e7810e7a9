import { beforeAll, describe, expect, test } from 'vitest';
import { createSynthesizer, speechSampleRate, voices, type Synthesizer } from './flite.ts';
import { corpus } from './speech-corpus.ts';
import { joinSpeech } from './speech-track.ts';

const sentence = corpus[0] as string;
let synthesizer: Synthesizer;
beforeAll(async () => {
  synthesizer = await createSynthesizer();
});

/** The loudest sample of a range; 0 when it is empty. */
function peak(samples: Int16Array): number {
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}

describe.each(voices)('voice %s', (voice) => {
  test('speaks each word of the sentence, in order, inside the samples', () => {
    const { samples, words } = synthesizer.synthesize(sentence, voice);
    expect(words.map(({ text }) => text).join(' ')).toBe(sentence);
    expect(samples.length / speechSampleRate).toBeGreaterThan(1.5);
    expect(samples.length / speechSampleRate).toBeLessThan(6);
    let at = 0;
    for (const { start, end } of words) {
      expect(start).toBeGreaterThanOrEqual(at);
      expect(end).toBeGreaterThan(start);
      at = end;
    }
    expect(at).toBeLessThanOrEqual(samples.length);
  });

  test('words are loud and what follows the last word is quiet', () => {
    const { samples, words } = synthesizer.synthesize(sentence, voice);
    for (const { start, end } of words) expect(peak(samples.subarray(start, end))).toBeGreaterThan(1_000);
    const after = (words.at(-1)?.end ?? 0) + 0.08 * speechSampleRate;
    expect(peak(samples.subarray(after))).toBeLessThan(700);
  });
});

test('the same sentence and voice give the same samples, from memory the second time', () => {
  const first = synthesizer.synthesize(sentence, 'kal16');
  expect(synthesizer.synthesize(sentence.toUpperCase(), 'kal16')).toBe(first);
});

test('two synthesizers agree sample for sample', async () => {
  const other = await createSynthesizer();
  expect(other.synthesize(sentence, 'rms')).toEqual(synthesizer.synthesize(sentence, 'rms'));
});

test.each(['', '   ', 'room 12', 'naïve'])('"%s" is refused with a sentence', (text) => {
  expect(() => synthesizer.synthesize(text, 'rms')).toThrow(/Expected a sentence of 1 to 100 plain words/);
});

test('a track is the sentences with silence around them, and its words move along', () => {
  const [one, two] = [
    synthesizer.synthesize('good morning', 'kal16'),
    synthesizer.synthesize('thank you', 'kal16'),
  ];
  const track = joinSpeech([one, two], 500);
  expect(track.samples.length).toBe(one.samples.length + two.samples.length + 3 * 8_000);
  expect(track.words.map(({ text }) => text)).toEqual(['good', 'morning', 'thank', 'you']);
  const offset = 8_000 + one.samples.length + 8_000;
  expect(track.words[2]?.start).toBe((two.words[0]?.start ?? 0) + offset);
  expect(track.samples.subarray(offset, offset + two.samples.length)).toEqual(two.samples);
});
