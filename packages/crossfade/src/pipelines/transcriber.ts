import type { TranscriptOf } from '../wire/deepgram-build.ts';
import type { Heard, Recognition } from './recognition.ts';

/** What a transcriber says to its client. Samples of what the client sent. */
export type Said =
  | { readonly type: 'results'; readonly transcript: TranscriptOf }
  | { readonly type: 'speech-started'; readonly sample: number }
  | { readonly type: 'utterance-end'; readonly lastWordEnd: number };

/** What makes `legacy` and `streaming` different: when they answer, and what they do with the tail. */
export interface Transcriber {
  audio(samples: Int16Array): void;
  /** The engine said something. */
  heard(heard: Heard): void;
  finalize(): void;
  /** The client will send no more; resolves when all that is going to be said was said. */
  closeStream(): Promise<void>;
}

export interface TranscriberOptions {
  readonly recognition: Recognition;
  readonly sampleRate: number;
  readonly interimResults: boolean;
  readonly vadEvents: boolean;
  readonly utteranceEndMs: number | undefined;
  say(said: Said): void;
}
