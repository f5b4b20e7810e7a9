import { readLimit } from '../chain.ts';
import type { DeadOutboxItem, OutboxItem, OutboxQuery, OutboxResult, PendingOutboxItem } from '../store.ts';
import type { Database, Row } from './database.ts';

const columns = 'id, kind, target, payload, created_at_ms, attempts, last_error, died_at_ms';

/** Neither sent nor given up; the words of the index, so that it is used. */
const isPending = 'sent_at_ms IS NULL AND died_at_ms IS NULL';
const isDead = 'died_at_ms IS NOT NULL AND dropped_at_ms IS NULL';

/** The table of notifications: in the file of the events, so that both go in together. */
export class SqliteOutbox {
  readonly #db: Database;

  constructor(database: Database) {
    this.#db = database;
  }

  /** Part of the caller's transaction. */
  enqueue(outbox: readonly OutboxItem[], atMs: number): void {
    for (const { id, kind, target, payload } of outbox) {
      this.#db.run(
        'INSERT INTO outbox (id, kind, target, payload, created_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
        id,
        kind,
        target,
        payload,
        atMs,
      );
    }
  }

  pending({ limit, due, exceptTargets = [] }: OutboxQuery): readonly PendingOutboxItem[] {
    const dueBy = due?.nowMs ?? Infinity;
    const waitsFrom = due === undefined ? Infinity : due.nowMs + due.longestWaitMs;
    const rows = this.#db.all(
      `SELECT ${columns} FROM outbox WHERE ${isPending} AND (due_at_ms <= ? OR due_at_ms > ?) AND target NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?`,
      dueBy,
      waitsFrom,
      JSON.stringify(exceptTargets),
      readLimit(limit),
    );
    return rows.map(pendingItem);
  }

  settle(id: string, result: OutboxResult, nowMs: number): void {
    const counted = `UPDATE outbox SET attempts = attempts + 1`;
    if (result.is === 'sent') {
      this.#db.run(`${counted}, sent_at_ms = ? WHERE id = ? AND ${isPending}`, nowMs, id);
      return;
    }
    if (result.is === 'failed') {
      const { error, dueAtMs } = result;
      this.#db.run(
        `${counted}, last_error = ?, due_at_ms = ? WHERE id = ? AND ${isPending}`,
        error,
        dueAtMs,
        id,
      );
      return;
    }
    const { error, atMs, outbox } = result;
    this.#db.transaction(() => {
      const died = this.#db.run(
        `${counted}, last_error = ?, died_at_ms = ? WHERE id = ? AND ${isPending}`,
        error,
        atMs,
        id,
      );
      if (died > 0) this.enqueue(outbox, atMs);
    });
  }

  dead(limit: number): readonly DeadOutboxItem[] {
    const rows = this.#db.all(
      `SELECT ${columns} FROM outbox WHERE ${isDead} ORDER BY position DESC LIMIT ?`,
      readLimit(limit),
    );
    return rows.map((row) => ({
      ...pendingItem(row),
      diedAtMs: Number(row['died_at_ms']),
      error: String(row['last_error'] ?? ''),
    }));
  }

  revive(id: string): boolean {
    const sql = `UPDATE outbox SET died_at_ms = NULL, attempts = 0, due_at_ms = 0 WHERE id = ? AND ${isDead}`;
    return this.#db.run(sql, id) > 0;
  }

  drop(id: string, nowMs: number): boolean {
    return this.#db.run(`UPDATE outbox SET dropped_at_ms = ? WHERE id = ? AND ${isDead}`, nowMs, id) > 0;
  }

  forget(settledBeforeMs: number, limit: number): number {
    const rowsMax = readLimit(limit);
    const forgetWhere = (where: string, rows: number): number =>
      this.#db.run(
        `DELETE FROM outbox WHERE position IN (SELECT position FROM outbox WHERE ${where} LIMIT ?)`,
        settledBeforeMs,
        rows,
      );
    return this.#db.transaction(() => {
      const sent = forgetWhere('sent_at_ms < ?', rowsMax);
      return sent + forgetWhere('died_at_ms IS NOT NULL AND dropped_at_ms < ?', rowsMax - sent);
    });
  }
}

function pendingItem(row: Row): PendingOutboxItem {
  return {
    id: String(row['id']),
    kind: String(row['kind']),
    target: String(row['target']),
    payload: String(row['payload']),
    createdAtMs: Number(row['created_at_ms']),
    attempts: Number(row['attempts']),
  };
}
