import { wordCount } from './tone-code.ts';
import { syncTone, type ToneGrid } from './tone-grid.ts';
import { readWord, type DecodedWord } from './tone-reader.ts';

export interface ToneListener {
  /** In the order of their starts, each once. */
  onWord(word: DecodedWord): void;
  /** A block of 5 ms ended at `endSample` (exclusive); `voiced` when it is louder than the background. */
  onBlock(endSample: number, voiced: boolean): void;
}

const blocksPerSecond = 200;
/** Blocks of one symbol. */
const slotBlocks = 4;
/** Part of a window's energy that must be sync tone: 0.5 with noise as loud as the word; unlike tones leak 0.02. */
const syncShareMin = 0.2;
/** Words that started and are not decoded yet: more than two cannot be real, the rest are false syncs. */
const pendingMax = 16;
/** Below -60 dBFS nothing is speech. */
const quietRms = 33;
/** A voiced block is 9 dB above the background; blocks of steady noise differ by less than that. */
const overBackground = 8;
/** The background follows the quietest block of the last second; the gaps between words show it. */
const backgroundBlocks = 200;
/** At a flush a word may miss the last quarter of its last symbol and is still read. */
const missingSymbolMax = 0.25;

/** Windows compared to find a peak: two on each side, half a symbol. */
const peakBlocks = 5;

interface Block {
  readonly energy: number;
  readonly re: number;
  readonly im: number;
}

/**
 * Finds the words of the probe code in a stream of samples, handed in in chunks of any size; the result
 * does not depend on the cut. A word is reported about 30 ms after its last tone. A splice never makes a wrong
 * word, but a whole word that touches it may stay unread (1 splice in 100).
 *
 * Each block of 5 ms is correlated with the sync tone; where four blocks hold most of it, the word is read
 * once its gap is there. Cost: about 40 multiplications a sample.
 */
export class ToneDecoder {
  readonly #grid: ToneGrid;
  readonly #listener: ToneListener;
  /** The last stretch of the stream: at least a word and its gap. */
  readonly #samples: Int16Array;
  #samplesStart = 0;
  #samplesLength = 0;
  #nextBlock = 0;
  /** The newest blocks, oldest first: enough to know a peak. */
  #blocks: Block[] = [];
  #syncShares: number[] = new Array<number>(peakBlocks).fill(0);
  #pending: number[] = [];
  #lastWord: { readonly index: number; readonly startedAt: number; readonly end: number } | null = null;
  readonly #background: MinimumOfLast = new MinimumOfLast(backgroundBlocks);

  constructor(grid: ToneGrid, listener: ToneListener) {
    this.#grid = grid;
    this.#listener = listener;
    this.#samples = new Int16Array(4 * grid.wordSamples);
  }

  /** Samples taken so far. */
  get endSample(): number {
    return this.#samplesStart + this.#samplesLength;
  }

  /** Where a word seems to have started that is not complete yet, or null. */
  get pendingStart(): number | null {
    return this.#pending[0] ?? null;
  }

  push(samples: Int16Array): void {
    // Small steps, so that the window never needs more than a word, a gap and one step.
    for (let at = 0; at < samples.length; at += this.#grid.slot) {
      this.#take(samples.subarray(at, at + this.#grid.slot));
    }
  }

  /** Reads the words whose tones are all there but whose gap has not come. The stream may go on after it. */
  flush(): void {
    const missing = Math.floor(this.#grid.slot * missingSymbolMax);
    const complete = this.#pending.filter(
      (start) => start + this.#grid.toneSamples - missing <= this.endSample,
    );
    this.#pending = this.#pending.filter((start) => !complete.includes(start));
    for (const start of complete) this.#read(start);
  }

