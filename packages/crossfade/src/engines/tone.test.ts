import { describe, expect, it } from 'vitest';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript, type ProbeOptions, type ProbeScript } from '../signal/probe-script.ts';
import { probeSampleRates } from '../signal/tone-grid.ts';
import { engineContract } from './engine.contract.ts';
import type { RecognizerEvent, StreamOptions } from './engine.ts';
import { ToneEngine } from './tone.ts';

for (const sampleRate of [8_000, 16_000, 44_100]) {
  const script = probeScript({
    seed: 1,
    sampleRate,
    utterances: 4,
    leadMs: 700,
    tailMs: 700,
    silenceMs: [700, 900],
  });
  engineContract(`tone at ${sampleRate} Hz`, {
    make: () => new ToneEngine(),
    sampleRate,
    audio: renderProbe(script),
    utterances: script.utterances.map(({ words, end }) => ({
      words: words.map(({ text }) => text),
      endSample: end,
    })),
  });
}

describe('the tone engine', () => {
  it('says of itself that it is not speech recognition', () => {
    expect(new ToneEngine().description).toContain('not speech recognition');
  });

  it('refuses a sample rate it does not know, and names those it does', async () => {
    const listener = { onEvent: () => undefined, onError: () => undefined };
    const opening = new ToneEngine().open({ sampleRate: 11_025, endpointMs: 400 }, listener);
    await expect(opening).rejects.toMatchObject({ code: 'QUERY_INVALID' });
    await expect(opening).rejects.toThrow(probeSampleRates.join(', '));
  });

  it('corrects the last word of some partials, always the same ones, and never a final', async () => {
    const { script, audio } = speech({ seed: 2, utterances: 6, tailMs: 600 });
    const events = await hear(audio);
    const partials = events.filter((event) => event.type === 'partial');
    const known = new Set(script.words.map(({ text }) => text));
    const provisional = partials.filter(({ words }) => !known.has(words.at(-1)!.text));
    expect(provisional.length).toBeGreaterThan(0);
    expect(provisional.length).toBeLessThan(partials.length / 2);
    for (const { words } of provisional)
      expect(words.slice(0, -1).every(({ text }) => known.has(text))).toBe(true);
    expect(textOf(events)).toEqual(script.words.map(({ text }) => text));
    expect(await hear(audio)).toEqual(events);
  });

  it('corrects a provisional word without waiting for the next word or the final', async () => {
    // Find a one-word utterance whose word comes provisionally.
    for (let firstWord = 0; ; firstWord++) {
      const { script, audio } = speech({
        seed: 1,
        utterances: 1,
        wordsPerUtterance: [1, 1],
        tailMs: 300,
        firstWord,
      });
      const events = await hear(audio, { endpointMs: null });
      const texts = events.flatMap((event) => (event.type === 'partial' ? [event.words[0]!.text] : []));
      if (texts.length === 1) continue;
      const [whole] = script.words;
      expect(texts).toEqual([whole!.text.slice(0, 3), whole!.text]);
      return;
    }
  });

  it('says a final within endpointMs + 10 ms of the last word, in audio time', async () => {
    for (const endpointMs of [10, 100, 400]) {
      const { script, audio } = speech({ seed: 3, utterances: 3, wordsPerUtterance: [1, 1], tailMs: 600 });
      const ends = finalsOf(await hear(audio, { endpointMs })).filter(({ words }) => words.length > 0);
      ends.forEach(({ end }, i) => {
        const waitedMs = (end - script.words[i]!.end) / 16;
        expect(waitedMs).toBeLessThanOrEqual(Math.max(endpointMs, 45) + 10);
        expect(waitedMs).toBeGreaterThanOrEqual(Math.min(endpointMs, 40));
      });
      expect(ends).toHaveLength(3);
    }
  });

  it('cuts long speech between words, and loses and repeats none', async () => {
    const { script, audio } = speech({ seed: 4, utterances: 1, wordsPerUtterance: [70, 70] });
    const events = await hear(audio, { maxFinalMs: 2_000 });
    expect(textOf(events)).toEqual(script.words.map(({ text }) => text));
    const lengths = finalsOf(events).filter(({ cause }) => cause === 'length');
    expect(lengths.length).toBeGreaterThanOrEqual(5);
    for (const { end } of lengths) {
      expect(script.words.every((word) => end <= word.start || end >= word.end)).toBe(true);
    }
  });

  it('ends a long silence where the speech begins, not inside it', async () => {
    for (const leadMs of [4_700, 4_900, 4_990, 5_010]) {
      const { script, audio } = speech({ seed: 5, utterances: 1, leadMs, tailMs: 600 });
      const events = await hear(audio);
      const spoken = finalsOf(events).filter(({ words }) => words.length > 0);
      expect(spoken).toHaveLength(1);
      expect(textOf(events)).toEqual(script.words.map(({ text }) => text));
      expect(finalsOf(events)[0]).toMatchObject({ start: 0, words: [] });
    }
  });

  it('gives the word that a flush cut in two to the next final', async () => {
    const { script, audio } = speech({ seed: 6, utterances: 1, tailMs: 600 });
    const events: RecognizerEvent[] = [];
    const stream = await open(events);
    const cut = script.words[2]!.start + 1_000;
    stream.write(audio.subarray(0, cut));
    await stream.flush();
    stream.write(audio.subarray(cut));
    await stream.flush();
    expect(textOf(events)).toEqual(script.words.map(({ text }) => text));
    expect(finalsOf(events)[1]).toMatchObject({ start: cut });
    expect(finalsOf(events)[1]!.words[0]).toMatchObject({ start: cut, text: script.words[2]!.text });
  });

  it('hears the last word when speech runs right up to the flush', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { script, audio } = speech({ seed, durationMs: 4_000, speakToEnd: true });
      expect(textOf(await hear(audio))).toEqual(script.words.map(({ text }) => text));
    }
  });

  it('makes finals after a minute even when nobody flushes', async () => {
    const events: RecognizerEvent[] = [];
    const stream = await open(events, { endpointMs: null });
    for (let second = 0; second < 61; second++) stream.write(new Int16Array(16_000));
    expect(finalsOf(events)).toMatchObject([{ start: 0, end: 960_000, words: [], cause: 'length' }]);
  });
});

function speech(options: Omit<ProbeOptions, 'sampleRate'>): { script: ProbeScript; audio: Int16Array } {
  const script = probeScript({ ...options, sampleRate: 16_000 });
  return { script, audio: renderProbe(script) };
}

function open(events: RecognizerEvent[], options: Partial<StreamOptions> = {}) {
  const listener = { onEvent: (event: RecognizerEvent) => events.push(event), onError: () => undefined };
  return new ToneEngine().open({ sampleRate: 16_000, endpointMs: 400, ...options }, listener);
}

async function hear(audio: Int16Array, options: Partial<StreamOptions> = {}): Promise<RecognizerEvent[]> {
  const events: RecognizerEvent[] = [];
  const stream = await open(events, options);
  for (let at = 0; at < audio.length; at += 320) stream.write(audio.subarray(at, at + 320));
  await stream.flush();
  return events;
}

function finalsOf(events: readonly RecognizerEvent[]) {
  return events.filter((event) => event.type === 'final');
}

function textOf(events: readonly RecognizerEvent[]): string[] {
  return finalsOf(events).flatMap(({ words }) => words.map(({ text }) => text));
}
