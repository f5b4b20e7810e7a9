import { systemClock, type Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { chain, ChainCheck, checkAppend, conflict, emptyHead, readLimit } from '../chain.ts';
import type {
  OutboxItem,
  OutboxQuery,
  OutboxResult,
  PendingOutboxItem,
  RolloutStore,
  StoredEvent,
} from '../store.ts';

/** A rollout store for tests and trials: keeps every promise of the port but to survive the process. */
export function createMemoryRolloutStore(clock: Clock = systemClock): RolloutStore {
  return new MemoryRolloutStore(clock);
}

interface OutboxRow extends OutboxItem {
  readonly createdAtMs: number;
  attempts: number;
  dueAtMs: number;
  state: 'pending' | 'sent' | 'dead' | 'dropped';
  diedAtMs: number;
  /** When it was sent or dropped. */
  settledAtMs: number;
  error: string;
}

class MemoryRolloutStore implements RolloutStore {
  readonly #events: StoredEvent[] = [];
  readonly #revisions = new Map<string, number>();
  readonly #outbox = new Map<string, OutboxRow>();
  readonly #clock: Clock;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async append(...[stream, expectedRevision, events, outbox, atMs]: Parameters<RolloutStore['append']>) {
    this.#checkOpen();
    checkAppend(expectedRevision, events, outbox);
    const revision = this.#revisions.get(stream) ?? 0;
    if (revision !== expectedRevision) throw conflict(stream, expectedRevision, revision);
    const stored = chain(this.#events.at(-1) ?? emptyHead, stream, revision, events, atMs);
    this.#events.push(...stored);
    if (stored.length > 0) this.#revisions.set(stream, revision + stored.length);
    this.#enqueue(outbox, atMs);
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

  #enqueue(outbox: readonly OutboxItem[], atMs: number): void {
    const row = {
      createdAtMs: atMs,
      attempts: 0,
      dueAtMs: 0,
      state: 'pending',
      diedAtMs: 0,
      settledAtMs: 0,
      error: '',
    } as const;
    for (const item of outbox) if (!this.#outbox.has(item.id)) this.#outbox.set(item.id, { ...item, ...row });
  }

  async pendingOutbox({ limit, due, exceptTargets = [] }: OutboxQuery) {
    this.#checkOpen();
    const wanted = [...this.#outbox.values()].filter(
      ({ state, target, dueAtMs }) =>
        state === 'pending' &&
        !exceptTargets.includes(target) &&
        (due === undefined || dueAtMs <= due.nowMs || dueAtMs > due.nowMs + due.longestWaitMs),
    );
    return wanted.slice(0, readLimit(limit)).map(pendingItem);
  }

  async settleOutbox(id: string, result: OutboxResult) {
    this.#checkOpen();
    const row = this.#outbox.get(id);
    if (row?.state !== 'pending') return;
    row.attempts++;
    if (result.is === 'sent') this.#settle(row, 'sent');
    else row.error = result.error;
    if (result.is === 'failed') row.dueAtMs = result.dueAtMs;
    if (result.is !== 'dead') return;
    row.state = 'dead';
    row.diedAtMs = result.atMs;
    this.#enqueue(result.outbox, result.atMs);
  }

  async deadOutbox(limit: number) {
    this.#checkOpen();
    const dead = [...this.#outbox.values()].filter(({ state }) => state === 'dead').toReversed();
    return dead.slice(0, readLimit(limit)).map((row) => {
      return { ...pendingItem(row), diedAtMs: row.diedAtMs, error: row.error };
    });
  }

  async reviveOutbox(id: string) {
    this.#checkOpen();
    const row = this.#outbox.get(id);
    if (row?.state !== 'dead') return false;
    Object.assign(row, { state: 'pending', attempts: 0, dueAtMs: 0 });
    return true;
  }

  async dropOutbox(id: string) {
    this.#checkOpen();
    const row = this.#outbox.get(id);
    if (row?.state !== 'dead') return false;
    this.#settle(row, 'dropped');
    return true;
  }

  #settle(row: OutboxRow, state: 'sent' | 'dropped'): void {
    row.state = state;
    row.settledAtMs = this.#clock.nowMs();
  }

  async forgetOutbox(settledBeforeMs: number, limit: number) {
    this.#checkOpen();
    const old = [...this.#outbox.values()].filter(
      ({ state, settledAtMs }) => (state === 'sent' || state === 'dropped') && settledAtMs < settledBeforeMs,
    );
    const forgotten = old.slice(0, readLimit(limit));
    for (const { id } of forgotten) this.#outbox.delete(id);
    return forgotten.length;
  }

  async close() {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new CrossfadeError('STORE_UNAVAILABLE', 'Expected an open store, got a closed one.');
  }
}

function pendingItem({ id, kind, target, payload, createdAtMs, attempts }: OutboxRow): PendingOutboxItem {
  return { id, kind, target, payload, createdAtMs, attempts };
}
