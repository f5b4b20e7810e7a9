/**
 * Turns what upstreams say into what the user sees.
 *
 * The finals of a session tile its audio: the *watermark* is the end of the last accepted one, and everything
 * before it is settled. Whatever interleaving of partials, finals, re-sends and replays comes in, three things hold:
 * an entry is shown once, a partial is never shown after its final, and two entries never share a sample. Nothing is
 * ever told apart by text, because two real "yes" are two.
 */
import { after, type Hypothesis } from './hypothesis.ts';
import { overlapOf, type SampleRange } from './range-set.ts';
import type { Entry, EntryWord } from './session-record.ts';

/** What to show. `revision` counts the texts of one segment, from 0. */
export interface Shown extends Hypothesis {
  readonly segmentId: string;
  readonly revision: number;
  readonly isFinal: boolean;
}

export type Reconciled =
  | { readonly kind: 'show'; readonly shown: Shown }
  /** Nothing new: it was settled before, or says what is shown already. */
  | { readonly kind: 'ignored'; readonly why: 'settled' | 'unchanged' }
  /** A final that skips audio no final covered. It was not accepted; the caller decides what to do. */
  | { readonly kind: 'hole'; readonly hole: SampleRange };

/** Where a replay begins, and what must not be shown again. */
export interface ReplayPoint {
  /** First sample to send: in the last final, at its last word if that touches the end, else behind it. */
  readonly baseSample: number;
  /** The watermark: what is before it is settled. */
  readonly settledSample: number;
  /** Words of the last final. */
  readonly heard: readonly EntryWord[];
}

interface OpenSegment {
  readonly id: string;
  /** Of the text that is shown; −1: none is. */
  readonly revision: number;
  readonly text: string;
  readonly range: SampleRange;
}

export class Reconciler {
  readonly #upstreamTolerance: number;
  readonly #entries: Entry[] = [];
  #watermark = 0;
  #nextSegment = 0;
  #open: OpenSegment | null = null;
  #lastFinal: { readonly start: number; readonly words: readonly EntryWord[] } = { start: 0, words: [] };

  /** `toleranceSamples`: how far a final may start after the watermark and still tile, because some upstreams round their times. */
  constructor(toleranceSamples: number) {
    this.#upstreamTolerance = toleranceSamples;
  }

  /** End of the settled audio; a replay starts here. */
  get watermark(): number {
    return this.#watermark;
  }

  /**
   * A final may end in the middle of a word (a fixed chunk, lost audio). So a replay begins before the watermark, and
   * hears the cut word whole.
   */
  replayPoint(preRollMaxSamples: number): ReplayPoint {
    const { start, words } = this.#lastFinal;
    const last = words.at(-1);
    const touches = last !== undefined && this.#watermark - last.end <= this.#upstreamTolerance;
    const word = last === undefined ? start : touches ? last.start : last.end;
    const baseSample = Math.min(
      this.#watermark,
      Math.max(0, start, word, this.#watermark - preRollMaxSamples),
    );
    return { baseSample, settledSample: this.#watermark, heard: words };
  }

  /** Finals with text, in order. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Number that the next final takes; numbers of finals grow through reconnects and restarts. */
  get nextFinal(): number {
    return this.#open === null ? this.#nextSegment : segmentNumberOf(this.#open.id);
  }

  /** The segment that was begun and has no final. */
  get openSegment(): { readonly id: string; readonly range: SampleRange } | null {
    return this.#open;
  }

  partial(hypothesis: Hypothesis): Reconciled {
    if (hypothesis.end <= this.#watermark) return { kind: 'ignored', why: 'settled' };
    const rest = after(hypothesis, this.#watermark);
    const open = this.#open;
    if (rest.text === (open?.text ?? '')) {
      if (open !== null) this.#open = { ...open, range: union(open.range, rest) };
      return { kind: 'ignored', why: 'unchanged' };
    }
    const id = open?.id ?? this.#takeId();
    const revision = open === null ? 0 : open.revision + 1;
    this.#open = { id, revision, text: rest.text, range: open === null ? rest : union(open.range, rest) };
    return { kind: 'show', shown: { ...rest, segmentId: id, revision, isFinal: false } };
  }

  /** `acceptHole`: take a final that skips audio, because nobody will do better. */
  final(hypothesis: Hypothesis, upstream: string, acceptHole = false): Reconciled {
    if (hypothesis.end <= this.#watermark) return { kind: 'ignored', why: 'settled' };
    if (hypothesis.start > this.#watermark + this.#upstreamTolerance && !acceptHole) {
      return { kind: 'hole', hole: { start: this.#watermark, end: hypothesis.start } };
    }
    const trimmed = after(hypothesis, this.#watermark);
    const start = acceptHole ? trimmed.start : this.#watermark;
    const rest: Hypothesis = { ...trimmed, start };
    const open = this.#open;
    const id = open?.id ?? this.#takeId();
    const revision = open === null ? 0 : open.revision + 1;
    this.#watermark = rest.end;
    this.#lastFinal = rest;
    this.#open = open === null || answers(rest, open.range) ? null : this.#restOf(open, rest.end);
    if (rest.text !== '') this.#entries.push({ segmentId: id, ...rest, upstream });
    return { kind: 'show', shown: { ...rest, segmentId: id, revision, isFinal: true } };
  }

  /** Puts back an entry that was settled before a restart, with the number of its segment. */
  restore(entry: Entry, segmentNumber: number): void {
    this.#watermark = Math.max(this.#watermark, entry.end);
    this.#lastFinal = entry;
    this.#nextSegment = Math.max(this.#nextSegment, segmentNumber + 1);
    if (entry.text !== '') this.#entries.push(entry);
  }

  /** Finals below this number exist somewhere: no other gets theirs. What is open goes on as a segment not shown yet. */
  skipTo(number: number): void {
    if (number <= this.nextFinal) return;
    this.#nextSegment = Math.max(this.#nextSegment, number);
    if (this.#open !== null) this.#open = { ...this.#open, id: this.#takeId(), revision: -1, text: '' };
  }

  /**
   * What a short final left of a partial is a segment of its own, not shown yet: so the ids of finals grow with their
   * audio, and whoever has one has all before it.
   */
  #restOf(open: OpenSegment, watermark: number): OpenSegment {
    const range = { start: Math.max(open.range.start, watermark), end: open.range.end };
    return { id: this.#takeId(), revision: -1, text: '', range };
  }

  #takeId(): string {
    return segmentIdOf(this.#nextSegment++);
  }
}

/** Segment ids are numbers in order of appearance, written so that they sort. */
export function segmentIdOf(number: number): string {
  return `s${number.toString().padStart(5, '0')}`;
}

export function segmentNumberOf(id: string): number {
  return Number(id.slice(1));
}

/** A final answers all of the open partial when it covers half of it, or reaches its end: no other will. */
function answers(final: SampleRange, open: SampleRange): boolean {
  return overlapOf(open, final) * 2 >= open.end - open.start || final.end >= open.end;
}

function union(a: SampleRange, b: SampleRange): SampleRange {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) };
}
