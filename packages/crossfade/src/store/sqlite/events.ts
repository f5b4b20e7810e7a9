import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock, type Clock } from '@crossfade/sdk/core/clock';
import { chain, ChainCheck, checkAppend, conflict, emptyHead, readLimit, type ChainHead } from '../chain.ts';
import type { OutboxQuery, OutboxResult, RolloutStore, StoredEvent } from '../store.ts';
import { Database, type Row } from './database.ts';
import { rolloutMigrations } from './migrations.ts';
import { SqliteOutbox } from './outbox.ts';

export interface SqliteRolloutStoreOptions {
  /** Path of the database; its folder must be there. */
  readonly file: string;
  /** Stamps when notifications left. */
  readonly clock?: Clock;
}

/** Records between two turns of the event loop: about 10 ms of hashing. */
const verifyPageRows = 1_000;

/**
 * Rollouts in one SQLite file. An append is one transaction with `synchronous = FULL`: once it resolved it survives
 * SIGKILL and power loss, and before that nothing of it is there.
 */
export async function openSqliteRolloutStore(options: SqliteRolloutStoreOptions): Promise<RolloutStore> {
  const database = Database.open(options.file, 'rollouts', rolloutMigrations);
  return new SqliteRolloutStore(database, options.clock ?? systemClock);
}

class SqliteRolloutStore implements RolloutStore {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #outbox: SqliteOutbox;

  constructor(database: Database, clock: Clock) {
    this.#db = database;
    this.#clock = clock;
    this.#outbox = new SqliteOutbox(database);
  }

  async append(...[stream, expectedRevision, events, outbox, atMs]: Parameters<RolloutStore['append']>) {
    checkAppend(expectedRevision, events, outbox);
    return this.#db.transaction(() => {
      const revision = this.#streamRevision(stream);
      if (revision !== expectedRevision) throw conflict(stream, expectedRevision, revision);
      const stored = chain(this.#head(), stream, revision, events, atMs);
      for (const event of stored) this.#insert(event);
      const last = stored.at(-1);
      if (last !== undefined) {
        this.#db.run(
          'INSERT INTO chain_head (id, sequence, hash) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash',
          last.sequence,
          last.hash,
        );
      }
      this.#outbox.enqueue(outbox, atMs);
      return stored;
    });
  }

  #streamRevision(stream: string): number {
    const row = this.#db.get('SELECT MAX(stream_revision) AS revision FROM events WHERE stream = ?', stream);
    return Number(row?.['revision'] ?? 0);
  }

  #head(): ChainHead {
    const row = this.#db.get('SELECT sequence, hash FROM chain_head WHERE id = 1');
    return row === undefined ? emptyHead : { sequence: Number(row['sequence']), hash: String(row['hash']) };
  }

  #insert(event: StoredEvent): void {
    this.#db.run(
      'INSERT INTO events (sequence, stream, stream_revision, at_ms, type, payload, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      event.sequence,
      event.stream,
      event.streamRevision,
      event.atMs,
      event.type,
      event.payload,
      event.previousHash,
      event.hash,
    );
  }

  async read(options: Parameters<RolloutStore['read']>[0] = {}) {
    return this.#read(options.after ?? 0, options.stream, readLimit(options.limit));
  }

  #read(after: number, stream: string | undefined, limit: number): readonly StoredEvent[] {
    const rows =
      stream === undefined
        ? this.#db.all('SELECT * FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?', after, limit)
        : this.#db.all(
            'SELECT * FROM events WHERE stream = ? AND sequence > ? ORDER BY stream_revision LIMIT ?',
            stream,
            after,
            limit,
          );
    return rows.map(eventOf);
  }

  /** In pages, so that a long log does not hold up the process; what is appended meanwhile is left to the next time. */
  async verify() {
    const { head, lastSequence } = this.#extent();
    const check = new ChainCheck();
    for (let after = Number.MIN_SAFE_INTEGER; after < lastSequence; await nextTurn()) {
      const page = this.#read(after, undefined, verifyPageRows);
      for (const event of page) {
        if (event.sequence > lastSequence) break;
        const damage = check.next(event);
        if (damage !== null) return damage;
      }
      after = page.at(-1)?.sequence ?? lastSequence;
    }
    return check.end(head);
  }

  /** The head of the chain and the last record that is there, at one moment. */
  #extent(): { readonly head: ChainHead; readonly lastSequence: number } {
    return this.#db.transaction(() => {
      const row = this.#db.get('SELECT MAX(sequence) AS sequence FROM events');
      return { head: this.#head(), lastSequence: Number(row?.['sequence'] ?? 0) };
    });
  }

  async pendingOutbox(query: OutboxQuery) {
    return this.#outbox.pending(query);
  }

  async settleOutbox(id: string, result: OutboxResult) {
    this.#outbox.settle(id, result, this.#clock.nowMs());
  }

  async deadOutbox(limit: number) {
    return this.#outbox.dead(limit);
  }

  async reviveOutbox(id: string) {
    return this.#outbox.revive(id);
  }

  async dropOutbox(id: string) {
    return this.#outbox.drop(id, this.#clock.nowMs());
  }

  async forgetOutbox(settledBeforeMs: number, limit: number) {
    return this.#outbox.forget(settledBeforeMs, limit);
  }

  async close() {
    this.#db.close();
  }
}

function eventOf(row: Row): StoredEvent {
  return {
    sequence: Number(row['sequence']),
    stream: String(row['stream']),
    streamRevision: Number(row['stream_revision']),
    atMs: Number(row['at_ms']),
    type: String(row['type']),
    payload: String(row['payload']),
    previousHash: String(row['previous_hash']),
    hash: String(row['hash']),
  };
}
