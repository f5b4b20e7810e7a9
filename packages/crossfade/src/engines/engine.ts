/** One recognized word; the range is in samples of the stream, half-open. */
export interface RecognizedWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** 0 to 1. */
  readonly confidence: number;
}

/**
 * What a stream reports. Ranges are half-open, in samples from the stream's first sample.
 * Finals tile the audio: each starts where the one before it ended, and one of silence has no words.
 */
export type RecognizerEvent =
  | { readonly type: 'speech-started'; readonly sample: number }
  | {
      readonly type: 'partial';
      readonly start: number;
      readonly end: number;
      readonly words: readonly RecognizedWord[];
    }
  | {
      readonly type: 'final';
      readonly start: number;
      readonly end: number;
      readonly words: readonly RecognizedWord[];
      /** An endpoint (silence after speech), a flush that was asked for, or a limit on length. */
      readonly cause: 'endpoint' | 'flush' | 'length';
    };

export interface StreamOptions {
  readonly sampleRate: number;
  /** Silence after speech that ends an utterance, ms; null: only `flush` makes finals. */
  readonly endpointMs: number | null;
  /** Longest stretch of audio without a final, ms, so that silence is tiled too. Default 5,000. */
  readonly maxFinalMs?: number;
}

/**
 * One audio stream being recognized. Events come in order. `write` never blocks; `backlogSamples`
 * says how far the engine is behind, and the caller stops writing when it is too much.
 */
export interface RecognizerStream {
  write(samples: Int16Array): void;
  /** Makes a final of everything written so far; resolves once its events were delivered. */
  flush(): Promise<void>;
  readonly backlogSamples: number;
  /** Frees the stream. No event comes after it. Idempotent. */
  close(): void;
}

export interface StreamListener {
  onEvent(event: RecognizerEvent): void;
  /** The engine is gone (its process died); the stream is closed. Called at most once. */
  onError(error: Error): void;
}

/**
 * A recognizer. `preflight` answers without starting anything whether it can run here, and if not,
 * what is missing and what to do. Native engines live in a child process of their own, which may be
 * killed at any moment: every open stream then gets `onError` and the next `open` starts a new child.
 */
export interface Engine {
  readonly name: EngineName;
  /** What it is, in one sentence; the tone engine says here that it is not speech recognition. */
  readonly description: string;
  readonly sampleRates: 'any' | readonly number[];
  preflight(): Promise<EnginePreflight>;
  open(options: StreamOptions, listener: StreamListener): Promise<RecognizerStream>;
  /** Processes to watch (CPU, RSS) and, in tests, to kill. Empty when in process. */
  pids(): readonly number[];
  close(): Promise<void>;
}

export type EngineName = 'tone' | 'pocketsphinx' | 'pocketsphinx-grammar';

export type EnginePreflight =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly missing: string; readonly remedy: string };
