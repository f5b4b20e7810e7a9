import type { Log } from '@crossfade/sdk/core/log';

/** Names kept in mind; plans name few. Beyond this many a name may be told twice. */
const namesMax = 100;

/** Tells once of each upstream that decisions name and this gateway lacks: its sessions are served by control. */
export class UnknownUpstreams {
  readonly #log: Log;
  readonly #known: readonly string[];
  readonly #told = new Set<string>();

  constructor(log: Log, known: readonly string[]) {
    this.#log = log;
    this.#known = known;
  }

  /** What a decision named; anything but an upstream's name is not ours to tell. */
  decided(value: unknown): void {
    if (typeof value !== 'string' || this.#known.includes(value) || this.#told.has(value)) return;
    if (this.#told.size >= namesMax) this.#told.clear();
    this.#told.add(value);
    this.#log.warn(
      { upstream: value },
      `a rollout names upstream ${JSON.stringify(value)}, which this gateway does not know (it has ${this.#known.join(', ')}); control serves its sessions`,
    );
  }
}
