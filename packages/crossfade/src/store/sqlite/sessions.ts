import type { SessionRecord, StoredTranscript } from '../../transcript/session-record.ts';
import { readLimit } from '../chain.ts';
import type { SessionStore } from '../store.ts';
import { Database } from './database.ts';
import { sessionMigrations } from './migrations.ts';

export interface SqliteSessionStoreOptions {
  /** Path of the database; its folder must be there. */
  readonly file: string;
}

/** Transcripts and session records in one SQLite file; each save is one durable transaction. */
export async function openSqliteSessionStore(options: SqliteSessionStoreOptions): Promise<SessionStore> {
  return new SqliteSessionStore(Database.open(options.file, 'sessions', sessionMigrations));
}

class SqliteSessionStore implements SessionStore {
  readonly #db: Database;

  constructor(database: Database) {
    this.#db = database;
  }

  async saveSession(record: SessionRecord, transcript: StoredTranscript | null) {
    const { sessionId, assignment } = record;
    const recordJson = JSON.stringify(record);
    const transcriptJson = transcript === null ? null : JSON.stringify(transcript);
    return this.#db.transaction(() => {
      const added = this.#db.run(
        'INSERT INTO session_records (session_id, rollout, record) VALUES (?, ?, ?) ON CONFLICT (session_id) DO NOTHING',
        sessionId,
        assignment.rollout?.name ?? null,
        recordJson,
      );
      if (added === 0) return false;
      if (transcriptJson !== null) {
        this.#db.run(
          'INSERT INTO transcripts (session_id, transcript) VALUES (?, ?)',
          sessionId,
          transcriptJson,
        );
      }
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

  async records(options: Parameters<SessionStore['records']>[0] = {}) {
    const { after = 0, rollout } = options;
    const limit = readLimit(options.limit);
    const rows =
      rollout === undefined
        ? this.#db.all(
            'SELECT sequence, record FROM session_records WHERE sequence > ? ORDER BY sequence LIMIT ?',
            after,
            limit,
          )
        : this.#db.all(
            'SELECT sequence, record FROM session_records WHERE rollout = ? AND sequence > ? ORDER BY sequence LIMIT ?',
            rollout,
            after,
            limit,
          );
    return rows.map((row) => ({
      sequence: Number(row['sequence']),
      record: JSON.parse(String(row['record'])) as SessionRecord,
    }));
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
