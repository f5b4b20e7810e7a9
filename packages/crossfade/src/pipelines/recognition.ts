import { samplesToMs } from '@crossfade/sdk/core/units';
import type { Engine, RecognizedWord, RecognizerEvent, RecognizerStream } from '../engines/engine.ts';
import { Resampler } from '../signal/resample.ts';
import type { AudioLoss } from './defects.ts';
import { StreamClock, type Piece } from './stream-clock.ts';

/** Words of one stretch of audio without a hole; samples of what the client sent. */
export interface HeardPiece extends Piece {
  readonly words: readonly RecognizedWord[];
}

/** What an engine said, on the clock of the client's samples. */
export type Heard =
  | { readonly type: 'speech-started'; readonly sample: number }
  | ({ readonly type: 'partial' } & HeardPiece)
  /** Several pieces where audio was lost on the way to the engine: the hole between them is not claimed. */
  | {
      readonly type: 'final';
      readonly pieces: readonly HeardPiece[];
      readonly cause: 'endpoint' | 'flush' | 'length';
    };

export interface RecognitionOptions {
  readonly engine: Engine;
  readonly sampleRate: number;
  readonly endpointMs: number | null;
  readonly loss: AudioLoss | null;
}

export interface RecognitionListener {
  onHeard(heard: Heard): void;
  /** The engine is gone. Called at most once, and nothing after it. */
  onError(error: Error): void;
}

/** The rate to resample to when an engine does not take the client's. */
const preferredRate = 16_000;

/**
 * One stream through one engine, in the client's samples: resamples when the engine needs another rate,
 * loses audio when it is told to, and keeps finals tiling through both.
 */
export class Recognition {
  readonly #options: RecognitionOptions;
  readonly #clock = new StreamClock();
  readonly #resampler: Resampler | null;
  /** Client samples per engine sample. */
  readonly #ratio: number;
  #stream: RecognizerStream | null = null;
  #listener: RecognitionListener | null = null;
  #failure: Error | null = null;
  /** End of the last final, in samples that reached the engine's side. */
  #finalEnd = 0;
  #written = 0;
  /** Flushes under way: where they were asked for, on both clocks. The resampler holds a little back; a final covers it. */
  #flushes: readonly { readonly fed: number; readonly written: number }[] = [];

  private constructor(options: RecognitionOptions, engineRate: number) {
    this.#options = options;
    this.#ratio = options.sampleRate / engineRate;
    this.#resampler =
      engineRate === options.sampleRate ? null : new Resampler(options.sampleRate, engineRate);
  }

  /** Opens a stream; throws what the engine throws. */
  static async open(options: RecognitionOptions): Promise<Recognition> {
    const { engine } = options;
    const sampleRate = rateFor(engine, options.sampleRate);
    const recognition = new Recognition(options, sampleRate);
    recognition.#stream = await engine.open(
      { sampleRate, endpointMs: options.endpointMs },
      { onEvent: (event) => recognition.#heard(event), onError: (error) => recognition.#failed(error) },
    );
    return recognition;
  }

  /** Who is told; an engine that died before is told at once. */
  listen(listener: RecognitionListener): void {
    this.#listener = listener;
    if (this.#failure !== null) listener.onError(this.#failure);
  }

  /** Samples received from the client. */
  get received(): number {
    return this.#clock.received;
  }

  /** Audio the engine has not worked on yet, ms. */
  get backlogMs(): number {
    return samplesToMs((this.#stream?.backlogSamples ?? 0) * this.#ratio, this.#options.sampleRate);
  }

  write(samples: Int16Array): void {
    const { loss } = this.#options;
    if (loss === null) {
      this.#feed(samples);
      return;
    }
    for (let at = 0; at < samples.length;) {
      const run = loss.next(samples.length - at);
      if (run.lost) this.#clock.lose(run.samples);
      else this.#feed(samples.subarray(at, at + run.samples));
      at += run.samples;
    }
  }

  /** Makes a final of everything written so far. Rejects when the engine is gone. */
  async flush(): Promise<void> {
    const asked = { fed: this.#clock.fed, written: this.#written };
    this.#flushes = [...this.#flushes, asked];
    await this.#stream?.flush();
    this.#flushes = this.#flushes.filter((flush) => flush !== asked);
  }

  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }

  #feed(samples: Int16Array): void {
    this.#clock.feed(samples.length);
    const written = this.#resampler === null ? samples : this.#resampler.push(samples);
    this.#written += written.length;
    this.#stream?.write(written);
  }

  #failed(error: Error): void {
    this.#failure = error;
    this.#listener?.onError(error);
  }

  #heard(event: RecognizerEvent): void {
    if (event.type === 'speech-started') {
      const at = this.#fedSample(event.sample);
      const [piece] = this.#clock.piecesOf(at, at + 1);
      this.#listener?.onHeard({ type: 'speech-started', sample: piece?.start ?? this.#clock.received });
      return;
    }
    const flush = this.#flushes.find(({ written }) => written >= event.end);
    const isFlushed = event.type === 'final' && event.cause === 'flush';
    const end = isFlushed && flush !== undefined ? flush.fed : this.#fedSample(event.end);
    const fedEnd = Math.max(this.#finalEnd, end);
    const pieces = this.#withWords(this.#clock.piecesOf(this.#finalEnd, fedEnd), event.words);
    if (event.type === 'final') {
      this.#finalEnd = fedEnd;
      this.#clock.forget(fedEnd);
      if (pieces.length > 0) this.#listener?.onHeard({ type: 'final', pieces, cause: event.cause });
    } else if (pieces.length > 0) {
      const words = pieces.flatMap((piece) => piece.words);
      this.#listener?.onHeard({ type: 'partial', start: pieces[0]!.start, end: pieces.at(-1)!.end, words });
    }
  }

  /** Each word in the piece where it begins; its end never leaves that piece. */
  #withWords(pieces: readonly Piece[], words: readonly RecognizedWord[]): HeardPiece[] {
    const mapped = words.map((word) => {
      const start = Math.max(this.#finalEnd, this.#fedSample(word.start));
      const spans = this.#clock.piecesOf(start, Math.max(start + 1, this.#fedSample(word.end)));
      return { ...word, start: spans[0]!.start, end: spans.at(-1)!.end };
    });
    return pieces.map((piece, i) => {
      const next = pieces[i + 1]?.start ?? Number.POSITIVE_INFINITY;
      const own = mapped.filter(({ start }) => start < next && (i === 0 || start >= piece.start));
      const inside = own.map((word) => ({
        ...word,
        start: Math.min(word.start, piece.end),
        end: Math.min(word.end, piece.end),
      }));
      return { ...piece, words: inside };
    });
  }

  #fedSample(engineSample: number): number {
    return Math.min(this.#clock.fed, Math.round(engineSample * this.#ratio));
  }
}

function rateFor(engine: Engine, sampleRate: number): number {
  const { sampleRates } = engine;
  if (sampleRates === 'any' || sampleRates.includes(sampleRate)) return sampleRate;
  return sampleRates.includes(preferredRate) ? preferredRate : Math.max(...sampleRates);
}
