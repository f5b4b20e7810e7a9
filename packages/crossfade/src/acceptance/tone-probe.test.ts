import { describe, expect, it } from 'vitest';
import { hearTones } from './acceptance.fixture.ts';
import type { SpeechRequest } from './probe.ts';
import { ToneProbe } from './tone-probe.ts';

const request: SpeechRequest = {
  seed: 7,
  number: 1,
  sampleRate: 16_000,
  durationMs: 3_000,
  leadMs: 200,
  tailMs: 300,
  end: 'word',
  gain: 1,
  isSilent: false,
};
const speech = (changes: Partial<SpeechRequest> = {}) => new ToneProbe().speech({ ...request, ...changes });
const heard = (changes: Partial<SpeechRequest>): number => {
  const said = speech(changes);
  return hearTones(said.read(0, said.totalSamples)).length;
};

describe('speech in tones', () => {
  it('ends on a word, in the middle of one, or in silence of the asked length', () => {
    const onWord = speech();
    expect(onWord.totalSamples).toBe(onWord.words.at(-1)?.end);
    const inWord = speech({ end: 'mid-word' });
    expect(inWord.totalSamples).toBeLessThan(onWord.totalSamples);
    expect(inWord.words).toHaveLength(onWord.words.length - 1);
    const quiet = speech({ end: 'silence' });
    expect(quiet.totalSamples - (quiet.words.at(-1)?.end ?? 0)).toBe(4_800);
    expect(quiet.totalSamples).toBeLessThanOrEqual(48_000);
  });

  it('does not ask for the half word at a stop, and a target that hears the rest has lost nothing', () => {
    const said = speech({ end: 'mid-word' });
    const words = said.words.map((word) => ({ ...word }));
    const final = { isFinal: true, start: 0, end: said.totalSamples, text: '', words };
    expect(said.capture([final], said.totalSamples)).toMatchObject({ lostSamples: 0, missingWords: [] });
  });

  it('is heard as well when it clips, and holds nothing when it is silent', () => {
    expect(heard({ gain: 4 })).toBe(speech().words.length);
    expect(speech({ isSilent: true })).toMatchObject({ words: [], totalSamples: 48_000 });
    expect(heard({ isSilent: true })).toBe(0);
  });

  it('has another fingerprint for another seed or loudness', () => {
    const prints = [speech(), speech({ seed: 8 }), speech({ gain: 2 }), speech({ end: 'mid-word' })];
    expect(new Set(prints.map(({ fingerprint }) => fingerprint)).size).toBe(4);
    expect(speech().fingerprint).toBe(speech().fingerprint);
  });
});
