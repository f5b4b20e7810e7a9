import type { RecognizedWord, RecognizerEvent } from './engine.ts';

/** A word as the decoder names it, fillers and pronunciation marks included; frames of 10 ms, both inside. */
export interface DecodedWord {
  readonly text: string;
  readonly firstFrame: number;
  readonly lastFrame: number;
}

/** The calls of one native decoder. Frames count from `startStream`, over all utterances of the stream. */
export interface Decoder {
  startStream(): void;
  startUtterance(): void;
  process(samples: Int16Array): void;
  endUtterance(): void;
  inSpeech(): boolean;
  text(): string;
  words(): DecodedWord[];
  free(): void;
}

export interface SegmentingOptions {
  /** False: finals come from `flush` and the limit alone. */
  readonly endpointing: boolean;
  readonly maxFinalSamples: number;
}

export const decoderSampleRate = 16_000;
const ms = decoderSampleRate / 1_000;
const frameSamples = 10 * ms;
/** Decisions are taken on a grid of their own, so that the same audio gives the same finals however it is cut. */
const stepSamples = 20 * ms;
/** A new partial is looked for this often; each look walks the decoder's whole path. */
const partialEverySamples = 100 * ms;
/** The detector says "speech" 100 ms after it began and keeps 200 ms from before. */
const onsetSamples = 300 * ms;
/** Silence shorter than this before speech is not worth a final of its own. */
const leadingSilenceSamples = 500 * ms;
/** Where speech is cut by the limit, words that ended less than this ago may still change. */
const unsettledSamples = 300 * ms;
/** A cut gives a final of at least this length, so that the same audio is not decoded over and over. */
const shortestCutSamples = 1_000 * ms;
/** Silence fed after a flush, so that the last word reaches its end; decoded, never counted as audio. */
const flushPadding = new Int16Array(200 * ms);

/**
 * Turns one decoder into a stream of events: an utterance ends with speech, by `flush`, or at the limit on
 * length, where it is cut between two words and the rest is decoded again. Finals tile the audio.
 */
export class SegmentedStream {
  readonly #decoder: Decoder;
  readonly #options: SegmentingOptions;
  readonly #emit: (event: RecognizerEvent) => void;
  /** Samples not yet decoded; less than a step between calls. */
  #pending = new Int16Array(0);
  /** Samples decoded since `#finalEnd`, kept to be decoded again after a cut. */
  #history: Int16Array[] = [];
  /** Words of utterances that ended without a final (endpointing is off). */
  #settled: RecognizedWord[] = [];
  #heard = 0;
  #finalEnd = 0;
  /** Sample = frame × frameSamples + shift: audio decoded twice, and padding, move the decoder's clock ahead. */
  #shift = 0;
  #speaking = false;
  /** The limit cut this speech: it goes on, it does not start again. */
  #continued = false;
  #partialText = '';
  #partialDue = 0;

  constructor(decoder: Decoder, options: SegmentingOptions, emit: (event: RecognizerEvent) => void) {
    this.#decoder = decoder;
    this.#options = options;
    this.#emit = emit;
    decoder.startStream();
    decoder.startUtterance();
  }

