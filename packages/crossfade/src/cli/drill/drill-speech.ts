/** What the sessions of a drill say: probe audio, whose every word has an exact place. */
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { ProbeAudio } from '../../signal/probe-audio.ts';
import { probeScript, type ProbeScript } from '../../signal/probe-script.ts';
import type { ToneGrid } from '../../signal/tone-grid.ts';

/** Hz. */
export const drillSampleRate = 16_000;

export type ClientKind = 'stock' | 'resuming';

/** One session as it was planned. */
export interface PlannedSession {
  readonly lane: number;
  /** Counts the sessions of a lane, from 0. */
  readonly number: number;
  readonly client: ClientKind;
  readonly script: ProbeScript;
  readonly frameMs: number;
  /** How much faster than real time it speaks: integrity has no clock, and more faults fit in the time. */
  readonly pace: number;
  read(start: number, end: number): Uint8Array;
}

/** The session `number` of a lane; the same seed, the same words. */
export function plannedSession(seed: number, lane: number, number: number, grid: ToneGrid): PlannedSession {
  const random = seededRandom(seed * 1_000_003 + lane * 10_007 + number);
  const script = probeScript({
    seed: below(random, 2 ** 30),
    sampleRate: drillSampleRate,
    durationMs: 4_000 + below(random, 14_000),
    speakToEnd: true,
  });
  const audio = new ProbeAudio(script, grid);
  return {
    lane,
    number,
    client: random.next() < 0.5 ? 'stock' : 'resuming',
    script,
    frameMs: random.next() < 0.5 ? 20 : 100,
    pace: 2 + below(random, 3),
    read: (start, end) => {
      const { buffer, byteOffset, byteLength } = audio.read(start, end);
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    },
  };
}
