import { overlapOf } from './range-set.ts';
import type { EntryWord } from './session-record.ts';

/** What an upstream says of a sample range of the session, on the session's clock. */
export interface Hypothesis {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: readonly EntryWord[];
}

/** Text as it is compared: case, punctuation and spacing do not make two texts different. */
export function normalizedText(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** End of the last word; the range's end when there are no word times. */
export function lastWordEnd(hypothesis: Hypothesis): number {
  return hypothesis.words.at(-1)?.end ?? hypothesis.end;
}

/**
 * The part of a hypothesis after `sample`. A word belongs to the side where its middle is, so that a word on the
 * cut is kept once. Without word times the text cannot be cut and stays whole.
 */
export function after(hypothesis: Hypothesis, sample: number): Hypothesis {
  if (hypothesis.start >= sample) return hypothesis;
  const words = hypothesis.words.filter((word) => (word.start + word.end) / 2 >= sample);
  const text = hypothesis.words.length === 0 ? hypothesis.text : words.map((word) => word.text).join(' ');
  return { start: sample, end: hypothesis.end, words, text };
}

/**
 * The part of a replay's hypothesis that is new. A replay begins a little before `settled`, because the last word may
 * have been cut there; what it hears again is told by its place, never by its text: a word that ends before `settled`,
 * or shares at least half of itself or of a word that was `heard` before, is not new. A word that nobody heard is.
 */
export function newIn(hypothesis: Hypothesis, settled: number, heard: readonly EntryWord[]): Hypothesis {
  if (hypothesis.start >= settled) return hypothesis;
  const words = hypothesis.words
    .filter((word) => word.end > settled && !heard.some((other) => isSameWord(word, other)))
    .map((word) => (word.start < settled ? { ...word, start: settled } : word));
  const text = hypothesis.words.length === 0 ? hypothesis.text : words.map((word) => word.text).join(' ');
  return { start: settled, end: hypothesis.end, words, text };
}

function isSameWord(a: EntryWord, b: EntryWord): boolean {
  return overlapOf(a, b) * 2 >= Math.max(1, Math.min(a.end - a.start, b.end - b.start));
}

/** The part of a hypothesis before `sample`, by the same rule. */
export function before(hypothesis: Hypothesis, sample: number): Hypothesis {
  if (hypothesis.end <= sample) return hypothesis;
  const words = hypothesis.words.filter((word) => (word.start + word.end) / 2 < sample);
  const text = hypothesis.words.length === 0 ? hypothesis.text : words.map((word) => word.text).join(' ');
  return { start: hypothesis.start, end: sample, words, text };
}
