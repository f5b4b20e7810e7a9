import { CrossfadeError } from '@crossfade/sdk/core/errors';

/** Zero crossings of the filter on each side: 16 keep the error of a probe word under one part in a thousand. */
const sidelobes = 16;
/** Of the lower rate's band; the rest is the filter's slope. */
const passband = 0.94;
/** Most phases that get a table; rates with no common measure would need one per sample otherwise. */
const phasesMax = 1_024;

/**
 * Changes the sample rate of a stream, in chunks of any size, with the same result for any cut into chunks.
 * Output sample m lies at input position m × from / to: no delay to subtract. A windowed sinc (Hann), so
 * what the lower rate cannot carry is filtered away.
 */
export class Resampler {
  readonly #from: number;
  readonly #to: number;
  /** Input samples on each side that an output sample needs. */
  readonly #reach: number;
  readonly #phases: readonly Float64Array[];
  #history: Float64Array;
  /** Input position of `#history[0]`. */
  #historyStart: number;
  #historyLength: number;
  #nextOutput = 0;

  constructor(fromRate: number, toRate: number) {
    if (!(Number.isInteger(fromRate) && Number.isInteger(toRate) && fromRate > 0 && toRate > 0)) {
      throw new CrossfadeError(
        'QUERY_INVALID',
        `Expected whole sample rates, got ${fromRate} and ${toRate}.`,
      );
    }
    const measure = greatestCommonDivisor(fromRate, toRate);
    this.#from = fromRate / measure;
    this.#to = toRate / measure;
    const cutoff = Math.min(1, toRate / fromRate) * passband;
    this.#reach = Math.ceil(sidelobes / cutoff);
    const phases = Math.min(this.#to, phasesMax);
    this.#phases = Array.from({ length: phases }, (_, phase) => this.#filter(phase / phases, cutoff));
    this.#history = new Float64Array(4 * this.#reach);
    this.#historyStart = -this.#reach;
    this.#historyLength = this.#reach;
  }

  /** Output samples that became computable; the last `lookAheadSamples` of the input wait for what follows. */
  push(samples: Int16Array): Int16Array {
    this.#append(samples);
    const inputEnd = this.#historyStart + this.#historyLength;
    // The last output position p with floor(p × from / to) + reach < inputEnd.
    const lastExclusive = Math.max(
      this.#nextOutput,
      Math.ceil(((inputEnd - this.#reach) * this.#to) / this.#from),
    );
    const out = new Int16Array(lastExclusive - this.#nextOutput);
    for (let i = 0; i < out.length; i++) out[i] = this.#at(this.#nextOutput + i);
    this.#nextOutput = lastExclusive;
    this.#forget();
    return out;
  }

  /** Input samples held back until more follow: well under 3 ms at any rate. */
  get lookAheadSamples(): number {
    return this.#reach;
  }

  #at(output: number): number {
    const numerator = output * this.#from;
    const whole = Math.floor(numerator / this.#to);
    const fraction = (numerator - whole * this.#to) / this.#to;
    const taps = this.#phases[Math.floor(fraction * this.#phases.length)] as Float64Array;
    const first = whole - this.#reach + 1 - this.#historyStart;
    let sum = 0;
    for (let i = 0; i < taps.length; i++) sum += (taps[i] as number) * (this.#history[first + i] as number);
    return Math.max(-32_768, Math.min(32_767, Math.round(sum)));
  }

  /** Weights of the inputs from `1 - reach` to `reach` around a position between two of them. */
  #filter(fraction: number, cutoff: number): Float64Array {
    const taps = Float64Array.from({ length: 2 * this.#reach }, (_, i) => {
      const distance = i - this.#reach + 1 - fraction;
      const hann = 0.5 + 0.5 * Math.cos((Math.PI * distance) / this.#reach);
      return Math.abs(distance) >= this.#reach ? 0 : cutoff * sinc(cutoff * distance) * hann;
    });
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return taps.map((tap) => tap / sum);
  }

  #append(samples: Int16Array): void {
    const needed = this.#historyLength + samples.length;
    if (needed > this.#history.length) {
      const larger = new Float64Array(2 * needed);
      larger.set(this.#history.subarray(0, this.#historyLength));
      this.#history = larger;
    }
    this.#history.set(samples, this.#historyLength);
    this.#historyLength = needed;
  }

  #forget(): void {
    const firstNeeded = Math.floor((this.#nextOutput * this.#from) / this.#to) - this.#reach + 1;
    const drop = Math.min(this.#historyLength, Math.max(0, firstNeeded - this.#historyStart));
    this.#history.copyWithin(0, drop, this.#historyLength);
    this.#historyStart += drop;
    this.#historyLength -= drop;
  }
}

/** A whole recording at another rate; it is as long as the original, the end padded with silence. */
export function resample(samples: Int16Array, fromRate: number, toRate: number): Int16Array {
  const resampler = new Resampler(fromRate, toRate);
  const head = resampler.push(samples);
  const tail = resampler.push(new Int16Array(resampler.lookAheadSamples));
  const out = new Int16Array(head.length + tail.length);
  out.set(head);
  out.set(tail, head.length);
  return out.subarray(0, Math.ceil((samples.length * toRate) / fromRate));
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
