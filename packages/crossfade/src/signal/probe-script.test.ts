import { describe, expect, it } from 'vitest';
import { hasCode } from '@crossfade/sdk/core/errors';
import { ProbeAudio, renderProbe } from './probe-audio.ts';
import { probeScript } from './probe-script.ts';
import { wordCount } from './tone-code.ts';
import { wordIndex } from './word-text.ts';

describe('a probe script', () => {
  it('is the same for the same seed, and another for another', () => {
    const options = { seed: 1, sampleRate: 16_000, durationMs: 20_000 };
    expect(probeScript(options)).toEqual(probeScript(options));
    expect(probeScript({ ...options, seed: 2 }).words[0]).not.toEqual(probeScript(options).words[0]);
  });

  it('counts on from word to word, over utterances and past the largest number', () => {
    const script = probeScript({ seed: 1, sampleRate: 8_000, utterances: 3, firstWord: wordCount - 2 });
    const steps = script.words
      .slice(1)
      .map((word, i) => (word.index - script.words[i]!.index + wordCount) % wordCount);
    expect(new Set(steps)).toEqual(new Set([1]));
    expect(script.utterances.flatMap(({ text }) => text.split(' ').map(wordIndex))).toEqual(
      script.words.map(({ index }) => index),
    );
  });

  it('keeps words apart, in order, and inside its length', () => {
    const script = probeScript({ seed: 3, sampleRate: 44_100, durationMs: 15_000 });
    expect(script.totalSamples).toBe(661_500);
    let at = 0;
    for (const word of script.words) {
      expect(word.start).toBeGreaterThanOrEqual(at);
      expect(word.end - word.start).toBe(8 * 882);
      at = word.end;
    }
    expect(at).toBeLessThanOrEqual(script.totalSamples);
  });

  it('can speak right up to its end', () => {
    for (let seed = 0; seed < 50; seed++) {
      const script = probeScript({ seed, sampleRate: 16_000, durationMs: 5_000, speakToEnd: true });
      expect(script.words.at(-1)?.end).toBe(script.totalSamples);
      expect(script.totalSamples).toBeGreaterThan(80_000 - 2 * 2_880);
      expect(script.totalSamples).toBeLessThanOrEqual(80_000);
    }
  });

  it('is empty where nothing fits', () => {
    expect(probeScript({ seed: 1, sampleRate: 16_000, durationMs: 100 })).toMatchObject({
      words: [],
      totalSamples: 1_600,
    });
    expect(renderProbe(probeScript({ seed: 1, sampleRate: 16_000, durationMs: 0 }))).toHaveLength(0);
  });

  it('refuses a length it was not given, more words than there are, and odd sample rates', () => {
    const refused = (options: Parameters<typeof probeScript>[0]): unknown => {
      try {
        return probeScript(options);
      } catch (error) {
        return error;
      }
    };
    expect(hasCode(refused({ seed: 1, sampleRate: 16_000 }), 'USAGE')).toBe(true);
    expect(hasCode(refused({ seed: 1, sampleRate: 11_025, utterances: 1 }), 'QUERY_INVALID')).toBe(true);
    const endless = { seed: 1, sampleRate: 8_000, durationMs: 12 * 3_600_000, silenceMs: [0, 0] } as const;
    expect(hasCode(refused({ ...endless, wordsPerUtterance: [999, 999] }), 'USAGE')).toBe(true);
  });
});

describe('probe audio', () => {
  it('reads the same from any part as from the whole', () => {
    const script = probeScript({ seed: 5, sampleRate: 16_000, utterances: 3, tailMs: 200 });
    const whole = renderProbe(script);
    const audio = new ProbeAudio(script);
    const parts: number[] = [];
    for (let at = 0; at < script.totalSamples; at += 777) parts.push(...audio.read(at, at + 777));
    expect(Int16Array.from(parts)).toEqual(whole);
    expect(audio.read(-50, 0)).toHaveLength(0);
    expect(audio.read(script.totalSamples, script.totalSamples + 50)).toHaveLength(0);
  });
});
