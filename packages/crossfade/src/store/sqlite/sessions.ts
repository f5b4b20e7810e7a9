import type { SessionRecord, SessionSignal, StoredTranscript } from '../../transcript/session-record.ts';
import { readLimit } from '../chain.ts';
import type { DropOptions, SessionStore, StoredRecord } from '../store.ts';
import { Database, type Row, type SqlValue } from './database.ts';
import { sessionMigrations } from './migrations.ts';
import { SqliteUsage } from './usage.ts';

export interface SqliteSessionStoreOptions {
  /** Path of the database; its folder must be there. */
  readonly file: string;
  /** False for a copy of somebody else's records: usage is counted where sessions happen. */
  readonly countsUsage?: boolean;
}

/** Transcripts and session records in one SQLite file; each save is one durable transaction. */
export async function openSqliteSessionStore(options: SqliteSessionStoreOptions): Promise<SessionStore> {
  const database = Database.open(options.file, 'sessions', sessionMigrations);
  return new SqliteSessionStore(database, options.countsUsage ?? true);
}

type Reports = 'session_signals' | 'session_records';

/** Names of rollouts with reports: one step in the index for each, however many it has. Null at the end: of none. */
const rolloutsIn = (table: Reports): string => `
  WITH RECURSIVE rollouts (name) AS (
    SELECT MIN(rollout) FROM ${table}
    UNION ALL
    SELECT (SELECT MIN(rollout) FROM ${table} WHERE rollout > name) FROM rollouts WHERE name IS NOT NULL
  )
  SELECT name FROM rollouts`;

/**
 * Rows that are looked at for those that go. What came first is old, so a few would do, but that a wall clock was once
 * ahead: what was stored then must not keep all that came after it.
 */
const lookMax = 500;

const receivedAt: Readonly<Record<Reports, string>> = {
  session_signals: 'received_at_ms',
  session_records: `COALESCE(received_at_ms, json_extract(record, '$.endedAtMs'))`,
};

/** Of one rollout, or of none, where `ofRollout`; else of all. */
const dropOldest = (table: Reports, ofRollout: boolean): string => `
  DELETE FROM ${table} WHERE sequence IN (
    SELECT sequence FROM (
      SELECT sequence, ${receivedAt[table]} AS at_ms FROM ${table}
      WHERE ${ofRollout ? 'rollout IS ? AND ' : ''}sequence <= ? ORDER BY sequence LIMIT ?
    ) WHERE at_ms < ? ORDER BY sequence LIMIT ?
  ) RETURNING session_id`;

class SqliteSessionStore implements SessionStore {
  readonly #db: Database;
  readonly #usage: SqliteUsage;
  readonly #countsUsage: boolean;

  constructor(database: Database, countsUsage: boolean) {
    this.#db = database;
    this.#usage = new SqliteUsage(database);
    this.#countsUsage = countsUsage;
  }

