import type { SessionRecord } from '../../transcript/session-record.ts';
import { dayOf, lastSeenDays, noUsage, usageDays, usageOf, usagePruneMax, type Usage } from '../usage.ts';
import type { Database } from './database.ts';

/** Usage of users in the tables of a session store. */
export class SqliteUsage {
  readonly #db: Database;

  constructor(database: Database) {
    this.#db = database;
  }

  /** Counts a session; inside the transaction that stores it, so that it counts once. */
  add(record: SessionRecord): void {
    const added = usageOf(record);
    if (added === null) return;
    const { userHash, day, audioMs } = added;
    this.#db.run(
      'INSERT INTO usage_days (user_hash, day, sessions, audio_ms) VALUES (?, ?, 1, ?) ON CONFLICT (user_hash, day) DO UPDATE SET sessions = sessions + 1, audio_ms = audio_ms + excluded.audio_ms',
      userHash,
      day,
      audioMs,
    );
    this.#db.run(
      'INSERT INTO usage_seen (user_hash, last_seen_at_ms) VALUES (?, ?) ON CONFLICT (user_hash) DO UPDATE SET last_seen_at_ms = MAX(last_seen_at_ms, excluded.last_seen_at_ms)',
      userHash,
      record.endedAtMs,
    );
    this.#prune(day);
  }

  of(userHash: string, nowMs: number): Usage {
    const seen = this.#db.get('SELECT last_seen_at_ms FROM usage_seen WHERE user_hash = ?', userHash);
    if (seen === undefined) return noUsage;
    const today = dayOf(nowMs);
    const sums = this.#db.get(
      'SELECT COALESCE(SUM(sessions), 0) AS sessions, COALESCE(SUM(audio_ms), 0) AS audio_ms FROM usage_days WHERE user_hash = ? AND day > ? AND day <= ?',
      userHash,
      today - usageDays,
      today,
    );
    return {
      sessions30d: Number(sums?.['sessions'] ?? 0),
      audioMs30d: Number(sums?.['audio_ms'] ?? 0),
      lastSeenAtMs: Number(seen['last_seen_at_ms']),
    };
  }

  erase(userHash: string): boolean {
    return this.#db.transaction(() => {
      this.#db.run('DELETE FROM usage_days WHERE user_hash = ?', userHash);
      return this.#db.run('DELETE FROM usage_seen WHERE user_hash = ?', userHash) > 0;
    });
  }

  #prune(today: number): void {
    this.#db.run(
      'DELETE FROM usage_days WHERE rowid IN (SELECT rowid FROM usage_days WHERE day <= ? LIMIT ?)',
      today - usageDays,
      usagePruneMax,
    );
    this.#db.run(
      'DELETE FROM usage_seen WHERE rowid IN (SELECT rowid FROM usage_seen WHERE last_seen_at_ms < ? LIMIT ?)',
      (today - lastSeenDays + 1) * 86_400_000,
      usagePruneMax,
    );
  }
}
