import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, seededRandom, type Random } from '@crossfade/sdk/core/random';
import { msToSamples } from '@crossfade/sdk/core/units';
import { wordCount } from './tone-code.ts';
import { ToneGrid } from './tone-grid.ts';
import { wordText } from './word-text.ts';

/** One word of the truth; the range is in samples of the script, half-open, exact. */
export interface ProbeWord {
  readonly index: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Words without a pause, as one would say a sentence. */
export interface ProbeUtterance {
  readonly words: readonly ProbeWord[];
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What will be said and when: the truth of a probe session. */
export interface ProbeScript {
  readonly sampleRate: number;
  readonly totalSamples: number;
  readonly utterances: readonly ProbeUtterance[];
  readonly words: readonly ProbeWord[];
}

/** Both ends included. */
export type Between = readonly [min: number, max: number];

export interface ProbeOptions {
  readonly seed: number;
  readonly sampleRate: number;
  /** As many utterances as given, or as many as fit into a length; at least one of the two. */
  readonly utterances?: number;
  /** Length of the whole, ms, exact: silence fills what is left. With `speakToEnd` the most it may be. */
  readonly durationMs?: number;
  /** Default 4 to 9. */
  readonly wordsPerUtterance?: Between;
  /** Silence between utterances, ms. Default 600 to 1,200. */
  readonly silenceMs?: Between;
  /** Silence before the first word. Default 200. */
  readonly leadMs?: number;
  /** Silence after the last word where the script ends with it. Default 0: speech runs right up to the stop. */
  readonly tailMs?: number;
  /** With `durationMs`: the last utterance goes on to the end, and the script ends with its last word: shows a missed tail. */
  readonly speakToEnd?: boolean;
  /** Counter of the first word; default drawn from the seed, so that sessions do not share words. */
  readonly firstWord?: number;
  /** Shared by the scripts of one sample rate, because one takes 2 ms to make; made here when not given. */
  readonly grid?: ToneGrid;
}

/** More audio than any session here carries; a typing error would fill the memory otherwise. */
const totalMsMax = 12 * 3_600_000;

/** Writes a script: counters run on from word to word through the whole session. The same options give the same script. */
export function probeScript(options: ProbeOptions): ProbeScript {
  const { sampleRate, utterances: count = Number.POSITIVE_INFINITY, durationMs } = options;
  if (durationMs === undefined && !Number.isFinite(count)) {
    throw new CrossfadeError(
      'USAGE',
      'Expected a probe script to have utterances or durationMs, got neither.',
    );
  }
  if (durationMs !== undefined && !(durationMs >= 0 && durationMs <= totalMsMax)) {
    throw new CrossfadeError('USAGE', `Expected durationMs from 0 to ${totalMsMax}, got ${durationMs}.`);
  }
  const grid = options.grid ?? new ToneGrid(sampleRate);
  const random = seededRandom(options.seed);
  const limit = msToSamples(durationMs ?? totalMsMax, sampleRate);
  const firstWord = options.firstWord ?? below(random, wordCount);
  const gap = grid.wordSamples - grid.toneSamples;
  const utterances: ProbeUtterance[] = [];
  let said = 0;
  let at = msToSamples(options.leadMs ?? 200, sampleRate);
  while (utterances.length < count) {
    const fit = Math.floor((limit - at + gap) / grid.wordSamples);
    if (fit <= 0) break;
    const words = Math.min(draw(random, options.wordsPerUtterance ?? [4, 9]), fit);
    const pause = msToSamples(draw(random, options.silenceMs ?? [600, 1_200]), sampleRate);
    const isLast = at + (words + 1) * grid.wordSamples + pause > limit;
    const length = isLast && options.speakToEnd === true ? fit : words;
    utterances.push(utterance(grid, firstWord + said, length, at));
    said += length;
    at += length * grid.wordSamples + pause;
  }
  if (said > wordCount) {
    throw new CrossfadeError('USAGE', `Expected at most ${wordCount} words in a script, got ${said}.`);
  }
  const end = utterances.at(-1)?.end ?? Math.min(at, limit);
  const stopsSpeaking = durationMs === undefined || options.speakToEnd === true;
  const totalSamples = stopsSpeaking ? end + msToSamples(options.tailMs ?? 0, sampleRate) : limit;
  return { sampleRate, totalSamples, utterances, words: utterances.flatMap(({ words }) => words) };
}

function draw(random: Random, [min, max]: Between): number {
  return min + below(random, max - min + 1);
}

function utterance(grid: ToneGrid, firstWord: number, length: number, start: number): ProbeUtterance {
  const words = Array.from({ length }, (_, i): ProbeWord => {
    const index = (firstWord + i) % wordCount;
    const at = start + i * grid.wordSamples;
    return { index, text: wordText(index), start: at, end: at + grid.toneSamples };
  });
  const end = start + (length - 1) * grid.wordSamples + grid.toneSamples;
  return { words, start, end, text: words.map((word) => word.text).join(' ') };
}