  async saveSession(record: SessionRecord, transcript: StoredTranscript | null, receivedAtMs?: number) {
    const { sessionId, assignment } = record;
    const recordJson = JSON.stringify(record);
    const transcriptJson = transcript === null ? null : JSON.stringify(transcript);
    return this.#db.transaction(() => {
      const added = this.#db.run(
        'INSERT INTO session_records (session_id, rollout, record, received_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT (session_id) DO NOTHING',
        sessionId,
        assignment.rollout?.name ?? null,
        recordJson,
        receivedAtMs ?? null,
      );
      if (added === 0) return false;
      if (transcriptJson !== null) {
        this.#db.run(
          'INSERT INTO transcripts (session_id, transcript) VALUES (?, ?)',
          sessionId,
          transcriptJson,
        );
      }
      if (this.#countsUsage) this.#usage.add(record);
      return true;
    });
  }

  async record(sessionId: string) {
    const row = this.#db.get('SELECT record FROM session_records WHERE session_id = ?', sessionId);
    return row === undefined ? undefined : (JSON.parse(String(row['record'])) as SessionRecord);
  }

  async transcript(sessionId: string) {
    const row = this.#db.get('SELECT transcript FROM transcripts WHERE session_id = ?', sessionId);
    return row === undefined ? undefined : (JSON.parse(String(row['transcript'])) as StoredTranscript);
  }

  async eraseTranscript(sessionId: string) {
    const erased = this.#db.run('DELETE FROM transcripts WHERE session_id = ?', sessionId) > 0;
    if (erased) this.#db.emptyLog({ waits: true });
    return erased;
  }

  async records(options: Parameters<SessionStore['records']>[0] = {}) {
    const { after = 0, rollout } = options;
    const limit = readLimit(options.limit);
    const rows =
      rollout === undefined
        ? this.#db.all(
            'SELECT sequence, record, received_at_ms FROM session_records WHERE sequence > ? ORDER BY sequence LIMIT ?',
            after,
            limit,
          )
        : this.#db.all(
            'SELECT sequence, record, received_at_ms FROM session_records WHERE rollout = ? AND sequence > ? ORDER BY sequence LIMIT ?',
            rollout,
            after,
            limit,
          );
    return rows.map(storedRecord);
  }

  async newestRecords({ before, limit }: Parameters<SessionStore['newestRecords']>[0] = {}) {
    const rows = this.#db.all(
      'SELECT sequence, record, received_at_ms FROM session_records WHERE sequence < ? ORDER BY sequence DESC LIMIT ?',
      before ?? Number.MAX_SAFE_INTEGER,
      readLimit(limit),
    );
    return rows.map(storedRecord);
  }

  async saveSignals(signals: readonly SessionSignal[], receivedAtMs: number) {
    const rows = signals.map((signal) => [signal, JSON.stringify(signal)] as const);
    return this.#db.transaction(() =>
      rows.reduce(
        (added, [{ sessionId, kind, rollout }, json]) =>
          added +
          this.#db.run(
            'INSERT INTO session_signals (session_id, kind, rollout, received_at_ms, signal) VALUES (?, ?, ?, ?, ?) ON CONFLICT (session_id, kind) DO NOTHING',
            sessionId,
            kind,
            rollout.name,
            receivedAtMs,
            json,
          ),
        0,
      ),
    );
  }

  async signals(options: Parameters<SessionStore['signals']>[0] = {}) {
    const { after = 0, rollout } = options;
    const where = rollout === undefined ? '' : 'rollout = ? AND ';
    const rows = this.#db.all(
      `SELECT sequence, signal, received_at_ms FROM session_signals WHERE ${where}sequence > ? ORDER BY sequence LIMIT ?`,
      ...(rollout === undefined ? [] : [rollout]),
      after,
      readLimit(options.limit),
    );
    return rows.map((row) => ({
      sequence: Number(row['sequence']),
      signal: JSON.parse(String(row['signal'])) as SessionSignal,
      receivedAtMs: Number(row['received_at_ms']),
    }));
  }

  async dropSignals(options: DropOptions) {
    return this.#db.transaction(() => this.#dropOld('session_signals', options)).length;
  }

  async dropRecords(options: DropOptions) {
    const { dropped, hadWords } = this.#db.transaction(() => {
      const ids = this.#dropOld('session_records', options);
      const transcripts = this.#db.run(
        'DELETE FROM transcripts WHERE session_id IN (SELECT value FROM json_each(?))',
        JSON.stringify(ids),
      );
      return { dropped: ids.length, hadWords: transcripts > 0 };
    });
    // By itself, while sessions run: whoever reads the file, such as a backup, must not hold them up.
    if (hadWords) this.#db.emptyLog({ waits: false });
    return dropped;
  }

  /** Ids of the sessions whose rows went. */
  #dropOld(table: Reports, options: DropOptions): readonly string[] {
    const { exceptRollouts, receivedBeforeMs, through = Number.MAX_SAFE_INTEGER } = options;
    const rowsMax = readLimit(options.limit);
    const gone: string[] = [];
    const drop = (rollout: readonly SqlValue[]): void => {
      const left = rowsMax - gone.length;
      const look = [through, Math.max(left, lookMax)];
      const rows = this.#db.all(
        dropOldest(table, rollout.length > 0),
        ...[...rollout, ...look, receivedBeforeMs, left],
      );
      gone.push(...rows.map((row) => String(row['session_id'])));
    };
    if (exceptRollouts.length === 0) drop([]);
    else
      for (const { name = null } of this.#db.all(rolloutsIn(table))) {
        if (gone.length === rowsMax) break;
        if (name === null || !exceptRollouts.includes(String(name))) drop([name]);
      }
    return gone;
  }

  async saveSnapshot(name: string, text: string) {
    this.#db.run(
      'INSERT INTO snapshots (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text',
      name,
      text,
    );
  }

  async snapshot(name: string) {
    const row = this.#db.get('SELECT text FROM snapshots WHERE name = ?', name);
    return row === undefined ? undefined : String(row['text']);
  }

  async dropSnapshot(name: string) {
    this.#db.run('DELETE FROM snapshots WHERE name = ?', name);
  }

  async usage(userHash: string, nowMs: number) {
    return this.#usage.of(userHash, nowMs);
  }

  async eraseUsage(userHash: string) {
    return this.#usage.erase(userHash);
  }

  async cursor(name: string) {
    return Number(this.#db.get('SELECT sequence FROM cursors WHERE name = ?', name)?.['sequence'] ?? 0);
  }

  async saveCursor(name: string, sequence: number) {
    this.#db.run(
      'INSERT INTO cursors (name, sequence) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence',
      name,
      sequence,
    );
  }

  async close() {
    this.#db.close();
  }
}

function storedRecord(row: Row): StoredRecord {
  return {
    sequence: Number(row['sequence']),
    record: JSON.parse(String(row['record'])) as SessionRecord,
    receivedAtMs: row['received_at_ms'] === null ? null : Number(row['received_at_ms']),
  };
}
