/**
 * What one session's upstreams say, and what of it the user sees: reconciled into entries, and counted in both ledgers.
 * Times come from outside; where it goes is not decided here.
 */
import { msToSamples } from '@crossfade/sdk/core/units';
import { DueTime } from '../transcript/due-time.ts';
import { type FinalAgain, finalsAgain } from '../transcript/finals-again.ts';
import { before, type Hypothesis, lastWordEnd } from '../transcript/hypothesis.ts';
import type { SampleRange } from '../transcript/range-set.ts';
import {
  Reconciler,
  type ReplayPoint,
  segmentIdOf,
  segmentNumberOf,
  type Shown,
} from '../transcript/reconciler.ts';
import type { Entry } from '../transcript/session-record.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import { replayNotes } from './replay-notes.ts';
import type { FinalSource, Relay } from './relay.ts';
import type { ResumePoint } from './session-client.ts';
import { SessionLedgers } from './session-ledgers.ts';
import type { SessionNote } from './session-notes.ts';

/** Finals that round their times may leave this much between them. */
const toleranceMs = 20;
/** A replay goes back to a cut word at most this far: longer than any word. */
const preRollMaxMs = 1_500;

/** Something to show. `saidAtMs`: when the first word of it was said; null: it is nothing that its user reads. */
export interface ToShow {
  readonly shown: Shown;
  readonly saidAtMs: number | null;
}

/** A final to show, with the note that keeps it; or the audio that it skipped. */
export type HeardFinal =
  | (ToShow & { readonly kind: 'show'; readonly note: SessionNote })
  | { readonly kind: 'hole'; readonly hole: SampleRange };

export class SessionTranscript {
  readonly ledgers: SessionLedgers;
  readonly #reconciler: Reconciler;
  readonly #due: DueTime;
  readonly #sampleRate: number;
  #endSample = 0;

  /** `interimResults`: the client gets partials too. */
  constructor({ sampleRate, interimResults }: Pick<ListenQuery, 'sampleRate' | 'interimResults'>) {
    this.ledgers = new SessionLedgers(interimResults);
    this.#sampleRate = sampleRate;
    this.#reconciler = new Reconciler(msToSamples(toleranceMs, sampleRate));
    this.#due = new DueTime(sampleRate);
  }

  /** First sample that has not arrived. */
  get endSample(): number {
    return this.#endSample;
  }

  /** First sample that no final covers. */
  get settledSample(): number {
    return this.#reconciler.watermark;
  }

  get entries(): readonly Entry[] {
    return this.#reconciler.entries;
  }

  /** Whether an utterance is under way: between two of them is a boundary. */
  get isInUtterance(): boolean {
    return this.#reconciler.openSegment !== null;
  }

  /** Whether the audio came at the pace of speech. */
  get realTime(): boolean {
    return this.#due.realTime;
  }

  /** Audio up to `endSample` arrived. */
  frame(endSample: number, atMs: number): void {
    this.#endSample = endSample;
    this.#due.frame(endSample, atMs);
  }

  /** Where the next attempt begins. */
  replayPoint(): ReplayPoint {
    return this.#reconciler.replayPoint(msToSamples(preRollMaxMs, this.#sampleRate));
  }

  /** Stands again where it stood when the gateway died, as far as the journal knows. */
  restore(endSample: number, notes: readonly SessionNote[], relay: Relay, atMs: number): void {
    this.#endSample = endSample;
    replayNotes(notes, { ledgers: this.ledgers, reconciler: this.#reconciler, relay }, atMs);
    this.ledgers.gatewayRestarted();
  }

  /** Where the finals of a client end that has more than is settled, because a power cut took what it has; else 0. */
  heardBeyond(had: ResumePoint | null): number {
    const heardSample = had?.heardSample ?? 0;
    return heardSample > this.settledSample ? heardSample : 0;
  }

  /** The finals that a client may have missed that comes back. What it has by then keeps its number. */
  finalsAfter(had: ResumePoint): readonly FinalAgain[] {
    const { entries, watermark: endSample, nextFinal } = this.#reconciler;
    const finals = finalsAgain(entries, { endSample, nextFinal }, had);
    const last = finals.at(-1);
    this.#reconciler.skipTo((last === undefined ? had.afterSegment : segmentNumberOf(last.segmentId)) + 1);
    return finals;
  }

  /** A fault on purpose: entries that `isRepeated` picks, as segments of their own. */
  repeated(isRepeated: () => boolean): readonly FinalAgain[] {
    return this.entries.filter(isRepeated).map((entry) => {
      const number = this.#reconciler.nextFinal;
      this.#reconciler.skipTo(number + 1);
      return { ...entry, segmentId: segmentIdOf(number) };
    });
  }

  /** Null: nothing new. */
  partial(said: Hypothesis, atMs: number): ToShow | null {
    const hypothesis = before(said, this.#endSample);
    this.ledgers.upstreamPartial(hypothesis, atMs, this.#due.dueMs);
    const result = this.#reconciler.partial(hypothesis);
    if (result.kind !== 'show') return null;
    const { shown } = result;
    return { shown, saidAtMs: this.#show(shown, atMs) };
  }

  /** Null: nothing new. `isLive`: more audio may come, so that its latency counts. */
  final(said: Hypothesis, from: FinalSource, atMs: number, isLive: boolean): HeardFinal | null {
    // Silence that we sent after the tail.
    if (said.start >= this.#endSample) return null;
    const hypothesis = before(said, this.#endSample);
    const byArm = this.ledgers.armIsServing;
    const hadPartial = this.isInUtterance;
    this.ledgers.upstreamFinal(hypothesis, atMs, this.#due.dueMs);
    const result = this.#reconciler.final(hypothesis, from.upstream, from.acceptHole);
    if (result.kind === 'hole') return { kind: 'hole', hole: result.hole };
    if (result.kind === 'ignored') return null;
    const { shown } = result;
    const saidAtMs = this.#show(shown, atMs);
    const isTimed = isLive && shown.text !== '';
    const latencyMs = isTimed ? Math.max(0, Math.round(atMs - this.#due.dueMs(lastWordEnd(shown)))) : null;
    const { segmentId, start, end, text, words } = shown;
    const by = { upstream: from.upstream, byArm, hadPartial, latencyMs };
    return {
      kind: 'show',
      shown,
      saidAtMs,
      note: { kind: 'final', segmentId, start, end, text, words, ...by },
    };
  }

  /** Counts it for the user, and answers when its first word was said; null: nothing that they read. */
  #show(shown: Shown, atMs: number): number | null {
    const { dueMs } = this.#due;
    if (!this.ledgers.shown(shown, shown.isFinal, atMs, dueMs)) return null;
    return dueMs(shown.words[0]?.start ?? shown.start);
  }
}
