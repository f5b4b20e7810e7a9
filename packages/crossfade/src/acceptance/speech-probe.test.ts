import { describe, expect, it } from 'vitest';
import type { SaidText } from './driver.ts';
import { errorsOf, hearSpeech } from './heard-words.ts';
import type { SpeechRequest, SpokenWord } from './probe.ts';
import { SpeechProbe, type Voice } from './speech-probe.ts';

const rate = 16_000;
const wordSamples = 4_800;

/** Each word takes 300 ms; its samples are the number of the sentence's letters, never silence. */
const voice: Voice = {
  name: 'test',
  sampleRate: rate,
  speak: (sentence) => {
    const words = sentence.split(' ').map((text, i): SpokenWord => {
      return { text, start: i * wordSamples, end: (i + 1) * wordSamples };
    });
    return { samples: new Int16Array(words.length * wordSamples).fill(sentence.length), words };
  },
};
const sentences = ['the train was late', 'nobody answered the phone', 'we need more coffee'];

function request(changes: Partial<SpeechRequest> = {}): SpeechRequest {
  const speech = { sampleRate: rate, durationMs: 6_000, leadMs: 200, tailMs: 500, gain: 1, isSilent: false };
  return { number: 1, seed: 7, end: 'word', ...speech, ...changes };
}

/** A final that says these words where they were said, or where they are said to be. */
function final(words: readonly SpokenWord[]): SaidText {
  const start = words[0]?.start ?? 0;
  return {
    isFinal: true,
    start,
    end: words.at(-1)?.end ?? start,
    text: words.map(({ text }) => text).join(' '),
    words,
  };
}

describe('speech of known sentences', () => {
  const probe = new SpeechProbe([voice], sentences);

  it('is the same for the same seed, read in pieces of any size', () => {
    const speech = probe.speech(request());
    const whole = speech.read(0, speech.totalSamples);
    const pieces: number[] = [];
    for (let at = 0; at < speech.totalSamples; at += 777) pieces.push(...speech.read(at, at + 777));
    expect(pieces).toEqual([...whole]);
    expect(probe.speech(request()).fingerprint).toBe(speech.fingerprint);
    expect(probe.speech(request({ seed: 8 })).fingerprint).not.toBe(speech.fingerprint);
  });

  it.each(['word', 'mid-word', 'silence'] as const)('ends as it was asked: %s', (end) => {
    const speech = probe.speech(request({ end }));
    const last = speech.words.at(-1) as SpokenWord;
    const samples = speech.read(0, speech.totalSamples);
    expect(speech.totalSamples).toBeLessThanOrEqual(6 * rate);
    const tail = samples.subarray(last.end);
    if (end === 'word') expect(tail).toHaveLength(0);
    if (end === 'silence') expect(tail.every((sample) => sample === 0)).toBe(true);
    if (end === 'mid-word') expect(samples.at(-1)).not.toBe(0);
    expect(samples[last.end - 1]).not.toBe(0);
  });

  it('keeps its words in place at another sample rate', () => {
    const slow = probe.speech(request({ sampleRate: 8_000 }));
    const fast = probe.speech(request());
    expect(slow.words.map(({ text }) => text)).toEqual(fast.words.map(({ text }) => text));
    expect(slow.words.map(({ end }) => end)).toEqual(fast.words.map(({ end }) => Math.round(end / 2)));
    expect(Math.abs(slow.totalSamples * 2 - fast.totalSamples)).toBeLessThanOrEqual(2);
  });

  it('is silent when it is asked to be', () => {
    const speech = probe.speech(request({ isSilent: true }));
    expect(speech.words).toEqual([]);
    expect(speech.read(0, speech.totalSamples).every((sample) => sample === 0)).toBe(true);
  });
});

