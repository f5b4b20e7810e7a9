import { describe, expect, it } from 'vitest';
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { ToneEngine } from '../engines/tone.ts';
import { renderProbe } from '../signal/probe-audio.ts';
import { probeScript } from '../signal/probe-script.ts';
import { resample } from '../signal/resample.ts';
import { AudioLoss } from './defects.ts';
import { Recognition, type Heard, type HeardPiece } from './recognition.ts';

const script = probeScript({ seed: 1, sampleRate: 16_000, durationMs: 20_000 });
const audio = renderProbe(script);

async function recognize(sampleRate: number, loses: boolean, seed: number) {
  const samples = sampleRate === 16_000 ? audio : resample(audio, 16_000, sampleRate);
  const loss = loses ? new AudioLoss(seededRandom(seed), sampleRate) : null;
  const recognition = await Recognition.open({ engine: new ToneEngine(), sampleRate, endpointMs: 300, loss });
  const heard: Heard[] = [];
  recognition.listen({ onHeard: (each) => heard.push(each), onError: () => undefined });
  const random = seededRandom(seed);
  for (let at = 0; at < samples.length;) {
    const size = 1 + below(random, sampleRate / 5);
    recognition.write(samples.subarray(at, at + size));
    if (below(random, 20) === 0) void recognition.flush();
    at += size;
  }
  await recognition.flush();
  const pieces = heard.flatMap((each): readonly HeardPiece[] => (each.type === 'final' ? each.pieces : []));
  return { recognition, samples, heard, pieces, words: pieces.flatMap(({ words }) => words) };
}

describe('a recognition', () => {
  it.each([16_000, 11_025, 9_001, 48_000])(
    'tiles all audio with finals at %i Hz, flushed at any moment',
    async (rate) => {
      for (let seed = 0; seed < 2; seed++) {
        const { pieces, samples, words } = await recognize(rate, false, seed);
        expect(pieces.map(({ start }) => start)).toEqual([0, ...pieces.slice(0, -1).map(({ end }) => end)]);
        expect(pieces.at(-1)?.end).toBe(samples.length);
        expect(words.map(({ text }) => text)).toEqual(script.words.map(({ text }) => text));
      }
    },
  );

  it.each([16_000, 11_025, 48_000])(
    'claims exactly the audio that was not lost at %i Hz, in order',
    async (rate) => {
      for (let seed = 0; seed < 4; seed++) {
        const { recognition, pieces, samples, heard } = await recognize(rate, true, seed);
        const claimed = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
        const loss = new AudioLoss(seededRandom(seed), rate);
        let lost = 0;
        for (let at = 0; at < samples.length;) {
          const run = loss.next(samples.length - at);
          if (run.lost) lost += run.samples;
          at += run.samples;
        }
        expect(lost).toBeGreaterThan(0);
        expect(samples.length - claimed).toBe(lost);
        expect(recognition.received).toBe(samples.length);
        expectInOrder(pieces);
        for (const each of heard) if (each.type === 'partial') expectInOrder([each]);
      }
    },
  );

  it('tells a listener that comes late of an engine that died', async () => {
    let die: (error: Error) => void = () => undefined;
    const engine = new ToneEngine();
    const open = engine.open.bind(engine);
    engine.open = (options, listener) => {
      die = (error) => listener.onError(error);
      return open(options, listener);
    };
    const recognition = await Recognition.open({ engine, sampleRate: 16_000, endpointMs: 300, loss: null });
    die(new Error('killed'));
    const errors: string[] = [];
    recognition.listen({ onHeard: () => undefined, onError: (error) => errors.push(error.message) });
    expect(errors).toEqual(['killed']);
  });
});

function expectInOrder(pieces: readonly HeardPiece[]): void {
  let at = 0;
  for (const { start, end, words } of pieces) {
    expect(start).toBeGreaterThanOrEqual(at);
    expect(end).toBeGreaterThan(start);
    at = start;
    for (const word of words) {
      expect(word.start).toBeGreaterThanOrEqual(at);
      expect(word.end).toBeGreaterThanOrEqual(word.start);
      at = word.end;
    }
    expect(at).toBeLessThanOrEqual(end);
    at = end;
  }
}
