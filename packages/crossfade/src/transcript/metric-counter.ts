/**
 * Counts the numerators and denominators of the acceptance metrics for one ledger of one session. The pipeline ledger
 * and the user ledger run the same code, fed with different events: what the assigned arm said, and what was shown.
 */
import { type Hypothesis, lastWordEnd, normalizedText } from './hypothesis.ts';
import { overlapOf, RangeSet, type SampleRange } from './range-set.ts';
import { latencyValuesMax, type MetricCounts } from './session-record.ts';

/** finalization-latency: the limit of the metric, ms. */
export const finalLatencyLimitMs = 1_500;
/** An entry is compared with this many before it; replays repeat recent audio, never old. */
const recentEntriesMax = 64;

export class MetricCounter {
  readonly #covered = new RangeSet();
  readonly #recent: (SampleRange & { readonly text: string })[] = [];
  readonly #latenciesMs: number[] = [];
  #latencyCount = 0;
  #latencyOverLimit = 0;
  /** The partial no final answered yet, and how many of its samples finals have covered. */
  #openPartial: (SampleRange & { readonly answered: number }) | null = null;
  #segmentsWithPartial = 0;
  #orphans = 0;
  #retractions = 0;
  #entries = 0;
  #duplicates = 0;
  #lastFinalEnd = 0;
  #firstPartialMs: number | null = null;
  #stoppedAtMs: number | null = null;
  #stopLatencyMs: number | null = null;

  /** `dueMs`: when the partial's first word was due, on the same clock as `atMs`. */
  partial(hypothesis: Hypothesis, atMs: number, dueMs: (sample: number) => number): void {
    if (hypothesis.text === '') return;
    const firstMs = atMs - dueMs(hypothesis.words[0]?.end ?? hypothesis.end);
    if (Number.isFinite(firstMs)) this.#firstPartialMs ??= Math.max(0, Math.round(firstMs));
    if (this.#openPartial === null) this.#segmentsWithPartial += 1;
    const start = Math.min(this.#openPartial?.start ?? hypothesis.start, hypothesis.start);
    const end = Math.max(this.#openPartial?.end ?? 0, hypothesis.end);
    this.#openPartial = { start, end, answered: this.#openPartial?.answered ?? 0 };
  }

  final(hypothesis: Hypothesis, atMs: number, dueMs: (sample: number) => number): void {
    this.#covered.add(hypothesis.start, hypothesis.end);
    this.#lastFinalEnd = Math.max(this.#lastFinalEnd, hypothesis.end);
    this.#settlePartial(hypothesis);
    if (this.#stoppedAtMs !== null) this.#stopLatencyMs = Math.max(0, Math.round(atMs - this.#stoppedAtMs));
    if (hypothesis.text === '') return;
    this.#countEntry(hypothesis);
    if (this.#stoppedAtMs === null) this.#addLatency(atMs - dueMs(lastWordEnd(hypothesis)));
  }

  /** The client said stop. Finals after this count as stop latency only. */
  stop(atMs: number): void {
    this.#stoppedAtMs ??= atMs;
  }

  get lastFinalEnd(): number {
    return this.#lastFinalEnd;
  }

  /** Samples of `[0, end)` that no final covered. */
  uncoveredSamples(end: number): number {
    return end - this.#covered.covered(0, end);
  }

  /**
   * The counts of the whole session. `saidDone`: the pipeline itself ended the stream, so that what is missing at its
   * end is its tail. `orphanOpen`: a partial that is still open was abandoned, not taken away by us.
   */
  counts(input: {
    readonly samplesOffered: number;
    readonly sampleRate: number;
    readonly saidDone: boolean;
    readonly orphanOpen: boolean;
  }): MetricCounts {
    const tail = Math.max(0, input.samplesOffered - this.#lastFinalEnd);
    return {
      samplesOffered: input.samplesOffered,
      samplesCovered: this.#covered.covered(0, input.samplesOffered),
      segmentsWithPartial: this.#segmentsWithPartial,
      orphans: this.#orphans + (this.#openPartial !== null && input.orphanOpen ? 1 : 0),
      retractions: this.#retractions,
      finalLatenciesMs: this.#latenciesMs,
      finalLatencyCount: this.#latencyCount,
      finalLatencyOverLimit: this.#latencyOverLimit,
      stopLatencyMs: this.#stopLatencyMs,
      missedTailMs: input.saidDone ? (tail * 1_000) / input.sampleRate : null,
      entries: this.#entries,
      duplicateEntries: this.#duplicates,
      firstPartialMs: this.#firstPartialMs,
    };
  }

  /** Finals that cover at least half of the open partial answer it; ones that pass it by leave an orphan. */
  #settlePartial(final: Hypothesis): void {
    const open = this.#openPartial;
    if (open === null) return;
    const answered = open.answered + overlapOf(open, final);
    if (answered * 2 >= open.end - open.start) {
      if (final.text === '') this.#retractions += 1;
      this.#openPartial = null;
    } else if (final.end >= open.end) {
      this.#orphans += 1;
      this.#openPartial = null;
    } else this.#openPartial = { ...open, answered };
  }

  #countEntry(entry: Hypothesis): void {
    const text = normalizedText(entry.text);
    const isDuplicate = this.#recent.some(
      (other) => other.text === text && overlapOf(other, entry) * 2 >= entry.end - entry.start,
    );
    this.#entries += 1;
    if (isDuplicate) this.#duplicates += 1;
    this.#recent.push({ start: entry.start, end: entry.end, text });
    if (this.#recent.length > recentEntriesMax) this.#recent.shift();
  }

  #addLatency(ms: number): void {
    // No frame arrived since a restart: nobody knows when the word was due.
    if (!Number.isFinite(ms)) return;
    const latencyMs = Math.max(0, Math.round(ms));
    this.#latencyCount += 1;
    if (latencyMs >= finalLatencyLimitMs) this.#latencyOverLimit += 1;
    if (this.#latenciesMs.length < latencyValuesMax) this.#latenciesMs.push(latencyMs);
  }
}