describe('what text proves', () => {
  it('is nothing lost when every word came back, whatever its case', () => {
    const speech = new SpeechProbe([voice], sentences).speech(request());
    const said = speech.words.map((word) => ({ ...word, text: word.text.toUpperCase() }));
    expect(speech.capture([final(said)], speech.totalSamples)).toMatchObject({
      lostSamples: 0,
      heardWords: said.length,
      missingWords: [],
    });
  });

  it('is a loss where a run of words was heard as nothing', () => {
    const speech = new SpeechProbe([voice], sentences).speech(request());
    const kept = speech.words.filter((_, i) => i < 2 || i > 3);
    const [third, fourth] = speech.words.slice(2, 4) as [SpokenWord, SpokenWord];
    const capture = speech.capture([final(kept)], speech.totalSamples);
    expect(capture.lostRanges).toEqual([{ start: third.start, end: fourth.end }]);
    expect(capture.lostSamples).toBe(fourth.end - third.start);
  });

  it('is no loss where a word was heard as another, or two as one', () => {
    const speech = new SpeechProbe([voice], sentences).speech(request());
    const [first, second, ...rest] = speech.words as [SpokenWord, SpokenWord, ...SpokenWord[]];
    const joined = { text: first.text + second.text, start: first.start, end: second.end };
    const other = rest.map((word, i) => (i === 1 ? { ...word, text: 'xyzzy' } : word));
    expect(speech.capture([final([joined, ...other])], speech.totalSamples).lostSamples).toBe(0);
  });

  it('does not count what the control run did not hear either', () => {
    const probe = new SpeechProbe([voice], sentences);
    for (const control of probe.controls) {
      probe.learn(control, [final(control.words.filter(({ text }) => text !== 'the'))]);
    }
    expect(probe.control).toEqual({ words: 12, unheard: 2 });
    const speech = probe.speech(request());
    const deaf = speech.words.filter(({ text }) => text !== 'the');
    expect(speech.capture([final(deaf)], speech.totalSamples).lostSamples).toBe(0);
    const worse = deaf.filter(({ text }) => text !== 'train' && text !== 'phone' && text !== 'need');
    expect(speech.capture([final(worse)], speech.totalSamples).lostSamples).toBeGreaterThan(0);
  });

  it('is a tail that is missing from its first word on', () => {
    const speech = new SpeechProbe([voice], sentences).speech(request());
    const kept = speech.words.slice(0, -2);
    const declared = { ...final(kept), end: speech.totalSamples };
    const capture = speech.capture([declared], speech.totalSamples);
    expect(capture.missingWords[0]?.start).toBe(speech.words.at(-2)?.start);
    expect(capture.provenEnd).toBe(kept.at(-1)?.end);
  });

  it('places words by their order where a target gives no times', () => {
    const said = new SpeechProbe([voice], sentences).speech(request()).words;
    const text = said.filter((_, i) => i !== 1).map((word) => word.text);
    const untimed = { ...final(said), text: text.join(' '), words: [] };
    expect(
      hearSpeech(said, [untimed])
        .words.map((each, i) => [i, each])
        .filter(([, each]) => each !== 'heard'),
    ).toEqual([[1, 'unheard']]);
  });

  it('takes word ends from the generator where the word is near', () => {
    const speech = new SpeechProbe([voice], sentences).speech(request());
    const [first] = speech.words as [SpokenWord];
    const late = { ...first, end: first.end + 1_000 };
    const far = { ...first, start: first.start + 80_000, end: first.end + 80_000, text: 'nowhere' };
    const words = speech.withTrueTimes(final([late, far])).words;
    expect(words.map(({ end }) => end)).toEqual([first.end, far.end]);
  });
});

describe('word errors of a session', () => {
  it('join its finals in the order of their audio', () => {
    const texts = [
      { isFinal: true, start: 9, end: 10, text: 'late.', words: [] },
      { isFinal: true, start: 0, end: 9, text: "The train's", words: [] },
    ];
    expect(errorsOf("the train's late", texts)).toMatchObject({
      substitutions: 0,
      deletions: 0,
      insertions: 0,
    });
  });
});
