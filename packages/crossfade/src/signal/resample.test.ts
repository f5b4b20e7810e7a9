import { describe, expect, it } from 'vitest';
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { resample, Resampler } from './resample.ts';

const sine = (hz: number, sampleRate: number, length: number): Int16Array =>
  Int16Array.from({ length }, (_, n) => Math.round(10_000 * Math.sin((2 * Math.PI * hz * n) / sampleRate)));

describe('the resampler', () => {
  it.each([
    [48_000, 16_000],
    [16_000, 48_000],
    [44_100, 16_000],
    [11_025, 16_000],
    [8_000, 16_000],
    [15_999, 16_000],
  ])('puts a 1 kHz tone where it belongs, %i to %i Hz', (from, to) => {
    const out = resample(sine(1_000, from, from / 2), from, to);
    const expected = sine(1_000, to, out.length);
    expect(Math.abs(out.length - to / 2)).toBeLessThanOrEqual(1);
    const edge = Math.ceil(to / 100);
    let worst = 0;
    for (let i = edge; i < out.length - edge; i++) worst = Math.max(worst, Math.abs(out[i]! - expected[i]!));
    expect(worst).toBeLessThan(60);
  });

  it('filters away what the lower rate cannot carry', () => {
    const out = resample(sine(7_000, 48_000, 24_000), 48_000, 8_000);
    expect(Math.max(...out.subarray(100, -100).map(Math.abs))).toBeLessThan(20);
  });

  it('gives the same samples for any cut into chunks', () => {
    const input = sine(700, 44_100, 20_000);
    const whole = new Resampler(44_100, 16_000).push(input);
    const random = seededRandom(1);
    const pieces: number[] = [];
    const resampler = new Resampler(44_100, 16_000);
    for (let at = 0; at < input.length;) {
      const size = below(random, 700);
      pieces.push(...resampler.push(input.subarray(at, at + size)));
      at += size;
    }
    expect(Int16Array.from(pieces)).toEqual(whole);
  });

  it('holds back less than 3 ms', () => {
    for (const rate of [8_000, 11_025, 22_050, 44_100, 48_000]) {
      expect((new Resampler(rate, 16_000).lookAheadSamples / rate) * 1_000).toBeLessThan(3);
    }
  });

  it('refuses rates that are no rates', () => {
    for (const rate of [0, -1, 1.5, Number.NaN])
      expect(() => new Resampler(rate, 16_000)).toThrow(/sample rates/);
  });
});
