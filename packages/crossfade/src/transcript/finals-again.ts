/** The finals of a session for a client that comes back: entries with their words, and silence between them. Pure. */
import { segmentIdOf, segmentNumberOf } from './reconciler.ts';
import type { Entry } from './session-record.ts';

export type FinalAgain = Omit<Entry, 'upstream'>;

/**
 * Finals after segment `afterSegment` (-1: all) up to `endSample`, where settled audio ends. Finals tile the audio, so a
 * gap between two entries was silence, said in one final or in several; it comes back as one, under a number of its own
 * that lies between those of its neighbours. `nextSegment`: the number that no segment had yet.
 */
export function finalsAgain(
  entries: readonly Entry[],
  to: { readonly endSample: number; readonly nextSegment: number },
  afterSegment: number,
): readonly FinalAgain[] {
  const finals: FinalAgain[] = [];
  let settled = 0;
  let number = -1;
  const silenceUpTo = (end: number, before: number): void => {
    if (end > settled && number + 1 < before)
      finals.push({ segmentId: segmentIdOf(before - 1), start: settled, end, text: '', words: [] });
  };
  for (const { segmentId, start, end, text, words } of entries) {
    silenceUpTo(start, segmentNumberOf(segmentId));
    finals.push({ segmentId, start, end, text, words });
    settled = end;
    number = segmentNumberOf(segmentId);
  }
  silenceUpTo(to.endSample, to.nextSegment);
  return finals.filter(({ segmentId }) => segmentNumberOf(segmentId) > afterSegment);
}
