import { msToSamples } from '@crossfade/sdk/core/units';
import type { Heard } from './recognition.ts';
import type { Transcriber, TranscriberOptions } from './transcriber.ts';

/** Length of a chunk: what many first implementations post to a batch recognizer. */
export const chunkMs = 2_000;
/** At most one partial in so much audio. */
export const partialEveryMs = 1_000;

/**
 * What teams have today: the audio is cut into fixed chunks, wherever words are; each full chunk gives a
 * final. Finalize does nothing, and the unfinished chunk at the end is dropped: the missed tail.
 */
export class LegacyTranscriber implements Transcriber {
  readonly #options: TranscriberOptions;
  readonly #chunk: number;
  readonly #partialEvery: number;
  #nextPartial: number;
  #chunks: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(options: TranscriberOptions) {
    this.#options = options;
    this.#chunk = msToSamples(chunkMs, options.sampleRate);
    this.#partialEvery = msToSamples(partialEveryMs, options.sampleRate);
    this.#nextPartial = this.#partialEvery;
  }

  audio(samples: Int16Array): void {
    const recognition = this.#options.recognition;
    for (let at = 0; at < samples.length;) {
      const room = this.#chunk - (recognition.received % this.#chunk);
      const piece = samples.subarray(at, at + room);
      recognition.write(piece);
      at += piece.length;
      // An engine that dies meanwhile is reported by its stream.
      if (piece.length === room) this.#chunks = recognition.flush().catch(() => undefined);
    }
  }

  finalize(): void {
    // It has no such thing.
  }

  async closeStream(): Promise<void> {
    this.#isClosing = true;
    await this.#chunks;
  }

  heard(heard: Heard): void {
    if (heard.type === 'final') {
      for (const { start, end, words } of heard.pieces) this.#say(start, end, words, true);
      this.#nextPartial = this.#options.recognition.received + this.#partialEvery;
    } else if (heard.type === 'partial' && this.#options.interimResults && !this.#isClosing) {
      const { received } = this.#options.recognition;
      if (received < this.#nextPartial) return;
      this.#nextPartial = received + this.#partialEvery;
      this.#say(heard.start, heard.end, heard.words, false);
    }
  }

  #say(start: number, end: number, words: TranscriptWords, isFinal: boolean): void {
    const transcript = { start, end, words, isFinal, speechFinal: false, fromFinalize: false };
    this.#options.say({ type: 'results', transcript });
  }
}

type TranscriptWords = Extract<Heard, { type: 'partial' }>['words'];
