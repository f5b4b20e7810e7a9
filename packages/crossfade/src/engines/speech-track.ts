import { msToSamples } from '@crossfade/sdk/core/units';
import { speechSampleRate, type Speech } from './flite.ts';

/** Sentences one after another, `gapMs` of silence before, between and after; word ranges move along. */
export function joinSpeech(parts: readonly Speech[], gapMs: number): Speech {
  const gap = msToSamples(gapMs, speechSampleRate);
  const length = parts.reduce((sum, part) => sum + part.samples.length + gap, gap);
  const samples = new Int16Array(length);
  let at = gap;
  const words = parts.flatMap((part) => {
    const offset = at;
    samples.set(part.samples, offset);
    at += part.samples.length + gap;
    return part.words.map(({ text, start, end }) => ({ text, start: start + offset, end: end + offset }));
  });
  return { samples, words };
}