  write(samples: Int16Array): void {
    this.#pending = joined(this.#pending, samples);
    while (this.#pending.length >= stepSamples) this.#step(stepSamples);
  }

  flush(): void {
    while (this.#pending.length > 0) this.#step(Math.min(stepSamples, this.#pending.length));
    if (this.#heard === this.#finalEnd) return;
    this.#decoder.process(flushPadding);
    this.#decoder.endUtterance();
    const words = [...this.#settled, ...this.#decodedWords()];
    this.#shift -= flushPadding.length;
    this.#final(this.#heard, words, 'flush');
    this.#beginUtterance();
  }

  /** Ends the utterance, so that the decoder may serve another stream. */
  close(): void {
    this.#decoder.endUtterance();
  }

  #step(length: number): void {
    const samples = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    this.#decoder.process(samples);
    this.#history.push(samples);
    this.#heard += length;

    const speaking = this.#decoder.inSpeech();
    if (speaking && !this.#speaking) this.#onset();
    else if (!speaking && this.#speaking) this.#endpoint();
    this.#speaking = speaking;
    if (speaking && this.#heard >= this.#partialDue) this.#partial();
    if (this.#heard - this.#finalEnd >= this.#options.maxFinalSamples) this.#cut();
  }

  #onset(): void {
    const start = Math.max(this.#finalEnd, this.#heard - onsetSamples);
    const endsSilence = this.#options.endpointing && start - this.#finalEnd >= leadingSilenceSamples;
    if (endsSilence) this.#final(start, [], 'length');
    if (!this.#continued) this.#emit({ type: 'speech-started', sample: start });
    this.#continued = false;
  }

  #endpoint(): void {
    // Without a new utterance at each end of speech the decoder's word times drift by the silence it skips.
    this.#decoder.endUtterance();
    this.#settled.push(...this.#decodedWords());
    if (this.#options.endpointing) this.#final(this.#heard, this.#settled, 'endpoint');
    this.#beginUtterance();
  }

  #partial(): void {
    this.#partialDue = this.#heard + partialEverySamples;
    const text = this.#decoder.text();
    if (text === this.#partialText) return;
    this.#partialText = text;
    const words = [...this.#settled, ...this.#decodedWords()];
    if (words.length > 0) this.#emit({ type: 'partial', start: this.#finalEnd, end: this.#heard, words });
  }

  /** The limit on length: a final up to a place between two words; what lies after it is decoded again. */
  #cut(): void {
    this.#decoder.endUtterance();
    const words = [...this.#settled, ...this.#decodedWords()];
    const wasSpeaking = this.#speaking;
    const at = this.#placeToCut(words);
    const again = this.#takeHistory(this.#heard - at);
    this.#shift -= again.length;
    this.#heard = at;
    this.#final(
      at,
      words.filter(({ end }) => end <= at),
      'length',
    );
    this.#beginUtterance();
    this.#pending = joined(again, this.#pending);
    this.#continued = wasSpeaking;
  }

  #placeToCut(words: readonly RecognizedWord[]): number {
    // In silence the end stays open for speech that has begun and is not yet seen as such.
    if (words.length === 0) return this.#heard - leadingSilenceSamples;
    const latest = this.#heard - unsettledSamples;
    const last = words.findLastIndex(({ end }) => end <= latest);
    const end = words[last]?.end ?? 0;
    if (end < this.#finalEnd + shortestCutSamples) return this.#heard;
    const next = Math.min(words[last + 1]?.start ?? latest, latest);
    return Math.max(end, Math.floor((end + next) / 2));
  }

  #takeHistory(length: number): Int16Array {
    const all = this.#history.reduce(joined, new Int16Array(0));
    return all.subarray(all.length - length);
  }

  #beginUtterance(): void {
    this.#decoder.startUtterance();
    this.#speaking = false;
    this.#partialText = '';
  }

  #final(end: number, words: readonly RecognizedWord[], cause: 'endpoint' | 'flush' | 'length'): void {
    this.#emit({ type: 'final', start: this.#finalEnd, end, words: [...words], cause });
    const kept = this.#takeHistory(this.#heard - end);
    this.#history = kept.length === 0 ? [] : [kept];
    this.#finalEnd = end;
    this.#settled = [];
    this.#continued = false;
  }

  /** The decoder's words inside the audio that has no final yet, in order and without fillers (`<sil>`, `[NOISE]`, `++UH++`, `(NULL)`). */
  #decodedWords(): RecognizedWord[] {
    let from = this.#settled.at(-1)?.end ?? this.#finalEnd;
    return this.#decoder
      .words()
      .filter(({ text }) => !/^[<[+(]/.test(text))
      .map(({ text, firstFrame, lastFrame }) => {
        const start = Math.min(this.#heard, Math.max(from, firstFrame * frameSamples + this.#shift));
        const end = Math.min(this.#heard, Math.max(start, (lastFrame + 1) * frameSamples + this.#shift));
        from = end;
        // "read(2)" is the second pronunciation of "read". Without a lattice there are no posteriors: 1 is no claim.
        return { text: text.replace(/\(\d+\)$/, ''), start, end, confidence: 1 };
      });
  }
}

function joined(one: Int16Array, two: Int16Array): Int16Array<ArrayBuffer> {
  const both = new Int16Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  return both;
}
