import { codeSymbols, decodeWord } from './tone-code.ts';
import { dataTones, toneSlots, syncTone, type ToneGrid } from './tone-grid.ts';

/** One word found in the samples. */
export interface DecodedWord {
  /** Counter value. */
  readonly index: number;
  /** Half-open, in samples of the stream. */
  readonly start: number;
  readonly end: number;
  /** How well the samples fit the word, 0 to 1: 1 when clean, 0.7 with noise as loud as the word. */
  readonly match: number;
}

/** A reading before the caller decides about it. Positions are relative to the samples that were handed in. */
export interface WordReading {
  readonly index: number;
  readonly start: number;
  readonly match: number;
  /** False when a tone sounds where the gap should be: a splice may have moved the end of another word there. */
  readonly gapIsClear: boolean;
}

/** A tone must be twice as strong (3 dB) as the next best; half-and-half means a splice within the symbol. */
const marginMin = 2;
/** Matched noise reaches 0.1 at 8 kHz; words are still read at 6 dB more noise than signal (0.45). */
const matchMin = 0.42;
/** A gap may hold so much of a symbol's strength. */
const gapToneMax = 0.25;
/** All tones are 150 Hz apart, so phases repeat every 6.7 ms: search less than half of it to each side. */
const searchPerSecond = 300;
/** Where phases agree so well against the best place, the word may be. */
const agreeingShare = 0.6;

interface Tone {
  readonly tone: number;
  readonly strength: number;
  readonly re: number;
  readonly im: number;
}

/**
 * Reads the word whose first sample lies within 3 ms of `at`. `samples` may end early: what is missing
 * counts as silence. Null when there is no word.
 */
export function readWord(grid: ToneGrid, samples: Int16Array, at: number): WordReading | null {
  const symbols = readSymbols(grid, samples, at);
  if (symbols === null) return null;
  const index = decodeWord(symbols.slice(1).map(({ tone }) => tone));
  if (index === null) return null;
  const { start, match } = placeOf(grid, samples, at, symbols);
  if (match < matchMin) return null;
  const meanStrength = symbols.reduce((sum, { strength }) => sum + strength, 0) / symbols.length;
  const inGap = strongest(grid, samples, start + grid.toneSamples).best;
  return { index, start, match, gapIsClear: inGap.strength <= gapToneMax * meanStrength };
}

/** The sync tone and the seven symbols; null when one of them is not clear. */
function readSymbols(grid: ToneGrid, samples: Int16Array, at: number): Tone[] | null {
  const sync = correlate(grid, samples, at, syncTone);
  if (sync.strength === 0) return null;
  const symbols = [sync];
  for (let place = 1; place <= codeSymbols; place++) {
    const { best, next } = strongest(grid, samples, at + place * grid.slot);
    if (best.strength === 0 || best.strength < marginMin * next) return null;
    symbols.push(best);
  }
  return symbols;
}

function strongest(grid: ToneGrid, samples: Int16Array, at: number): { best: Tone; next: number } {
  let best: Tone = { tone: 0, strength: -1, re: 0, im: 0 };
  let next = 0;
  for (let tone = 0; tone < dataTones; tone++) {
    const found = correlate(grid, samples, at, tone);
    if (found.strength > best.strength) {
      next = Math.max(next, best.strength);
      best = found;
    } else next = Math.max(next, found.strength);
  }
  return { best, next };
}

/** One tone over one symbol: the sum of samples × e^(-iωn), and its squared size. */
function correlate(grid: ToneGrid, samples: Int16Array, at: number, tone: number): Tone {
  const cosines = grid.cosines[tone] as Float64Array;
  const sines = grid.sines[tone] as Float64Array;
  const from = Math.max(0, -at);
  const to = Math.min(grid.slot, samples.length - at);
  let re = 0;
  let im = 0;
  for (let n = from; n < to; n++) {
    const sample = samples[at + n] as number;
    re += sample * (cosines[n] as number);
    im -= sample * (sines[n] as number);
  }
  return { tone, strength: re * re + im * im, re, im };
}

