/**
 * Whether the finals of one connection move forward. A server may say a final twice; one whose clock began anew says other
 * words about times that are past, and goes on from there until its times pass the old ones. Taken at its word, those
 * words would stand in the wrong place and the ones between would be lost. Pure.
 */
import type { Hypothesis } from '../transcript/hypothesis.ts';

interface Said {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Finals that one may be a repetition of; a re-send repeats what was said last. */
const recentMax = 64;
/** Repetitions in a row: silence has the same text again and again, so that more of them are a clock's doing. */
const repetitionsMax = 2;

export class FinalTimeline {
  readonly #toleranceSamples: number;
  readonly #recent: Said[] = [];
  #end: number;
  #repetitions = 0;

  /** `toleranceSamples`: how far two finals may overlap, because some servers round their times. */
  constructor(startSample: number, toleranceSamples: number) {
    this.#end = startSample;
    this.#toleranceSamples = toleranceSamples;
  }

  /** False: it goes back in time, and is no repetition of what was said. */
  accepts({ start, end, text }: Hypothesis): boolean {
    const goesOn = start >= this.#end - this.#toleranceSamples;
    const reachesFurther = end > this.#end + this.#toleranceSamples;
    if (goesOn || (reachesFurther && this.#repetitions === 0)) {
      this.#repetitions = 0;
      this.#end = Math.max(this.#end, end);
      this.#recent.push({ start, end, text });
      if (this.#recent.length > recentMax) this.#recent.shift();
      return true;
    }
    this.#repetitions += 1;
    const isRepetition = this.#recent.some(
      (said) => said.start === start && said.end === end && said.text === text,
    );
    return isRepetition && this.#repetitions <= repetitionsMax;
  }
}
