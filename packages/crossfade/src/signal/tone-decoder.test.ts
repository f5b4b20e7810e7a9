import { describe, expect, it } from 'vitest';
import { below, seededRandom, type Random } from '@crossfade/sdk/core/random';
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from './g711.ts';
import { renderProbe } from './probe-audio.ts';
import { probeScript } from './probe-script.ts';
import { resample } from './resample.ts';
import { ToneDecoder } from './tone-decoder.ts';
import { probeSampleRates, ToneGrid } from './tone-grid.ts';
import type { DecodedWord } from './tone-reader.ts';
import { auditWords } from './word-audit.ts';

describe('the tone decoder', () => {
  it.each(probeSampleRates)('finds every word at its exact sample at %i Hz', (sampleRate) => {
    const script = probeScript({ seed: 7, sampleRate, durationMs: 30_000, speakToEnd: true });
    const heard = decode(renderProbe(script), sampleRate);
    expect(heard.map(({ index, start, end }) => ({ index, start, end }))).toEqual(
      script.words.map(({ index, start, end }) => ({ index, start, end })),
    );
  });

  it('gives the same words for any cut into chunks', () => {
    const script = probeScript({ seed: 8, sampleRate: 16_000, utterances: 6 });
    const audio = renderProbe(script);
    const whole = decode(audio, 16_000);
    const random = seededRandom(3);
    for (const largest of [1, 7, 320, 5_000, audio.length]) {
      const { decoder, words } = newDecoder(16_000);
      for (let at = 0; at < audio.length;) {
        const size = 1 + below(random, largest);
        decoder.push(audio.subarray(at, at + size));
        at += size;
      }
      decoder.flush();
      expect(words).toEqual(whole);
    }
  });

  it('finds a word that starts with the very first sample', () => {
    const script = probeScript({ seed: 1, sampleRate: 8_000, utterances: 1, leadMs: 0 });
    expect(decode(renderProbe(script), 8_000)[0]?.start).toBe(0);
  });

  it('places a word exactly wherever in the word before it the stream begins', () => {
    const sampleRate = 16_000;
    const script = probeScript({ seed: 2, sampleRate, utterances: 3 });
    const audio = renderProbe(script);
    const places = new Map(script.words.map(({ index, start }) => [index, start]));
    for (const word of script.words.slice(1, 8)) {
      for (let back = 0; back < sampleRate / 33; back += 3) {
        const cut = word.start - back;
        const heard = decode(audio.subarray(cut, cut + sampleRate / 4), sampleRate);
        // A tone that the cut is in may be no word of the count.
        for (const { index, start } of heard.filter(({ start }) => start > 0))
          expect(start + cut, `${back} samples before a word`).toBe(places.get(index));
      }
    }
  });

  it('places a word exactly whose tones are all 250 Hz apart, wherever in it the stream begins', () => {
    const sampleRate = 16_000;
    const script = probeScript({ seed: 477_900_910, sampleRate, durationMs: 6_305, speakToEnd: true });
    const audio = renderProbe(script);
    // Its phases repeat every 4 ms.
    const word = script.words.find(({ index }) => index === 30_441)!;
    for (let back = -120; back < 300; back += 5) {
      const cut = word.start - back;
      const first = decode(audio.subarray(cut, word.end + 1_200), sampleRate).find(
        ({ index }) => index === word.index,
      );
      if (first !== undefined) expect(first.end + cut, `${back} samples before it`).toBe(word.end);
      if (back > 0) expect(first?.start).toBe(back);
    }
  });

  it.each(probeSampleRates)(
    'places a word exactly by its end when the stream begins in the middle of its first tone, at %i Hz',
    (sampleRate) => {
      const script = probeScript({ seed: 9, sampleRate, utterances: 2, leadMs: 0 });
      const audio = renderProbe(script);
      const found = new Set<number>();
      for (let cut = 1; cut <= sampleRate / 200; cut += 1) {
        const words = decode(audio.subarray(cut), sampleRate);
        const moved = words.map(({ index, start, end }) => ({ index, start: start + cut, end: end + cut }));
        const truth = script.words.map(({ index, start, end }) => ({
          index,
          start: Math.max(cut, start),
          end,
        }));
        // What touches the cut may stay unread; what is read stands where it was said.
        if (moved.length === truth.length) found.add(cut);
        expect(moved, `cut of ${cut}`).toEqual(truth.slice(truth.length - moved.length));
      }
      expect(found.size).toBeGreaterThan(0);
    },
  );

  it('reports a word within 40 ms of its last tone', () => {
    const script = probeScript({ seed: 1, sampleRate: 16_000, utterances: 2, tailMs: 500 });
    const audio = renderProbe(script);
    const { decoder, words } = newDecoder(16_000);
    let latest = 0;
    for (let at = 0; at < audio.length; at += 80) {
      const before = words.length;
      decoder.push(audio.subarray(at, at + 80));
      for (const word of words.slice(before)) latest = Math.max(latest, at + 80 - word.end);
    }
    expect(words).toHaveLength(script.words.length);
    expect(latest).toBeLessThanOrEqual(640);
  });

  it('reads words once when it is flushed in the middle of speech and goes on', () => {
    const script = probeScript({ seed: 4, sampleRate: 16_000, utterances: 3, tailMs: 300 });
    const audio = renderProbe(script);
    const { decoder, words } = newDecoder(16_000);
    for (let at = 0; at < audio.length; at += 1_111) {
      decoder.push(audio.subarray(at, at + 1_111));
      decoder.flush();
    }
    expect(words.map(({ index }) => index)).toEqual(script.words.map(({ index }) => index));
  });

  it.each([
    ['16 kHz, 24 dB quieter', 16_000, (audio: Int16Array) => audio.map((sample) => Math.round(sample / 16))],
    ['8 kHz mu-law', 8_000, (audio: Int16Array) => decodeMulaw(encodeMulaw(audio))],
    ['8 kHz A-law', 8_000, (audio: Int16Array) => decodeAlaw(encodeAlaw(audio))],
    [
      '8 kHz mu-law, 24 dB quieter',
      8_000,
      (audio: Int16Array) => decodeMulaw(encodeMulaw(audio.map((s) => s / 16))),
    ],
    ['noise 10 dB below, 8 kHz', 8_000, (audio: Int16Array) => withNoise(audio, 10, seededRandom(1))],
    [
      'noise as loud as the words, 16 kHz',
      16_000,
      (audio: Int16Array) => withNoise(audio, 0, seededRandom(2)),
    ],
    ['clipped', 16_000, (audio: Int16Array) => audio.map((s) => Math.max(-4_000, Math.min(4_000, s)))],
  ])('keeps every word and its exact sample through %s', (_, sampleRate, harm) => {
    const script = probeScript({ seed: 5, sampleRate, durationMs: 20_000 });
    const heard = decode(harm(renderProbe(script)), sampleRate);
    expect(heard.map(({ index, start }) => ({ index, start }))).toEqual(
      script.words.map(({ index, start }) => ({ index, start })),
    );
  });

  it.each([
    [48_000, 16_000],
    [48_000, 8_000],
    [44_100, 16_000],
    [8_000, 16_000],
    [24_000, 48_000],
    [16_000, 44_100],
  ])('keeps every word through resampling from %i to %i Hz, within a sample', (from, to) => {
    const script = probeScript({ seed: 6, sampleRate: from, durationMs: 20_000 });
    const heard = decode(resample(renderProbe(script), from, to), to);
    expect(heard.map(({ index }) => index)).toEqual(script.words.map(({ index }) => index));
    const errors = heard.map(({ start }, i) => Math.abs(start - (script.words[i]!.start * to) / from));
    expect(Math.max(...errors)).toBeLessThan(1);
  });

  it('hears no word in silence or in noise', () => {
    expect(decode(new Int16Array(160_000), 16_000)).toEqual([]);
    const random = seededRandom(9);
    const noise = Int16Array.from({ length: 960_000 }, () => Math.round((random.next() - 0.5) * 30_000));
    expect(decode(noise, 16_000)).toEqual([]);
  });

  it('tells voice from silence and from a steady background, within 30 ms', () => {
    const script = probeScript({ seed: 2, sampleRate: 16_000, utterances: 1, leadMs: 1_500, tailMs: 1_000 });
    for (const audio of [renderProbe(script), withNoise(renderProbe(script), 20, seededRandom(4))]) {
      const voiced: number[] = [];
      const listener = {
        onWord: () => undefined,
        onBlock: (end: number, loud: boolean) => loud && voiced.push(end),
      };
      new ToneDecoder(new ToneGrid(16_000), listener).push(audio);
      expect(Math.abs(voiced[0]! - 80 - script.words[0]!.start)).toBeLessThan(480);
      expect(Math.abs(voiced.at(-1)! - script.words.at(-1)!.end)).toBeLessThan(480);
    }
  });
});

