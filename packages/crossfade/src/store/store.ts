import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';

/** One record of the audit. `hash` covers the record and the hash of the one before it. */
export interface StoredEvent {
  /** 1 for the first event of the store; no gaps. */
  readonly sequence: number;
  /** The rollout it belongs to. */
  readonly stream: string;
  /** 1 for the stream's first event; no gaps. */
  readonly streamRevision: number;
  readonly atMs: number;
  readonly type: string;
  /** The event as JSON. */
  readonly payload: string;
  readonly previousHash: string;
  readonly hash: string;
}

export interface NewEvent {
  readonly type: string;
  readonly payload: string;
}

/**
 * A notification that must leave at least once. Written in the same transaction as the events that cause it.
 */
export interface OutboxItem {
  /** Deduplicates at the receiver. */
  readonly id: string;
  readonly kind: string;
  readonly payload: string;
}

export interface PendingOutboxItem extends OutboxItem {
  readonly createdAtMs: number;
  readonly attempts: number;
}

/**
 * Where rollouts live. Durable: an append that resolved survives SIGKILL and power loss. Atomic: events and
 * outbox items go in together or not at all.
 */
export interface RolloutStore {
  /**
   * Appends to one stream. Refuses with STORE_CONFLICT unless the stream is at `expectedRevision`
   * (0: it must not exist): of two writers one wins and the other is told.
   */
  append(
    stream: string,
    expectedRevision: number,
    events: readonly NewEvent[],
    outbox: readonly OutboxItem[],
    atMs: number,
  ): Promise<readonly StoredEvent[]>;
  /** Events after `sequence`, in order, at most `limit` (default 1,000); of one stream if named. */
  read(options?: {
    readonly after?: number;
    readonly stream?: string;
    readonly limit?: number;
  }): Promise<readonly StoredEvent[]>;
  /** Checks the hash chain; answers the first bad record, or null. */
  verify(): Promise<{ readonly sequence: number; readonly problem: string } | null>;
  pendingOutbox(limit: number): Promise<readonly PendingOutboxItem[]>;
  /** Marks an item as sent, or counts a failed attempt with its error. */
  settleOutbox(
    id: string,
    result: { readonly sent: true } | { readonly sent: false; readonly error: string },
  ): Promise<void>;
  close(): Promise<void>;
}

export interface StoredRecord {
  /** Grows with each stored record of this store. */
  readonly sequence: number;
  readonly record: SessionRecord;
}

/** Where sessions end up: transcripts and their records. Used by the gateway, and by the controller for the judge. */
export interface SessionStore {
  /** Stores both in one transaction, exactly once per session id: a repeat changes nothing and answers false. */
  saveSession(record: SessionRecord, transcript: StoredTranscript | null): Promise<boolean>;
  record(sessionId: string): Promise<SessionRecord | undefined>;
  transcript(sessionId: string): Promise<StoredTranscript | undefined>;
  /** Records after `sequence`, in order, at most `limit` (default 1,000); of one rollout if named. */
  records(options?: {
    readonly after?: number;
    readonly rollout?: string;
    readonly limit?: number;
  }): Promise<readonly StoredRecord[]>;
  /** Where a reader of `records` stopped, by reader name; survives a restart. */
  cursor(name: string): Promise<number>;
  saveCursor(name: string, sequence: number): Promise<void>;
  close(): Promise<void>;
}
