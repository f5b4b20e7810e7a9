/** One phone of an utterance as flite spoke it; `endMs` counts from the utterance's first sample. */
export interface TimedPhone {
  readonly phone: string;
  readonly endMs: number;
}

/** Where a word lies in an utterance, in ms from its first sample, half-open. */
export interface TimedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

const pause = 'pau';

/** Reads what `flite -psdur` prints: `pau:0.176 dh:0.329 …`, end times in seconds. */
export function parsePhones(stdout: string): TimedPhone[] {
  return [...stdout.matchAll(/(\S+):(\d+\.\d+)/g)].map(([, phone, end]) => ({
    phone: phone as string,
    endMs: Number(end) * 1_000,
  }));
}

/** The phones of each word, from an utterance spoken with a pause after every word. */
export function splitAtPauses(phones: readonly TimedPhone[]): string[][] {
  const groups: string[][] = [];
  let open: string[] | undefined;
  for (const { phone } of phones) {
    if (phone === pause) open = undefined;
    else if (open === undefined) groups.push((open = [phone]));
    else open.push(phone);
  }
  return groups;
}

/**
 * Gives each word the time of its phones. Spoken together, words change a little ("the" becomes `dh ax`
 * before a consonant), so the phones of the words spoken apart are aligned to those of the sentence by
 * least edits rather than counted off.
 */
export function placeWords(
  words: readonly string[],
  phonesApart: readonly (readonly string[])[],
  spoken: readonly TimedPhone[],
): TimedWord[] {
  const apart = phonesApart.flatMap((phones, word) => phones.map((phone) => ({ phone, word })));
  const wordOf = alignPhones(
    apart.map(({ phone }) => phone),
    spoken.map(({ phone }) => phone),
  ).map((index) => (index === undefined ? undefined : apart[index]?.word));

  const starts = new Map<number, number>();
  const ends = new Map<number, number>();
  let startMs = 0;
  spoken.forEach(({ endMs }, i) => {
    const word = wordOf[i];
    if (word !== undefined) {
      if (!starts.has(word)) starts.set(word, startMs);
      ends.set(word, endMs);
    }
    startMs = endMs;
  });
  let lastEndMs = 0;
  return words.map((text, word) => {
    // A word that no phone was given to has no length; it sits where the one before it ended.
    const placed = { text, startMs: starts.get(word) ?? lastEndMs, endMs: ends.get(word) ?? lastEndMs };
    lastEndMs = placed.endMs;
    return placed;
  });
}

/** For each spoken phone the index of the expected phone it stands for; undefined for pauses and additions. */
function alignPhones(expected: readonly string[], spoken: readonly string[]): (number | undefined)[] {
  const columns = expected.length + 1;
  const cost = new Uint16Array((spoken.length + 1) * columns);
  const at = (i: number, j: number): number => cost[i * columns + j] as number;
  // A pause stands for nothing, at no cost; a changed phone costs as much as a missing one.
  const swap = (i: number, j: number): number =>
    spoken[i] === expected[j] ? 0 : spoken[i] === pause ? 1_000 : 1;
  const skip = (i: number): number => (spoken[i] === pause ? 0 : 1);
  for (let j = 1; j < columns; j++) cost[j] = j;
  for (let i = 1; i <= spoken.length; i++) {
    cost[i * columns] = at(i - 1, 0) + skip(i - 1);
    for (let j = 1; j < columns; j++) {
      cost[i * columns + j] = Math.min(
        at(i - 1, j - 1) + swap(i - 1, j - 1),
        at(i - 1, j) + skip(i - 1),
        at(i, j - 1) + 1,
      );
    }
  }
  const aligned: (number | undefined)[] = spoken.map(() => undefined);
  for (let i = spoken.length, j = expected.length; i > 0 && j >= 0;) {
    if (j > 0 && at(i, j) === at(i - 1, j - 1) + swap(i - 1, j - 1)) {
      i -= 1;
      j -= 1;
      aligned[i] = j;
    } else if (j > 0 && at(i, j) === at(i, j - 1) + 1) j -= 1;
    else i -= 1;
  }
  return aligned;
}
