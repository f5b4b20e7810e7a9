import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { CrossfadeError, messageOf, type ErrorCode } from '@crossfade/sdk/core/errors';
import type { Migration } from './migrations.ts';

/**
 * How long a statement waits for another connection's transaction, ms. Transactions here take under a millisecond
 * and one process writes to a folder; past this something is wrong, and the wait blocks the event loop.
 */
const busyTimeoutMs = 2_000;

/** One SQLite file as the stores use it: durable at each commit, its schema known, its errors in our words. */
export class Database {
  readonly #file: string;
  readonly #db: DatabaseSyncInstance;

  private constructor(file: string, db: DatabaseSyncInstance) {
    this.#file = file;
    this.#db = db;
  }

  /**
   * Opens the file, making it and its tables when they are not there. `store` names the schema, so that two stores
   * may share a file. STORE_NEWER when a newer program wrote it; then nothing was changed.
   */
  static open(file: string, store: string, migrations: readonly Migration[]): Database {
    const opened = guard(file, () => new DatabaseSync(file, { timeout: busyTimeoutMs }));
    const database = new Database(file, opened);
    try {
      database.#refuseNewer(store, migrations);
      // FULL: with NORMAL a power cut takes back the last commits.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
      // What is erased must not stay readable in free pages.
      database.exec('PRAGMA secure_delete = ON');
      database.#migrate(store, migrations);
    } catch (error) {
      opened.close();
      throw error;
    }
    return database;
  }

  /** Before anything is written, so that a newer file stays as it is. */
  #refuseNewer(store: string, migrations: readonly Migration[]): void {
    const known = migrations.at(-1)?.version ?? 0;
    const found = this.#version(store);
    if (found <= known) return;
    throw new CrossfadeError(
      'STORE_NEWER',
      `Expected ${this.#file} with schema ${known} of ${store} or older, got ${found}: a newer program wrote it. Use that program.`,
      { detail: { file: this.#file, store, known, found } },
    );
  }

  #version(store: string): number {
    const table = this.get(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'`);
    if (table === undefined) return 0;
    const row = this.get('SELECT MAX(version) AS version FROM schema_versions WHERE store = ?', store);
    return Number(row?.['version'] ?? 0);
  }

  /** In one transaction, the version row first: of two programs that start at once one migrates, the other sees it. */
  #migrate(store: string, migrations: readonly Migration[]): void {
    this.transaction(() => {
      this.exec(
        'CREATE TABLE IF NOT EXISTS schema_versions (store TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (store, version)) STRICT',
      );
      this.#refuseNewer(store, migrations);
      const from = this.#version(store);
      for (const { version, sql } of migrations) {
        if (version <= from) continue;
        this.run('INSERT INTO schema_versions (store, version) VALUES (?, ?)', store, version);
        this.exec(sql);
      }
    });
  }

  exec(sql: string): void {
    guard(this.#file, () => this.#db.exec(sql));
  }

  /** Rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return guard(this.#file, () => this.#db.prepare(sql).run(...values).changes);
  }

  get(sql: string, ...values: readonly SqlValue[]): Row | undefined {
    return guard(this.#file, () => this.#db.prepare(sql).get(...values) as Row | undefined);
  }

  all(sql: string, ...values: readonly SqlValue[]): readonly Row[] {
    return guard(this.#file, () => this.#db.prepare(sql).all(...values) as readonly Row[]);
  }

  /** Everything in `work` or nothing. Takes the write lock at once, so that what it reads stays so. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk may have rolled back by itself.
      if (this.#db.isTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Empties the log of writes, in which what was deleted still stands (in the file itself it is overwritten). Somebody
   * who reads the file is waited for, or else keeps the log as it is.
   */
  emptyLog({ waits }: { readonly waits: boolean }): void {
    if (!waits) this.exec('PRAGMA busy_timeout = 0');
    try {
      this.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      if (!waits) this.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

export type SqlValue = string | number | null;
export type Row = Readonly<Record<string, string | number | null>>;

const corruptCodes: ReadonlySet<string> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);

/** Runs a statement; what SQLite says becomes one of our errors. */
function guard<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const name = (error as { readonly sqliteCodeName?: unknown }).sqliteCodeName;
    const isCorrupt = typeof name === 'string' && corruptCodes.has(name);
    const code: ErrorCode = isCorrupt ? 'STORE_CORRUPT' : 'STORE_UNAVAILABLE';
    const advice = isCorrupt
      ? 'Restore it from a backup, or move it away.'
      : 'Check the disk and the folder.';
    throw new CrossfadeError(code, `Expected ${file} to answer, got: ${messageOf(error)}. ${advice}`, {
      cause: error,
      detail: { file, sqlite: typeof name === 'string' ? name : null },
    });
  }
}