/**
 * The first sample of the word, and how well it fits there. Phases alone may agree in several places: the tones of some
 * words are all 200 or 250 Hz apart, so that theirs repeat within the search; the samples tell which place is the one.
 */
function placeOf(
  grid: ToneGrid,
  samples: Int16Array,
  at: number,
  symbols: readonly Tone[],
): { readonly start: number; readonly match: number } {
  const tones = symbols.map(({ tone }) => tone);
  let best = { start: at, match: -1 };
  for (const shift of shiftsOf(grid, symbols, at)) {
    const start = polish(grid, samples, at + shift, tones);
    const match = matchOf(grid, samples, start, tones);
    if (match > best.match) best = { start, match };
  }
  return best;
}

/**
 * How many samples late the word may be against the windows: every tone starts as a sine, so a delay of d turns
 * its phase by ω × d; the true d is among those where all eight phases agree about as well as anywhere. A stream that
 * begins in the middle of a first tone has its window at the very beginning, and the word may have started half a symbol
 * before it.
 */
function shiftsOf(grid: ToneGrid, symbols: readonly Tone[], at: number): readonly number[] {
  const reach = Math.floor(grid.sampleRate / searchPerSecond);
  const reachBack = at > 0 ? reach : grid.slot >> 1;
  const sums: number[] = [];
  for (let shift = -reachBack; shift <= reach; shift++) {
    let sum = 0;
    for (const { tone, re, im } of symbols) {
      // Every tone has a whole number of periods in a slot, so the tables hold any shift.
      const phase = (shift + grid.slot) % grid.slot;
      sum -=
        im * (grid.cosines[tone] as Float64Array)[phase]! + re * (grid.sines[tone] as Float64Array)[phase]!;
    }
    sums.push(sum);
  }
  const enough = agreeingShare * Math.max(...sums);
  const isPeak = (sum: number, i: number): boolean =>
    sum >= enough && sum >= (sums[i - 1] ?? -Infinity) && sum > (sums[i + 1] ?? -Infinity);
  return sums.flatMap((sum, i) => (isPeak(sum, i) ? [i - reachBack] : []));
}

/** Samples; the phases are never out by more than 2 at 48 kHz, and each step costs a pass over the word. */
const polishSteps = 4;

/** Climbs to the best fit in the time domain; the phases are out by a sample or two where windows cut symbols. */
function polish(grid: ToneGrid, samples: Int16Array, start: number, tones: readonly number[]): number {
  const fit = (at: number): number => productOf(grid, samples, at, tones).cross;
  let best = start;
  let bestFit = fit(start);
  for (const direction of [-1, 1]) {
    for (let step = 0; step < polishSteps; step++) {
      const next = fit(best + direction);
      if (next <= bestFit) break;
      best += direction;
      bestFit = next;
    }
  }
  return best;
}

/** Normalized correlation of the samples with the word as it is sent, at most 1. */
function matchOf(grid: ToneGrid, samples: Int16Array, start: number, tones: readonly number[]): number {
  const { cross, own, sent } = productOf(grid, samples, start, tones);
  return own === 0 ? 0 : Math.min(1, Math.max(0, cross / Math.sqrt(own * sent)));
}

function productOf(
  grid: ToneGrid,
  samples: Int16Array,
  start: number,
  tones: readonly number[],
): { readonly cross: number; readonly own: number; readonly sent: number } {
  let cross = 0;
  let own = 0;
  let sent = 0;
  for (let place = 0; place < toneSlots; place++) {
    const symbol = grid.symbols[tones[place] as number] as Int16Array;
    const at = start + place * grid.slot;
    const from = Math.max(0, -at);
    const to = Math.min(grid.slot, samples.length - at);
    for (let n = from; n < to; n++) {
      const sample = samples[at + n] as number;
      const reference = symbol[n] as number;
      cross += sample * reference;
      own += sample * sample;
      sent += reference * reference;
    }
  }
  return { cross, own, sent };
}
