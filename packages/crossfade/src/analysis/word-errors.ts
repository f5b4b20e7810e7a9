/** Errors of the cheapest alignment; pooled over texts before a rate is taken, so that a long text weighs more. */
export interface WordErrors {
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
  readonly referenceWords: number;
}

export const noWordErrors: WordErrors = { substitutions: 0, deletions: 0, insertions: 0, referenceWords: 0 };

/** Words of one text that are compared; the cost grows with the product. An hour of speech has 9,000. */
export const comparedWordsMax = 12_000;

/** For each reference word the heard word in its place; null: nothing was heard there. */
export interface Alignment {
  readonly heardAt: readonly (number | null)[];
  readonly errors: WordErrors;
}

/** Least edits between what was said and what was heard, both as normalized words. */
export function alignWords(said: readonly string[], heard: readonly string[]): Alignment {
  const reference = said.slice(0, comparedWordsMax);
  const got = heard.slice(0, comparedWordsMax);
  const width = got.length + 1;
  // One byte per cell says where its cheapest way came from: 0 from both, 1 a deletion, 2 an insertion.
  const from = new Uint8Array((reference.length + 1) * width);
  let above = Uint32Array.from({ length: width }, (_, j) => j);
  from.fill(2, 1, width);
  for (let i = 1; i <= reference.length; i++) {
    const row = new Uint32Array(width);
    row[0] = i;
    from[i * width] = 1;
    for (let j = 1; j < width; j++) {
      const both = above[j - 1]! + (reference[i - 1] === got[j - 1] ? 0 : 1);
      const deletion = above[j]! + 1;
      const insertion = row[j - 1]! + 1;
      const least = Math.min(both, deletion, insertion);
      row[j] = least;
      from[i * width + j] = least === both ? 0 : least === deletion ? 1 : 2;
    }
    above = row;
  }
  return traced(reference, got, from);
}

function traced(reference: readonly string[], got: readonly string[], from: Uint8Array): Alignment {
  const width = got.length + 1;
  const heardAt: (number | null)[] = Array.from({ length: reference.length }, () => null);
  const count = { substitutions: 0, deletions: 0, insertions: 0 };
  let i = reference.length;
  let j = got.length;
  while (i > 0 || j > 0) {
    const way = from[i * width + j];
    if (way === 1) {
      i -= 1;
      count.deletions += 1;
    } else if (way === 2) {
      j -= 1;
      count.insertions += 1;
    } else {
      i -= 1;
      j -= 1;
      heardAt[i] = j;
      if (reference[i] !== got[j]) count.substitutions += 1;
    }
  }
  return { heardAt, errors: { ...count, referenceWords: reference.length } };
}

export function addWordErrors(a: WordErrors, b: WordErrors): WordErrors {
  return {
    substitutions: a.substitutions + b.substitutions,
    deletions: a.deletions + b.deletions,
    insertions: a.insertions + b.insertions,
    referenceWords: a.referenceWords + b.referenceWords,
  };
}

/** Errors per reference word; above 1 is possible. Null when nothing was said. */
export function wordErrorRate({
  substitutions,
  deletions,
  insertions,
  referenceWords,
}: WordErrors): number | null {
  return referenceWords === 0 ? null : (substitutions + deletions + insertions) / referenceWords;
}
