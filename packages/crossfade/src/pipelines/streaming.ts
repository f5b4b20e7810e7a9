import { msToSamples } from '@crossfade/sdk/core/units';
import type { Heard, HeardPiece } from './recognition.ts';
import type { Transcriber, TranscriberOptions } from './transcriber.ts';

/** Silence after speech that ends an utterance when the client does not say. */
export const defaultEndpointMs = 300;
/** `endpointing=false`: no silence is that long; finals come by length and by Finalize. */
export const noEndpointMs = 86_400_000;

/** Answers as it hears: growing partials, a final at each pause, everything said before the stream closes. */
export class StreamingTranscriber implements Transcriber {
  readonly #options: TranscriberOptions;
  /** The client asked for the flush under way, by Finalize. */
  #finalizing = 0;
  /** End of the last final word that no UtteranceEnd followed yet. */
  #lastWordEnd: number | null = null;
  #hasOpenWords = false;

  constructor(options: TranscriberOptions) {
    this.#options = options;
  }

  audio(samples: Int16Array): void {
    this.#options.recognition.write(samples);
    this.#endUtterance();
  }

  finalize(): void {
    this.#finalizing += 1;
    // An engine that dies meanwhile is reported by its stream.
    void this.#options.recognition
      .flush()
      .catch(() => undefined)
      .then(() => (this.#finalizing -= 1));
  }

  async closeStream(): Promise<void> {
    await this.#options.recognition.flush();
  }

  heard(heard: Heard): void {
    const { say } = this.#options;
    if (heard.type === 'speech-started') {
      if (this.#options.vadEvents) say(heard);
    } else if (heard.type === 'partial') {
      this.#hasOpenWords = true;
      if (this.#options.interimResults) this.#say(heard, false, false, false);
    } else {
      this.#hasOpenWords = false;
      heard.pieces.forEach((piece, i) => {
        const isLast = i === heard.pieces.length - 1;
        this.#say(
          piece,
          true,
          isLast && heard.cause === 'endpoint',
          isLast && heard.cause === 'flush' && this.#finalizing > 0,
        );
        this.#lastWordEnd = piece.words.at(-1)?.end ?? this.#lastWordEnd;
      });
      this.#endUtterance();
    }
  }

  #say(piece: HeardPiece, isFinal: boolean, speechFinal: boolean, fromFinalize: boolean): void {
    const { start, end, words } = piece;
    this.#options.say({
      type: 'results',
      transcript: { start, end, words, isFinal, speechFinal, fromFinalize },
    });
  }

  /** Says UtteranceEnd once the audio after the last final word is long enough, words or noise. */
  #endUtterance(): void {
    const { utteranceEndMs, sampleRate } = this.#options;
    if (utteranceEndMs === undefined || this.#lastWordEnd === null || this.#hasOpenWords) return;
    const quiet = this.#options.recognition.received - this.#lastWordEnd;
    if (quiet < msToSamples(utteranceEndMs, sampleRate)) return;
    this.#options.say({ type: 'utterance-end', lastWordEnd: this.#lastWordEnd });
    this.#lastWordEnd = null;
  }
}
