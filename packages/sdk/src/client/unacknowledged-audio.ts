import type { AudioEncoding } from '../core/audio.ts';
import { bytesPerSample } from '../core/audio.ts';

/** A piece of audio and where it begins in the session. */
export interface AudioPiece {
  readonly startSample: number;
  readonly bytes: Uint8Array;
}

/** Audio the server has not called durable yet, in bounded memory. */
export class UnacknowledgedAudio {
  readonly #sampleBytes: number;
  readonly #samplesMax: number;
  #pieces: AudioPiece[] = [];
  #endSample = 0;
  #durableSample = 0;

  constructor(encoding: AudioEncoding, samplesMax: number) {
    this.#sampleBytes = bytesPerSample[encoding];
    this.#samplesMax = samplesMax;
  }

  /** First sample that was not produced yet. */
  get endSample(): number {
    return this.#endSample;
  }

  /** Everything before it would survive a power cut at the server. */
  get durableSample(): number {
    return this.#durableSample;
  }

  /** Keeps a copy; false, and nothing kept, when it would be more than the memory allows. */
  add(bytes: Uint8Array): boolean {
    const samples = bytes.length / this.#sampleBytes;
    if (this.#endSample + samples - this.#durableSample > this.#samplesMax) return false;
    this.#pieces.push({ startSample: this.#endSample, bytes: bytes.slice() });
    this.#endSample += samples;
    return true;
  }

  /** Forgets what is durable. A smaller number than before changes nothing. */
  durable(throughSample: number): void {
    this.#durableSample = Math.min(this.#endSample, Math.max(this.#durableSample, throughSample));
    const kept = this.#pieces.findIndex((piece) => this.#endOf(piece) > this.#durableSample);
    this.#pieces = kept === -1 ? [] : this.#pieces.slice(kept);
  }

  /** Pieces from `sample` on, the first one cut to it. */
  *from(sample: number): Iterable<AudioPiece> {
    for (const piece of this.#pieces) {
      if (this.#endOf(piece) <= sample) continue;
      const skip = Math.max(0, sample - piece.startSample);
      yield { startSample: piece.startSample + skip, bytes: piece.bytes.subarray(skip * this.#sampleBytes) };
    }
  }

  #endOf(piece: AudioPiece): number {
    return piece.startSample + piece.bytes.length / this.#sampleBytes;
  }
}
