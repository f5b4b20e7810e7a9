import type { DecodedWord, Decoder } from './pocketsphinx-stream.ts';

/** A word that the scripted decoder "hears"; samples of the stream, on frames of 160. */
export interface ScriptedWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A decoder that hears what the script says, where it says it: the samples written must be a ramp (sample n has
 * the value of its ten-millisecond frame), so that it knows where it is also in audio that is decoded again.
 */
export class ScriptedDecoder implements Decoder {
  readonly calls: string[] = [];
  readonly #script: readonly ScriptedWord[];
  readonly #postspeechFrames: number;
  /** Frames since `startStream`, those of padding and of repeated audio too, as in the real one. */
  #frames = 0;
  #rest = 0;
  #heard: { readonly frame: number; readonly audioFrame: number }[] = [];

  constructor(script: readonly ScriptedWord[], postspeechMs = 400) {
    this.#script = script;
    this.#postspeechFrames = postspeechMs / 10;
  }

  startStream(): void {
    this.#frames = 0;
    this.calls.push('startStream');
  }

  startUtterance(): void {
    this.#heard = [];
    this.calls.push('startUtterance');
  }

  endUtterance(): void {
    this.calls.push('endUtterance');
  }

  process(samples: Int16Array): void {
    const values = samples.length + this.#rest;
    for (let i = 0; i < Math.floor(values / 160); i++) {
      const value = samples[Math.min(samples.length - 1, i * 160)] as number;
      this.#heard.push({ frame: this.#frames++, audioFrame: value - 1 });
    }
    this.#rest = values % 160;
  }

  inSpeech(): boolean {
    const recent = this.#heard.slice(-this.#postspeechFrames);
    return recent.some(({ audioFrame }) => this.#wordAt(audioFrame) !== undefined);
  }

  text(): string {
    return this.words()
      .map(({ text }) => text)
      .join(' ');
  }

  words(): DecodedWord[] {
    const words: { text: string; firstFrame: number; lastFrame: number }[] = [];
    let last: ScriptedWord | undefined;
    for (const { frame, audioFrame } of this.#heard) {
      const word = this.#wordAt(audioFrame);
      if (word !== undefined && word === last) (words.at(-1) as { lastFrame: number }).lastFrame = frame;
      else if (word !== undefined) words.push({ text: word.text, firstFrame: frame, lastFrame: frame });
      last = word;
    }
    return words;
  }

  free(): void {
    this.calls.push('free');
  }

  #wordAt(audioFrame: number): ScriptedWord | undefined {
    const sample = audioFrame * 160;
    return audioFrame < 0
      ? undefined
      : this.#script.find(({ start, end }) => start <= sample && sample < end);
  }
}

/** Audio for the scripted decoder: every sample says in which frame it is, counted from 1 (0 is padding). */
export function ramp(samples: number): Int16Array {
  return Int16Array.from({ length: samples }, (_, i) => Math.floor(i / 160) + 1);
}
