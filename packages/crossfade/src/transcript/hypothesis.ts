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

/** The part of a hypothesis before `sample`, by the same rule. */
export function before(hypothesis: Hypothesis, sample: number): Hypothesis {
  if (hypothesis.end <= sample) return hypothesis;
  const words = hypothesis.words.filter((word) => (word.start + word.end) / 2 < sample);
  const text = hypothesis.words.length === 0 ? hypothesis.text : words.map((word) => word.text).join(' ');
  return { start: hypothesis.start, end: sample, words, text };
}
