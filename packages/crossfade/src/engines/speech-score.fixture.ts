/**
 * Text as it is compared: lower case, letters, figures and inner apostrophes only. It knows no contractions,
 * spellings or number words: score against references that were written the way recognizers write.
 */
export function normalizeWords(text: string): string[] {
  return text
    .toLowerCase()
    .replaceAll('’', "'")
    .split(/[^\p{L}\p{N}']+/u)
    .map((word) => word.replace(/^'+|'+$/g, ''))
    .filter(Boolean);
}

/** Errors against a reference; pool several with `addWordErrors` before taking the rate. */
export interface WordErrors {
  /** Substitutions, deletions and insertions of the cheapest alignment. */
  readonly errors: number;
  readonly referenceWords: number;
}

/** Least edits between what was said and what was heard, both normalized. */
export function wordErrors(reference: string, heard: string): WordErrors {
  const said = normalizeWords(reference);
  const got = normalizeWords(heard);
  let previous = Array.from({ length: got.length + 1 }, (_, j) => j);
  said.forEach((word, i) => {
    const row = [i + 1];
    got.forEach((other, j) => {
      const swap = (previous[j] as number) + (word === other ? 0 : 1);
      row.push(Math.min(swap, (previous[j + 1] as number) + 1, (row[j] as number) + 1));
    });
    previous = row;
  });
  return { errors: previous[got.length] as number, referenceWords: said.length };
}

export function addWordErrors(parts: readonly WordErrors[]): WordErrors {
  return {
    errors: parts.reduce((sum, part) => sum + part.errors, 0),
    referenceWords: parts.reduce((sum, part) => sum + part.referenceWords, 0),
  };
}

/** Errors per reference word; above 1 is possible. Null when nothing was said. */
export function wordErrorRate({ errors, referenceWords }: WordErrors): number | null {
  return referenceWords === 0 ? null : errors / referenceWords;
}
