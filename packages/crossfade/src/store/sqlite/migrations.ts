/** One step of a store's schema. Steps are never edited once released; a change is another step. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** Tables of the rollout store. In TypeScript, because a build copies no .sql files. */
export const rolloutMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE events (
        sequence INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        stream_revision INTEGER NOT NULL,
        at_ms REAL NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL,
        UNIQUE (stream, stream_revision)
      ) STRICT;
      -- One row: a removed last record leaves no gap in the chain, only a head that nothing matches.
      CREATE TABLE chain_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        sequence INTEGER NOT NULL,
        hash TEXT NOT NULL
      ) STRICT;
      CREATE TABLE outbox (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at_ms REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        sent_at_ms REAL
      ) STRICT;
      CREATE INDEX outbox_pending ON outbox (position) WHERE sent_at_ms IS NULL;
    `,
  },
  {
    version: 2,
    sql: `
      ALTER TABLE outbox ADD COLUMN target TEXT NOT NULL DEFAULT 'log';
      ALTER TABLE outbox ADD COLUMN due_at_ms REAL NOT NULL DEFAULT 0;
      ALTER TABLE outbox ADD COLUMN died_at_ms REAL;
      ALTER TABLE outbox ADD COLUMN dropped_at_ms REAL;
      DROP INDEX outbox_pending;
      CREATE INDEX outbox_pending ON outbox (position) WHERE sent_at_ms IS NULL AND died_at_ms IS NULL;
      CREATE INDEX outbox_dead ON outbox (died_at_ms) WHERE died_at_ms IS NOT NULL;
    `,
  },
  {
    version: 3,
    sql: `CREATE INDEX outbox_sent ON outbox (sent_at_ms) WHERE sent_at_ms IS NOT NULL;`,
  },
];

/** Tables of the session store. */
export const sessionMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE session_records (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL UNIQUE,
        rollout TEXT,
        record TEXT NOT NULL
      ) STRICT;
      CREATE INDEX session_records_rollout ON session_records (rollout, sequence);
      CREATE TABLE transcripts (
        session_id TEXT PRIMARY KEY,
        transcript TEXT NOT NULL
      ) STRICT;
      CREATE TABLE cursors (
        name TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    version: 2,
    sql: `
      ALTER TABLE session_records ADD COLUMN received_at_ms REAL;
      CREATE TABLE session_signals (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        rollout TEXT NOT NULL,
        received_at_ms REAL NOT NULL,
        signal TEXT NOT NULL,
        UNIQUE (session_id, kind)
      ) STRICT;
      CREATE INDEX session_signals_rollout ON session_signals (rollout, sequence);
      CREATE TABLE snapshots (
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
      ) STRICT;
    `,
  },
  {
    version: 3,
    sql: `
      CREATE TABLE usage_days (
        user_hash TEXT NOT NULL,
        day INTEGER NOT NULL,
        sessions INTEGER NOT NULL,
        audio_ms REAL NOT NULL,
        PRIMARY KEY (user_hash, day)
      ) STRICT;
      CREATE INDEX usage_days_day ON usage_days (day);
      CREATE TABLE usage_seen (
        user_hash TEXT PRIMARY KEY,
        last_seen_at_ms REAL NOT NULL
      ) STRICT;
      CREATE INDEX usage_seen_at ON usage_seen (last_seen_at_ms);
    `,
  },
  {
    version: 4,
    // What may be dropped, in order: rows without the time stay, and would otherwise be looked at each time. Empty where
    // no row has one, as in the gateway's own store.
    sql: `
      CREATE INDEX session_records_received ON session_records (rollout, sequence) WHERE received_at_ms IS NOT NULL;
    `,
  },
  {
    version: 5,
    // Rows without the time count from their session's end, so that none stays.
    sql: `DROP INDEX session_records_received;`,
  },
];
