/** The finals of a session for a client that comes back: entries with their words, and silence between them. Pure. */
import { after } from './hypothesis.ts';
import { segmentIdOf, segmentNumberOf } from './reconciler.ts';
import type { Entry } from './session-record.ts';

export type FinalAgain = Omit<Entry, 'upstream'>;

/** The last final that a client has: its number (-1: it has none), and where it ends. */
export interface LastFinal {
  readonly afterSegment: number;
  readonly heardSample: number;
}

/**
 * Finals behind the last one that a client has, up to `endSample`, where settled audio ends. Finals tile the audio, so a
 * gap between two entries was silence, said in one final or in several; it comes back as one, under the number of the
 * first, because a client may still show a partial of that. `nextFinal`: the number that no final had yet.
 *
 * Numbers and audio of a client agree with ours, unless a power cut took finals that it has: then others are behind
 * what it has, numbered on from there.
 */
export function finalsAgain(
  entries: readonly Entry[],
  to: { readonly endSample: number; readonly nextFinal: number },
  { afterSegment, heardSample }: LastFinal,
): readonly FinalAgain[] {
  const finals: FinalAgain[] = [];
  let settled = 0;
  let number = -1;
  const silenceUpTo = (end: number, before: number): void => {
    if (end > settled && number + 1 < before)
      finals.push({ segmentId: segmentIdOf(number + 1), start: settled, end, text: '', words: [] });
  };
  for (const { segmentId, start, end, text, words } of entries) {
    silenceUpTo(start, segmentNumberOf(segmentId));
    finals.push({ segmentId, start, end, text, words });
    settled = end;
    number = segmentNumberOf(segmentId);
  }
  silenceUpTo(to.endSample, to.nextFinal);
  let last = afterSegment;
  return finals
    .filter(({ end }) => end > heardSample)
    .map((final) => {
      last = Math.max(last + 1, segmentNumberOf(final.segmentId));
      return { ...final, ...after(final, heardSample), segmentId: segmentIdOf(last) };
    });
}
