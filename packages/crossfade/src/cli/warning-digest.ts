import type { Clock } from '@crossfade/sdk/core/clock';

/** The same warning is shown once in this time; how often it came meanwhile is shown with the next one. */
const quietMs = 10_000;
/** Different sentences that are remembered; a program has fewer. */
const sentencesMax = 500;

/** Keeps a flood of one warning from hiding the others. */
export class WarningDigest {
  readonly #clock: Clock;
  readonly #show: (line: string) => void;
  readonly #seen = new Map<string, { shownAtMs: number; since: number }>();

  constructor(clock: Clock, show: (line: string) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  add(sentence: string): void {
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(sentence);
    if (seen !== undefined && nowMs - seen.shownAtMs < quietMs) {
      seen.since += 1;
      return;
    }
    this.#show(
      seen === undefined || seen.since === 0 ? sentence : `${sentence} (and ${seen.since} times before)`,
    );
    if (this.#seen.size >= sentencesMax) this.#seen.clear();
    this.#seen.set(sentence, { shownAtMs: nowMs, since: 0 });
  }
}
