import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { codeSymbols, encodeWord } from './tone-code.ts';

/**
 * A word on the time axis, in slots of 20 ms: a sync tone, seven code symbols, and a gap.
 * 20 ms holds a whole number of periods of every multiple of 50 Hz, so the tones do not disturb each other.
 */
const slotsPerSecond = 50;
export const toneSlots = 1 + codeSymbols;
export const wordSlots = toneSlots + 1;

export const dataTones = 16;
/** The tone that opens each word. */
export const syncTone = dataTones;
export const toneCount = dataTones + 1;

/** 500 to 2,750 Hz in steps of 150 for the data, 3,000 Hz for the sync: inside a telephone line's band. */
export const toneHz: readonly number[] = [
  ...Array.from({ length: dataTones }, (_, t) => 500 + 150 * t),
  3_000,
];

/** 9 dB under full scale, like speech: loud enough for 8 kHz mu-law, and resampling does not clip it. */
const amplitude = 11_500;
/** Each symbol rises and falls in 1.25 ms, so that no click spreads over the other tones. */
const rampsPerSecond = 800;

/** Rates whose 20 ms slot is a whole number of samples; others must be resampled first. */
export const probeSampleRates: readonly number[] = [
  8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];

/** The code at one sample rate: lengths in samples, and one symbol of each tone. Immutable, made to be shared. */
export class ToneGrid {
  readonly sampleRate: number;
  /** Samples of one symbol. */
  readonly slot: number;
  /** Samples of a word's tones: its range is `[start, start + toneSamples)`. */
  readonly toneSamples: number;
  /** Samples from one word's start to the next one's. */
  readonly wordSamples: number;
  /** One symbol of each tone as it is sent. */
  readonly symbols: readonly Int16Array[];
  /** Cosine and sine of each tone over one symbol, to correlate with. */
  readonly cosines: readonly Float64Array[];
  readonly sines: readonly Float64Array[];

  constructor(sampleRate: number) {
    if (!probeSampleRates.includes(sampleRate)) {
      throw new CrossfadeError(
        'QUERY_INVALID',
        `Expected a sample rate of ${probeSampleRates.join(', ')}, got ${sampleRate}. Resample to 16000.`,
      );
    }
    this.sampleRate = sampleRate;
    this.slot = sampleRate / slotsPerSecond;
    this.toneSamples = this.slot * toneSlots;
    this.wordSamples = this.slot * wordSlots;
    const angle = (tone: number, n: number): number =>
      (2 * Math.PI * (toneHz[tone] as number) * n) / sampleRate;
    const table = (value: (tone: number, n: number) => number): Float64Array[] =>
      toneHz.map((_, tone) => Float64Array.from({ length: this.slot }, (_unused, n) => value(tone, n)));
    this.cosines = table((tone, n) => Math.cos(angle(tone, n)));
    this.sines = table((tone, n) => Math.sin(angle(tone, n)));
    this.symbols = this.sines.map((sine) =>
      Int16Array.from(sine, (value, n) => Math.round(amplitude * value * this.#envelope(n))),
    );
  }

  /** The tones of a word in the order they are sent, the sync tone first. */
  tonesOf(index: number): readonly number[] {
    return [syncTone, ...encodeWord(index)];
  }

  /** Writes a word's tones into `target`, its first sample at `at`; what falls outside is left away. */
  write(index: number, target: Int16Array, at: number): void {
    this.tonesOf(index).forEach((tone, place) => {
      const symbol = this.symbols[tone] as Int16Array;
      const start = at + place * this.slot;
      const from = Math.max(0, -start);
      const to = Math.min(this.slot, target.length - start);
      if (from < to) target.set(symbol.subarray(from, to), start + from);
    });
  }

  #envelope(n: number): number {
    const ramp = this.sampleRate / rampsPerSecond;
    const edge = Math.min(n, this.slot - n) / ramp;
    return edge >= 1 ? 1 : 0.5 - 0.5 * Math.cos(Math.PI * edge);
  }
}
