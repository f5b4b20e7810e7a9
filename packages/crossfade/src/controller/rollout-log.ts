import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { RolloutEvent } from '../rollout/events.ts';
import { rulesetOf } from '../rollout/ruleset-of.ts';
import type { RolloutState } from '../rollout/state.ts';
import type { OutboxItem, RolloutStore, StoredEvent } from '../store/store.ts';
import { evolveStored } from './read-event.ts';

/** Events read at once while folding the log. */
const pageSize = 1_000;

/**
 * The rollouts of one store in memory: the fold of its events, and the ruleset that follows from it. The only
 * place that appends.
 */
export class RolloutLog {
  readonly #store: RolloutStore;
  readonly #states = new Map<string, RolloutState>();
  #sequence = 0;
  #lastAtMs = 0;
  #ruleset: Ruleset = rulesetOf([], 0);
  #content = '';

  private constructor(store: RolloutStore) {
    this.#store = store;
  }

  static async open(store: RolloutStore): Promise<RolloutLog> {
    const log = new RolloutLog(store);
    await log.catchUp();
    return log;
  }

  /** In the order in which they were applied. */
  get states(): readonly RolloutState[] {
    return [...this.#states.values()];
  }

  /** The ruleset of these states. Its revision is the sequence of the event that last changed what it says. */
  get ruleset(): Ruleset {
    return this.#ruleset;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Time of the newest event; 0 without any. */
  get lastAtMs(): number {
    return this.#lastAtMs;
  }

  state(name: string): RolloutState | undefined {
    return this.#states.get(name);
  }

  /** Folds what is in the store and not yet here. Answers whether there was anything. */
  async catchUp(): Promise<boolean> {
    const before = this.#sequence;
    for (;;) {
      const page = await this.#store.read({ after: this.#sequence, limit: pageSize });
      for (const stored of page) this.#fold(stored);
      if (page.length < pageSize) break;
    }
    if (this.#sequence > before) this.#publish();
    return this.#sequence > before;
  }

  /**
   * Appends to one rollout and folds. STORE_CONFLICT when somebody else appended since the last `catchUp`; then
   * nothing was written.
   */
  async append(
    name: string,
    expectedRevision: number,
    events: readonly RolloutEvent[],
    outbox: readonly OutboxItem[],
    atMs: number,
  ): Promise<readonly StoredEvent[]> {
    const rows = events.map((event) => ({ type: event.type, payload: JSON.stringify(event) }));
    const stored = await this.#store.append(name, expectedRevision, rows, outbox, atMs);
    // A gap means that another writer appended to other rollouts meanwhile: fold all in order.
    if (stored[0] !== undefined && stored[0].sequence !== this.#sequence + 1) await this.catchUp();
    else {
      for (const one of stored) this.#fold(one);
      this.#publish();
    }
    return stored;
  }

  #fold(stored: StoredEvent): void {
    this.#states.set(stored.stream, evolveStored(this.#states.get(stored.stream) ?? null, stored));
    this.#sequence = stored.sequence;
    this.#lastAtMs = Math.max(this.#lastAtMs, stored.atMs);
  }

  #publish(): void {
    const ruleset = rulesetOf(this.states, this.#sequence);
    const content = contentOf(ruleset);
    if (content === this.#content) return;
    this.#content = content;
    this.#ruleset = ruleset;
  }
}

/** What a ruleset says, its revision aside. */
function contentOf(ruleset: Ruleset): string {
  return JSON.stringify({ ...ruleset, revision: 0 });
}
