import { Histogram } from '../analysis/histogram.ts';
import { type BadCase, type CaseResult, isShort, type SessionCase } from './case-result.ts';
import type { AcceptanceReport, WorstCase } from './report.ts';

/** Cases that are shown with their timeline. */
const worstMax = 8;
/** Points of the tail plot and rows of the capture map: enough to see, small enough to mail. */
const tailsMax = 4_000;
const capturesMax = 40;

type Captures = AcceptanceReport['plots']['captures'];

/** Keeps what the report draws, bounded whatever the length of the run. */
export class CaseLog {
  readonly #replayOf: (caseId: string) => string;
  #worst: readonly BadCase[] = [];
  readonly #tails: number[] = [];
  readonly #stops = new Map<number, number>();
  #captures: Captures = [];
  /** How late each frame left, ms. */
  readonly #late = new Histogram();

  constructor(replayOf: (caseId: string) => string) {
    this.#replayOf = replayOf;
  }

  get worst(): WorstCase[] {
    return this.#worst.map(({ worst }) => ({ ...worst, replay: this.#replayOf(worst.id) }));
  }

  /** How late the sender was, over all frames. */
  get senderLateMs(): { readonly p99: number; readonly max: number } {
    return { p99: this.#late.quantile(0.99) ?? 0, max: this.#late.max ?? 0 };
  }

  get plots(): Omit<AcceptanceReport['plots'], 'latencies'> {
    return {
      stopLatencies: [...this.#stops].sort(([a], [b]) => a - b),
      tails: this.#tails,
      captures: this.#captures,
    };
  }

  add(result: CaseResult): void {
    const { bad } = result;
    if (bad !== null) {
      this.#worst = [...this.#worst, bad].sort((a, b) => b.badness - a.badness).slice(0, worstMax);
    }
    if (result.kind === 'session') this.#addSession(result);
  }

  #addSession(result: SessionCase): void {
    const { counts, sampleRate, lateMs, lostMs, isTimed } = result;
    // Latencies are what a late sender spoils.
    if (isTimed) for (const [ms, count] of lateMs) this.#late.add(ms, count);
    if (isShort(result) && counts.missedTailMs !== null && this.#tails.length < tailsMax)
      this.#tails.push(Math.round(counts.missedTailMs * 10) / 10);
    if (isTimed && counts.stopLatencyMs !== null)
      this.#stops.set(counts.stopLatencyMs, (this.#stops.get(counts.stopLatencyMs) ?? 0) + 1);
    if (lostMs.length === 0) return;
    const audioMs = Math.round((counts.samplesOffered * 10_000) / sampleRate) / 10;
    const row = {
      id: result.id,
      audioMs,
      lost: lostMs.map(([start, end]): [number, number] => [start, end]),
    };
    this.#captures = [...this.#captures, row]
      .sort((a, b) => lengthOf(b.lost) - lengthOf(a.lost))
      .slice(0, capturesMax);
  }
}

function lengthOf(ranges: Captures[number]['lost']): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
