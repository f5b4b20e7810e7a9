import type { Log } from '@crossfade/sdk/core/log';

/** Refusals of one kind are told at once, then summed for this long: a thousand a second must not fill the log. */
const quietMs = 1_000;

/** Tells of refused clients: the first of a kind at once, those that follow as a number. */
export class RefusalLog {
  readonly #log: Log;
  readonly #kinds = new Map<string, { readonly untilMs: number; more: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `kind` is one of few, an error code. */
  refused(kind: string, sentence: string, nowMs: number): void {
    const told = this.#kinds.get(kind);
    if (told !== undefined && nowMs < told.untilMs) {
      told.more += 1;
      return;
    }
    this.#sum(kind);
    this.#kinds.set(kind, { untilMs: nowMs + quietMs, more: 0 });
    this.#log.warn({ code: kind, error: sentence }, 'client refused');
  }

  /** Called now and then: says how many there were beside the ones that were told. */
  tick(nowMs: number): void {
    for (const [kind, { untilMs }] of this.#kinds) {
      if (nowMs < untilMs) continue;
      this.#sum(kind);
      this.#kinds.delete(kind);
    }
  }

  #sum(kind: string): void {
    const more = this.#kinds.get(kind)?.more ?? 0;
    if (more > 0) this.#log.warn({ code: kind, more }, 'more clients were refused for the same reason');
  }
}
