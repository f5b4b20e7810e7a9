import { normalizeWords } from '../analysis/text-normalizer.ts';
import { addWordErrors, alignWords, noWordErrors, type WordErrors } from '../analysis/word-errors.ts';
import { overlapOf } from '../transcript/range-set.ts';
import type { SaidText } from './driver.ts';
import type { SpokenWord } from './probe.ts';

/** Where, in the words that were said, something was heard. */
export interface HeardSpeech {
  /** By place in the words that were said: heard as itself, as something else, or not at all. */
  readonly words: readonly ('heard' | 'misheard' | 'unheard')[];
  readonly errors: WordErrors;
}

/** A heard word that covers this much of a said one was made of its audio, whatever it says. */
const samePlaceShare = 0.3;

/**
 * Compares what finals say with what was said. What counts is whether anything was heard in the place of a word: a word
 * that is heard as another was there to be heard. Places are times where the target gives them, else the order of words.
 */
export function hearSpeech(said: readonly SpokenWord[], finals: readonly SaidText[]): HeardSpeech {
  const heard = inOrder(finals).flatMap((final) =>
    final.words.length > 0
      ? final.words.flatMap(({ text, start, end }) => wordsOf(text).map((word) => ({ word, start, end })))
      : wordsOf(final.text).map((word) => ({ word, start: 0, end: 0 })),
  );
  const reference = said.map(({ text }) => wordsOf(text).join(''));
  const { heardAt, errors } = alignWords(
    reference,
    heard.map(({ word }) => word),
  );
  const words = said.map((word, i) => {
    const place = heardAt[i] ?? null;
    if (place !== null) return heard[place]?.word === reference[i] ? 'heard' : 'misheard';
    const isThere = heard.some((other) => overlapOf(other, word) >= samePlaceShare * (word.end - word.start));
    return isThere ? 'misheard' : 'unheard';
  });
  return { words, errors };
}

/** Word errors of a whole session against its reference text, both normalized. */
export function errorsOf(reference: string, finals: readonly SaidText[]): WordErrors {
  const heard = normalizeWords(
    inOrder(finals)
      .map(({ text }) => text)
      .join(' '),
  );
  return addWordErrors(noWordErrors, alignWords(normalizeWords(reference), heard).errors);
}

function inOrder(finals: readonly SaidText[]): readonly SaidText[] {
  return [...finals].sort((a, b) => a.start - b.start);
}

/** A word as it is compared here: letters and figures alone; corpus words are plain, so nothing needs a rule. */
function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replace(/['’]/g, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