  #take(samples: Int16Array): void {
    if (this.#samplesLength + samples.length > this.#samples.length) {
      const keep = 2 * this.#grid.wordSamples;
      const drop = this.#samplesLength - keep;
      this.#samples.copyWithin(0, drop, this.#samplesLength);
      this.#samplesStart += drop;
      this.#samplesLength = keep;
    }
    this.#samples.set(samples, this.#samplesLength);
    this.#samplesLength += samples.length;
    for (;;) {
      const end = this.#blockStart(this.#nextBlock + 1);
      if (end > this.endSample) break;
      this.#closeBlock(this.#blockStart(this.#nextBlock), end);
    }
  }

  #blockStart(block: number): number {
    return Math.round((block * this.#grid.sampleRate) / blocksPerSecond);
  }

  #closeBlock(start: number, end: number): void {
    this.#nextBlock += 1;
    const block = this.#correlateSync(start, end);
    this.#blocks.push(block);
    if (this.#blocks.length > slotBlocks) this.#blocks.shift();
    this.#syncShares.push(this.#syncShare());
    this.#syncShares.shift();
    this.#noticeSync();
    this.#readDue(end);
    const rms2 = block.energy / (end - start);
    const background = this.#background.push(rms2);
    this.#listener.onBlock(end, rms2 > quietRms * quietRms && rms2 > background * overBackground);
  }

  #correlateSync(start: number, end: number): Block {
    const { slot } = this.#grid;
    const cosines = this.#grid.cosines[syncTone] as Float64Array;
    const sines = this.#grid.sines[syncTone] as Float64Array;
    let energy = 0;
    let re = 0;
    let im = 0;
    let phase = start % slot;
    for (let i = start - this.#samplesStart; i < end - this.#samplesStart; i++) {
      const sample = this.#samples[i] as number;
      energy += sample * sample;
      re += sample * (cosines[phase] as number);
      im -= sample * (sines[phase] as number);
      if (++phase === slot) phase = 0;
    }
    return { energy, re, im };
  }

  /** Share of the last four blocks' energy that is sync tone, 0 to 1. */
  #syncShare(): number {
    if (this.#blocks.length < slotBlocks) return 0;
    let energy = 0;
    let re = 0;
    let im = 0;
    for (const block of this.#blocks) {
      energy += block.energy;
      re += block.re;
      im += block.im;
    }
    if (energy < quietRms * quietRms * this.#grid.slot) return 0;
    return (2 * (re * re + im * im)) / (this.#grid.slot * energy);
  }

  /** A window whose share is the greatest among its neighbours may open a word. */
  #noticeSync(): void {
    const middle = peakBlocks >> 1;
    const share = this.#syncShares[middle];
    if (share === undefined || share < syncShareMin) return;
    const isPeak = this.#syncShares.every((other, i) => (i < middle ? other < share : other <= share));
    if (!isPeak) return;
    const start = this.#blockStart(this.#nextBlock - middle - slotBlocks);
    this.#pending.push(start);
    if (this.#pending.length > pendingMax) this.#pending.shift();
  }

  #readDue(end: number): void {
    // One block more than the word, because it may start up to half a block later than its window.
    const due = end - this.#blockStart(1) - this.#grid.wordSamples;
    while (this.#pending.length > 0 && (this.#pending[0] as number) <= due) {
      this.#read(this.#pending.shift() as number);
    }
  }

  #read(at: number): void {
    const last = this.#lastWord;
    // Inside a word that was read, a sync tone is an accident.
    if (last !== null && at < last.end - this.#grid.slot) return;
    const window = this.#samples.subarray(0, this.#samplesLength);
    const reading = readWord(this.#grid, window, at - this.#samplesStart);
    if (reading === null) return;
    // Before the first sample when the stream began in the middle of its first tone: only what was heard is claimed.
    const startedAt = reading.start + this.#samplesStart;
    if (!reading.gapIsClear && !this.#continues(reading.index, startedAt)) return;
    const end = Math.min(startedAt + this.#grid.toneSamples, this.endSample);
    const { index, match } = reading;
    this.#lastWord = { index, startedAt, end };
    this.#listener.onWord({ index, start: Math.max(0, startedAt), end, match });
  }

  /** Whether a word is the next of the count, one word length after the last. */
  #continues(index: number, start: number): boolean {
    const last = this.#lastWord;
    if (last === null || index !== (last.index + 1) % wordCount) return false;
    return Math.abs(start - last.startedAt - this.#grid.wordSamples) <= 1;
  }
}

/** The least of the last n values, in constant time per value on average. */
class MinimumOfLast {
  readonly #span: number;
  #count = 0;
  /** Values that may become the minimum, growing. */
  readonly #rising: { value: number; at: number }[] = [];

  constructor(span: number) {
    this.#span = span;
  }

  push(value: number): number {
    while (this.#rising.length > 0 && this.#rising.at(-1)!.value >= value) this.#rising.pop();
    this.#rising.push({ value, at: this.#count });
    this.#count += 1;
    if (this.#rising[0]!.at <= this.#count - 1 - this.#span) this.#rising.shift();
    return this.#rising[0]!.value;
  }
}