describe('a splice', () => {
  const trials = 400;
  const cuts = Array.from({ length: trials }, (_, seed) => cutOf(seed));

  it('never makes a wrong word', () => {
    for (const { audit } of cuts)
      expect({ foreign: audit.foreign, repeated: audit.repeated }).toEqual({ foreign: [], repeated: [] });
  });

  it('is measured to the sample', () => {
    for (const { audit, cutSamples } of cuts) expect(audit.samplesLost - audit.samplesAdded).toBe(cutSamples);
  });

  it('takes no whole word that it does not touch', () => {
    for (const { script, from, cutSamples, audit } of cuts) {
      const near = 320;
      const apart = script.words.filter(
        (word) => word.end + near <= from || word.start >= from + cutSamples + near,
      );
      const missing = new Set(audit.missing.map(({ index }) => index));
      expect(apart.filter(({ index }) => missing.has(index))).toEqual([]);
    }
  });

  it('that repeats audio is seen as repeated words and added samples', () => {
    const script = probeScript({ seed: 3, sampleRate: 16_000, utterances: 1, wordsPerUtterance: [9, 9] });
    const audio = renderProbe(script);
    const [from, to] = [script.words[2]!.start, script.words[5]!.start];
    const twice = join(audio.subarray(0, to), audio.subarray(from));
    const audit = auditWords(script, decode(twice, 16_000), { heardSamples: twice.length });
    expect(audit.repeated.map(({ index }) => index)).toEqual(
      script.words.slice(2, 5).map(({ index }) => index),
    );
    expect(audit).toMatchObject({ missing: [], foreign: [], samplesLost: 0, samplesAdded: to - from });
  });
});

