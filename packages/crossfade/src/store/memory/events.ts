import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { chain, ChainCheck, checkAppend, conflict, emptyHead, readLimit } from '../chain.ts';
import type { PendingOutboxItem, RolloutStore, StoredEvent } from '../store.ts';

/** A rollout store for tests and trials: keeps every promise of the port but to survive the process. */
export function createMemoryRolloutStore(): RolloutStore {
  return new MemoryRolloutStore();
}

class MemoryRolloutStore implements RolloutStore {
  readonly #events: StoredEvent[] = [];
  readonly #revisions = new Map<string, number>();
  readonly #outbox = new Map<string, PendingOutboxItem & { readonly sent: boolean }>();
  #closed = false;

  async append(...[stream, expectedRevision, events, outbox, atMs]: Parameters<RolloutStore['append']>) {
    this.#checkOpen();
    checkAppend(expectedRevision, events, outbox);
    const revision = this.#revisions.get(stream) ?? 0;
    if (revision !== expectedRevision) throw conflict(stream, expectedRevision, revision);
    const stored = chain(this.#events.at(-1) ?? emptyHead, stream, revision, events, atMs);
    this.#events.push(...stored);
    if (stored.length > 0) this.#revisions.set(stream, revision + stored.length);
    for (const { id, kind, payload } of outbox) {
      if (!this.#outbox.has(id)) {
        this.#outbox.set(id, { id, kind, payload, createdAtMs: atMs, attempts: 0, sent: false });
      }
    }
    return stored;
  }

  async read(options: Parameters<RolloutStore['read']>[0] = {}) {
    this.#checkOpen();
    const { after = 0, stream } = options;
    const from = this.#events.slice(after);
    const wanted = stream === undefined ? from : from.filter((event) => event.stream === stream);
    return wanted.slice(0, readLimit(options.limit));
  }

  async verify() {
    this.#checkOpen();
    const check = new ChainCheck();
    for (const event of this.#events) {
      const damage = check.next(event);
      if (damage !== null) return damage;
    }
    return check.end(this.#events.at(-1) ?? emptyHead);
  }

  async pendingOutbox(limit: number) {
    this.#checkOpen();
    const pending = [...this.#outbox.values()].filter(({ sent }) => !sent).slice(0, readLimit(limit));
    return pending.map(({ id, kind, payload, createdAtMs, attempts }) => {
      return { id, kind, payload, createdAtMs, attempts };
    });
  }

  async settleOutbox(...[id, result]: Parameters<RolloutStore['settleOutbox']>) {
    this.#checkOpen();
    const item = this.#outbox.get(id);
    if (item !== undefined)
      this.#outbox.set(id, { ...item, attempts: item.attempts + 1, sent: item.sent || result.sent });
  }

  async close() {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new CrossfadeError('STORE_UNAVAILABLE', 'Expected an open store, got a closed one.');
  }
}
