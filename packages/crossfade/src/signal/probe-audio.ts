import type { ProbeScript } from './probe-script.ts';
import { ToneGrid } from './tone-grid.ts';

/** The audio of a script, any part of it at any time: a long session is never in memory as a whole. */
export class ProbeAudio {
  readonly script: ProbeScript;
  readonly #grid: ToneGrid;

  /** `grid`: shared between sessions of one sample rate; made here when not given. */
  constructor(script: ProbeScript, grid: ToneGrid = new ToneGrid(script.sampleRate)) {
    this.script = script;
    this.#grid = grid;
  }

  /** Samples `[start, end)`, clipped to the script. The same range gives the same samples. */
  read(start: number, end: number): Int16Array {
    const from = Math.max(0, start);
    const to = Math.max(from, Math.min(end, this.script.totalSamples));
    const samples = new Int16Array(to - from);
    const { words } = this.script;
    for (let i = this.#firstEndingAfter(from); i < words.length; i++) {
      const word = words[i]!;
      if (word.start >= to) break;
      this.#grid.write(word.index, samples, word.start - from);
    }
    return samples;
  }

  #firstEndingAfter(sample: number): number {
    const { words } = this.script;
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (words[middle]!.end > sample) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The whole audio of a script. */
export function renderProbe(script: ProbeScript): Int16Array {
  return new ProbeAudio(script).read(0, script.totalSamples);
}
