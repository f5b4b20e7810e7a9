/**
 * The port between the suite and what it says. A probe writes speech whose every sample is known, and reads from what a
 * target answers how much of it came back.
 */
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { SaidText } from './driver.ts';
import type { ProvenCapture } from './proven-capture.ts';

/** Both ends included. */
export type Between = readonly [min: number, max: number];

/** How a session's audio ends: on a word's end, in the middle of a word, or some silence after the last word. */
export type SpeechEnd = 'word' | 'mid-word' | 'silence';

export interface SpeechRequest {
  /** Place of the case in its scenario, from 1. */
  readonly number: number;
  /** The same request gives the same speech. */
  readonly seed: number;
  readonly sampleRate: number;
  /** Length of the audio, ms; speech that ends on a word is at most so long. */
  readonly durationMs: number;
  /** Silence before the first word, ms. */
  readonly leadMs: number;
  readonly end: SpeechEnd;
  /** Silence after the last word, ms, where the speech ends with it. */
  readonly tailMs: number;
  /** Absent: what is natural for the probe. */
  readonly wordsPerUtterance?: Between;
  readonly pauseMs?: Between;
  /** Loudness against the probe's own; above 1 it clips. */
  readonly gain: number;
  /** Nothing but silence. */
  readonly isSilent: boolean;
}

/** A word of the truth; half-open range in samples, exact. */
export interface SpokenWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What one session says, and how its answers are read. Pure; a long one is never in memory as a whole. */
export interface ProbeSpeech {
  readonly sampleRate: number;
  readonly totalSamples: number;
  /** Words that are said whole. */
  readonly words: readonly SpokenWord[];
  /** What is said, as text to count word errors against; null: the words are no language. */
  readonly reference: string | null;
  /** Stands for all of it in a digest. */
  readonly fingerprint: string;
  /** Samples `[start, end)`, clipped to the speech. */
  read(start: number, end: number): Int16Array;
  /** The text with the generator's word times, where its words are ours. */
  withTrueTimes(text: SaidText): Hypothesis;
  /** What finals prove of the first `offered` samples. */
  capture(finals: readonly SaidText[], offered: number): ProvenCapture;
}

export interface Probe {
  /** How truth is known, for the report. */
  readonly kind: 'tone' | 'speech' | 'recordings';
  /** Changes when the same request would give other speech: a version, or the digest of a corpus. */
  readonly digest: string;
  speech(request: SpeechRequest): ProbeSpeech;
  /** Said first, with no fault: what the target does not hear in them is its recognizer's error, not a loss. */
  readonly controls?: readonly ProbeSpeech[];
  learn?(control: ProbeSpeech, finals: readonly SaidText[]): void;
  /** Words of the controls, and those that were not heard. */
  readonly control?: { readonly words: number; readonly unheard: number };
}
