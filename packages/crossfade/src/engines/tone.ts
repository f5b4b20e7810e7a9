import { probeSampleRates, ToneGrid } from '../signal/tone-grid.ts';
import type { Engine, EnginePreflight, RecognizerStream, StreamListener, StreamOptions } from './engine.ts';
import { ToneStream } from './tone-stream.ts';

/**
 * The recognizer of probe audio: in process, without dependencies, exact to the sample, and the same
 * answer for the same audio at any pace.
 */
export class ToneEngine implements Engine {
  readonly name = 'tone';
  readonly description =
    'Decodes Crossfade probe tones, which carry coded words. It is not speech recognition: it hears nothing in speech.';
  readonly sampleRates = probeSampleRates;
  /** Tables shared by the streams of one sample rate. */
  readonly #grids = new Map<number, ToneGrid>();

  preflight(): Promise<EnginePreflight> {
    return Promise.resolve({ ok: true, detail: 'built in' });
  }

  /** QUERY_INVALID at a sample rate that is not in `sampleRates`. */
  async open(options: StreamOptions, listener: StreamListener): Promise<RecognizerStream> {
    return new ToneStream(this.#gridOf(options.sampleRate), options, (event) => listener.onEvent(event));
  }

  pids(): readonly number[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #gridOf(sampleRate: number): ToneGrid {
    let grid = this.#grids.get(sampleRate);
    if (grid === undefined) {
      grid = new ToneGrid(sampleRate);
      this.#grids.set(sampleRate, grid);
    }
    return grid;
  }
}