/** Cuts up to a second out of two utterances; every second cut lies on the symbol grid, the hardest place. */
function cutOf(seed: number) {
  const sampleRate = 16_000;
  const random = seededRandom(seed);
  const script = probeScript({
    seed,
    sampleRate,
    utterances: 2,
    wordsPerUtterance: [5, 9],
    silenceMs: [300, 500],
    tailMs: 100,
  });
  const audio = renderProbe(script);
  const unit = seed % 2 === 0 ? 1 : 320;
  const from = Math.floor(below(random, audio.length - 1) / unit) * unit;
  const cutSamples = Math.min(audio.length - from, unit * (1 + below(random, sampleRate / unit)));
  const cut = join(audio.subarray(0, from), audio.subarray(from + cutSamples));
  const audit = auditWords(script, decode(cut, sampleRate), { heardSamples: cut.length });
  return { script, from, cutSamples, audit };
}

function newDecoder(sampleRate: number): { decoder: ToneDecoder; words: DecodedWord[] } {
  const words: DecodedWord[] = [];
  const listener = { onWord: (word: DecodedWord) => words.push(word), onBlock: () => undefined };
  return { decoder: new ToneDecoder(new ToneGrid(sampleRate), listener), words };
}

function decode(audio: Int16Array, sampleRate: number): DecodedWord[] {
  const { decoder, words } = newDecoder(sampleRate);
  decoder.push(audio);
  decoder.flush();
  return words;
}

function join(a: Int16Array, b: Int16Array): Int16Array {
  const joined = new Int16Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** Adds nearly Gaussian noise (a sum of six uniform values), `snrDb` below the words. */
function withNoise(audio: Int16Array, snrDb: number, random: Random): Int16Array {
  const wordRms = 11_500 / Math.SQRT2;
  const rms = wordRms / 10 ** (snrDb / 20);
  return audio.map((sample) => {
    let sum = -3;
    for (let i = 0; i < 6; i++) sum += random.next();
    return Math.max(-32_768, Math.min(32_767, Math.round(sample + sum * Math.SQRT2 * rms)));
  });
}
