/** What is known of one session while it is spoken, and after. */
import type { EntryWord } from '../../transcript/session-record.ts';
import { MetricCounter } from '../../transcript/metric-counter.ts';
import type { Hypothesis } from '../../transcript/hypothesis.ts';
import { drillSampleRate, type PlannedSession } from './drill-speech.ts';

/** A text as both clients get it; times in seconds. */
export interface HeardText {
  readonly isFinal: boolean;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: readonly { readonly word: string; readonly start: number; readonly end: number }[];
}

export class SpokenSession {
  readonly planned: PlannedSession;
  /** The gateway's name for it; null: it never said one. */
  sessionId: string | null = null;
  /** Samples the client has sent, or keeps until it can. */
  spokenSamples = 0;
  /** A stock client's connection ended before the goodbye: from then on only what the gateway received counts. */
  isBroken = false;
  /** The gateway said that it cannot keep audio now. */
  wasRefused = false;
  /** All was said and the server said goodbye. */
  isComplete = false;
  /** Why it did not end well, where it should have. */
  failure: string | null = null;
  /** Cases of the faults it was open for. */
  readonly cases = new Set<number>();
  readonly #counter = new MetricCounter();
  readonly #words: EntryWord[] = [];

  constructor(planned: PlannedSession) {
    this.planned = planned;
  }

  /** Words of the finals the client got, in order. */
  get words(): readonly EntryWord[] {
    return this.#words;
  }

  get name(): string {
    const { lane, number, client } = this.planned;
    return `${lane}/${number} (${client})`;
  }

  heard({ isFinal, text, ...said }: HeardText): void {
    const toSample = (seconds: number): number => Math.round(seconds * drillSampleRate);
    const words = said.words.map(({ word, start, end }) => ({
      text: word,
      start: toSample(start),
      end: toSample(end),
      confidence: 1,
    }));
    const hypothesis: Hypothesis = { start: toSample(said.start), end: toSample(said.end), text, words };
    const untimed = (): number => Number.NaN;
    if (!isFinal) return this.#counter.partial(hypothesis, 0, untimed);
    this.#counter.final(hypothesis, 0, untimed);
    this.#words.push(...words);
  }

  /** What was shown to the client, by the metric module. */
  shown(): { readonly orphans: number; readonly duplicates: number; readonly uncovered: number } {
    const samplesOffered = this.planned.script.totalSamples;
    const { orphans, duplicateEntries, samplesCovered } = this.#counter.counts({
      samplesOffered,
      sampleRate: drillSampleRate,
      saidDone: true,
      orphanOpen: true,
    });
    return { orphans, duplicates: duplicateEntries, uncovered: samplesOffered - samplesCovered };
  }
}
