import { msToSamples } from '@crossfade/sdk/core/units';
import { spreadWord } from '../signal/tone-code.ts';
import { ToneDecoder } from '../signal/tone-decoder.ts';
import type { ToneGrid } from '../signal/tone-grid.ts';
import type { DecodedWord } from '../signal/tone-reader.ts';
import { wordText } from '../signal/word-text.ts';
import type { RecognizedWord, RecognizerEvent, RecognizerStream, StreamOptions } from './engine.ts';

export const defaultMaxFinalMs = 5_000;
/** Without endpoints only a flush makes finals, and a caller that forgets it must not fill the memory. */
const unflushedMaxMs = 60_000;
/** A word is known 30 ms after its last tone; an endpoint may not overtake it. */
const endpointMinMs = 45;
/** After so much quiet the last word of a partial is no longer provisional. */
const settleMs = 60;
/** One word in four is first heard as its first three letters, as recognizers do; which ones is fixed by the word. */
const provisionalEvery = 4;
const provisionalLetters = 3;

/**
 * Turns decoded probe words into what a recognizer says: partials that grow and are corrected, an endpoint
 * after silence, finals that tile the audio. Everything happens inside `write` and `flush`; time is
 * counted in samples only.
 */
export class ToneStream implements RecognizerStream {
  readonly #emit: (event: RecognizerEvent) => void;
  readonly #decoder: ToneDecoder;
  readonly #endpoint: number | null;
  readonly #maxFinal: number;
  readonly #settle: number;
  /** End of the last final. */
  #finalEnd = 0;
  /** End of the last whole block. */
  #position = 0;
  #words: RecognizedWord[] = [];
  /** Set while the last word is shown in part. */
  #provisional: string | null = null;
  /** First sample of the voice that is being heard, or null in silence. */
  #voiceStart: number | null = null;
  #voiceEnd = 0;
  #closed = false;

  constructor(grid: ToneGrid, options: StreamOptions, emit: (event: RecognizerEvent) => void) {
    const samplesOf = (ms: number): number => msToSamples(ms, grid.sampleRate);
    this.#emit = emit;
    const { endpointMs } = options;
    this.#endpoint = endpointMs === null ? null : samplesOf(Math.max(endpointMs, endpointMinMs));
    this.#maxFinal = samplesOf(
      endpointMs === null ? unflushedMaxMs : (options.maxFinalMs ?? defaultMaxFinalMs),
    );
    this.#settle = samplesOf(settleMs);
    this.#decoder = new ToneDecoder(grid, {
      onWord: (word) => this.#heardWord(word),
      onBlock: (endSample, voiced) => this.#heardBlock(endSample, voiced),
    });
  }

  /** Nothing waits: decoding is 500 times faster than real time and happens in `write`. */
  get backlogSamples(): number {
    return 0;
  }

  write(samples: Int16Array): void {
    if (!this.#closed) this.#decoder.push(samples);
  }

  async flush(): Promise<void> {
    if (this.#closed) return;
    this.#decoder.flush();
    this.#final(this.#decoder.endSample, 'flush');
    this.#voiceStart = null;
  }

  close(): void {
    this.#closed = true;
  }

  #heardWord({ index, start, end, match }: DecodedWord): void {
    this.#startVoice(start);
    this.#voiceEnd = Math.max(this.#voiceEnd, end);
    // A word that a flush cut in two is finished in the next final, from where that begins.
    const text = wordText(index);
    this.#words.push({ text, start: Math.max(start, this.#finalEnd), end, confidence: match });
    this.#provisional = spreadWord(index) % provisionalEvery === 0 ? text.slice(0, provisionalLetters) : null;
    this.#partial();
  }

  #heardBlock(endSample: number, voiced: boolean): void {
    const blockStart = this.#position;
    this.#position = endSample;
    if (voiced) {
      this.#startVoice(blockStart);
      this.#voiceEnd = endSample;
    }
    const quiet = endSample - this.#voiceEnd;
    if (this.#provisional !== null && quiet >= this.#settle) {
      this.#provisional = null;
      this.#partial();
    }
    const ended = this.#endpoint !== null && this.#voiceStart !== null && quiet >= this.#endpoint;
    if (ended && this.#decoder.pendingStart === null) {
      this.#final(endSample, 'endpoint');
      this.#voiceStart = null;
    } else if (endSample - this.#finalEnd >= this.#maxFinal) this.#cutLength();
  }

  #startVoice(sample: number): void {
    if (this.#voiceStart !== null) return;
    this.#voiceStart = Math.max(sample, this.#finalEnd);
    this.#say({ type: 'speech-started', sample: this.#voiceStart });
  }

  /** Ends a final at a place that cuts no word: before the voice when it has just begun, else after its last word. */
  #cutLength(): void {
    const voiceStart = this.#voiceStart ?? this.#finalEnd;
    const silenceBefore = voiceStart - this.#finalEnd;
    const cutsBefore = silenceBefore * 2 >= this.#maxFinal || (silenceBefore > 0 && this.#words.length === 0);
    if (cutsBefore) {
      const kept = this.#words;
      this.#words = [];
      this.#final(voiceStart, 'length');
      this.#words = kept;
      return;
    }
    const lastWord = this.#words.at(-1);
    const unheard = Math.min(this.#position, this.#decoder.pendingStart ?? this.#position);
    this.#final(lastWord === undefined ? unheard : lastWord.end, 'length');
    if (this.#voiceStart !== null) this.#voiceStart = this.#finalEnd;
  }

  #partial(): void {
    const words = [...this.#words];
    const last = words.at(-1);
    if (last === undefined) return;
    if (this.#provisional !== null) {
      words[words.length - 1] = { ...last, text: this.#provisional, confidence: last.confidence / 2 };
    }
    const end = Math.max(this.#position, last.end);
    this.#say({ type: 'partial', start: this.#finalEnd, end, words });
  }

  #final(end: number, cause: 'endpoint' | 'flush' | 'length'): void {
    if (end <= this.#finalEnd) return;
    const words = this.#words;
    const start = this.#finalEnd;
    this.#words = [];
    this.#provisional = null;
    this.#finalEnd = end;
    this.#say({ type: 'final', start, end, words, cause });
  }

  #say(event: RecognizerEvent): void {
    if (!this.#closed) this.#emit(event);
  }
}
