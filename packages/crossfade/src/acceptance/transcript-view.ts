import { normalizedText } from '../transcript/hypothesis.ts';
import { overlapOf, type SampleRange } from '../transcript/range-set.ts';

/** A text for the half-open sample range `[start, end)`; a final of silence has an empty one. */
export interface ViewText extends SampleRange {
  readonly isFinal: boolean;
  readonly text: string;
}

/** What a person sees for one segment. */
export interface ShownEntry extends SampleRange {
  readonly text: string;
}

/** The text that may still change, and since when a final stands beside it that should have replaced it. */
export interface ShownPartial extends ShownEntry {
  readonly besideSinceMs: number | null;
}

/** What is on the screen: entries that stay, and at most one text that may still change. */
export interface TranscriptView {
  readonly entries: readonly ShownEntry[];
  readonly partial: ShownPartial | null;
  /** Entries ever shown, and those of them that repeat another. */
  readonly shown: number;
  readonly duplicates: number;
}

export const emptyView: TranscriptView = { entries: [], partial: null, shown: 0, duplicates: 0 };

/** A partial that is still there this long after its final is an entry too many; before that nobody sees it. */
export const stalePartialMs = 100;
/** An entry is compared with this many before it, so that a view that runs for hours stays small. */
const keptEntriesMax = 256;

/**
 * The view after a text came at `nowMs`. A final takes away the partial that it covers by half and more; a partial
 * replaces the partial before it. Pure: time is an argument, so that a page and a count of it agree.
 */
export function show(view: TranscriptView, text: ViewText, nowMs: number): TranscriptView {
  const settled = settle(view, nowMs);
  if (!text.isFinal) return { ...settled, partial: partialOf(settled, text, nowMs) };
  const { partial } = settled;
  const isAnswered = partial !== null && isCovered(partial, text);
  const left = { ...settled, partial: isAnswered ? null : partial };
  if (text.text === '') return left;
  const entry = { start: text.start, end: text.end, text: text.text };
  const isDuplicate = left.entries.some((other) => isSameEntry(other, entry));
  return {
    ...left,
    entries: [...left.entries, entry].slice(-keptEntriesMax),
    shown: left.shown + 1,
    duplicates: left.duplicates + (isDuplicate ? 1 : 0),
  };
}

/** The view at `nowMs` when nothing new came: a partial that outstayed its final has become a duplicate. */
export function settle(view: TranscriptView, nowMs: number): TranscriptView {
  const since = view.partial?.besideSinceMs ?? null;
  if (since === null || nowMs - since < stalePartialMs) return view;
  return { ...view, partial: null, shown: view.shown + 1, duplicates: view.duplicates + 1 };
}

function partialOf(view: TranscriptView, text: ViewText, nowMs: number): TranscriptView['partial'] {
  if (text.text === '') return null;
  const partial = { start: text.start, end: text.end, text: text.text };
  if (!view.entries.some((entry) => isCovered(partial, entry))) return { ...partial, besideSinceMs: null };
  // A text of the same segment that is told again has been there since it was first shown.
  const before = view.partial !== null && overlapOf(view.partial, text) > 0 ? view.partial : null;
  return { ...partial, besideSinceMs: before?.besideSinceMs ?? nowMs };
}

function isCovered(range: SampleRange, by: SampleRange): boolean {
  return overlapOf(range, by) * 2 >= range.end - range.start;
}

function isSameEntry(a: ShownEntry, b: ShownEntry): boolean {
  return isCovered(b, a) && normalizedText(a.text) === normalizedText(b.text);
}
