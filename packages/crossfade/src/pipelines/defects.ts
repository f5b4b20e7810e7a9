import { below, seededRandom, type Random } from '@crossfade/sdk/core/random';
import { msToSamples } from '@crossfade/sdk/core/units';

/** Faults that a candidate build may be given on purpose, to see that they are found. */
export const defectNames = [
  'slow-finals',
  'lost-frames',
  'orphans',
  'crash-loop',
  'cut-tail',
  'late-finals',
  'dropped-frames',
  'empty-finals',
] as const;

/**
 * `slow-finals`: a share of the finals with words is held back 2.5 s.
 * `lost-frames`: bursts of audio are lost before the recognizer; finals leave holes where they were.
 * `orphans`: a share of the segments that showed partials never gets its final.
 * `crash-loop`: the process dies a few seconds after its first sessions.
 * `cut-tail`: the last `ms` of a session never reach the recognizer. `late-finals`: as `slow-finals`, 2 s.
 * `dropped-frames`: a share of the frames vanishes, and nobody counts them. `empty-finals`: a share of the finals says
 * nothing over audio that had words.
 */
export type DefectName = (typeof defectNames)[number];

export interface Defect {
  readonly name: DefectName;
  /** The same seed gives the same faults, session by session in the order they were opened. */
  readonly seed: number;
  /** `slow-finals`, `orphans`: share of the finals concerned, 0 to 1. Default 0.3: clear in a few sessions. */
  readonly share?: number;
  /** `cut-tail`: how much. Default 300. */
  readonly ms?: number;
}

const defaultShare = 0.3;
const defaultTailMs = 300;
export const slowFinalMs = 2_500;
export const lateFinalMs = 2_000;

/** The defect of one session; without one, nothing happens. */
export interface SessionDefects {
  /** How long a final with words waits before it is sent, ms. */
  holdMs(): number;
  /** Whether a final with words is never sent. */
  dropsFinal(): boolean;
  /** Whether a final with words says nothing. */
  emptiesFinal(): boolean;
  /** Whether a frame vanishes before anybody sees it. */
  dropsFrame(): boolean;
  /** Audio at the end of a session that never reaches the recognizer, ms. */
  readonly tailMs: number;
  /** Which audio is lost, or null. */
  readonly loss: AudioLoss | null;
}

/** `sessionNumber` counts the sessions of the pipeline from 0. */
export function defectsOf(
  defect: Defect | undefined,
  sessionNumber: number,
  sampleRate: number,
): SessionDefects {
  const random = seededRandom((defect?.seed ?? 0) + Math.imul(sessionNumber, 0x9e3779b1));
  const share = defect?.share ?? defaultShare;
  const happens = (name: DefectName): boolean => defect?.name === name && random.next() < share;
  return {
    holdMs: () => (happens('slow-finals') ? slowFinalMs : happens('late-finals') ? lateFinalMs : 0),
    dropsFinal: () => happens('orphans'),
    emptiesFinal: () => happens('empty-finals'),
    dropsFrame: () => happens('dropped-frames'),
    tailMs: defect?.name === 'cut-tail' ? (defect.ms ?? defaultTailMs) : 0,
    loss: defect?.name === 'lost-frames' ? new AudioLoss(random, sampleRate) : null,
  };
}

/** Every 2 to 6 s of audio, 100 to 500 ms are lost: about 7 %, at places that do not depend on the frames. */
export class AudioLoss {
  readonly #random: Random;
  readonly #sampleRate: number;
  #keepLeft: number;
  #loseLeft = 0;

  constructor(random: Random, sampleRate: number) {
    this.#random = random;
    this.#sampleRate = sampleRate;
    this.#keepLeft = this.#draw(2_000, 6_000);
  }

  /** Of the next `samples`, how many belong together and whether they are lost. */
  next(samples: number): { readonly samples: number; readonly lost: boolean } {
    if (this.#keepLeft === 0 && this.#loseLeft === 0) {
      this.#loseLeft = this.#draw(100, 500);
    }
    if (this.#loseLeft > 0) {
      const run = Math.min(samples, this.#loseLeft);
      this.#loseLeft -= run;
      if (this.#loseLeft === 0) this.#keepLeft = this.#draw(2_000, 6_000);
      return { samples: run, lost: true };
    }
    const run = Math.min(samples, this.#keepLeft);
    this.#keepLeft -= run;
    return { samples: run, lost: false };
  }

  #draw(minMs: number, maxMs: number): number {
    return msToSamples(minMs + below(this.#random, maxMs - minMs), this.#sampleRate);
  }
}

/** Sessions that a crash-looping build takes before it dies, and how long after the last of them, ms. */
export const crashAfterSessions = 3;
export const crashDelayMs: readonly [min: number, max: number] = [1_000, 3_000];

/** When the process dies after its `sessionNumber`th session opened, ms from then; null: not now. */
export function crashInMs(defect: Defect | undefined, sessionNumber: number): number | null {
  if (defect?.name !== 'crash-loop' || sessionNumber !== crashAfterSessions - 1) return null;
  const [min, max] = crashDelayMs;
  return min + below(seededRandom(defect.seed), max - min);
}
