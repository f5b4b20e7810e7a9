import type { SessionRecord, SessionSignal, StoredTranscript } from '../transcript/session-record.ts';
import type { Usage } from './usage.ts';

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
  /** An id that was used is not taken again, until it is forgotten. */
  readonly id: string;
  readonly kind: string;
  /** Where it goes: a target that fails keeps only its own items back. */
  readonly target: string;
  readonly payload: string;
}

export interface PendingOutboxItem extends OutboxItem {
  readonly createdAtMs: number;
  readonly attempts: number;
}

/** An item that was given up. It stays until a person has it sent again or drops it. */
export interface DeadOutboxItem extends PendingOutboxItem {
  readonly diedAtMs: number;
  readonly error: string;
}

/** Which of the pending items are asked for. */
export interface OutboxQuery {
  readonly limit: number;
  /**
   * Only items that are due by wall time. One that would wait for longer than `longestWaitMs` is due too: the wall
   * clock was set back since.
   */
  readonly due?: { readonly nowMs: number; readonly longestWaitMs: number };
  /** Targets whose items are left out. */
  readonly exceptTargets?: readonly string[];
}

/** What became of one attempt. */
export type OutboxResult =
  | { readonly is: 'sent' }
  /** Counted; not due again before `dueAtMs`. */
  | { readonly is: 'failed'; readonly error: string; readonly dueAtMs: number }
  /** Counted and given up; `outbox` goes in with it, so that somebody else is told at least once. */
  | {
      readonly is: 'dead';
      readonly error: string;
      readonly atMs: number;
      readonly outbox: readonly OutboxItem[];
    };

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
  /** Items that are neither sent nor dead, in the order in which they came. */
  pendingOutbox(query: OutboxQuery): Promise<readonly PendingOutboxItem[]>;
  /** Notes what became of an attempt. A late word about an item that was sent or dropped changes nothing. */
  settleOutbox(id: string, result: OutboxResult): Promise<void>;
  /** Items that were given up, the newest first, at most `limit`. */
  deadOutbox(limit: number): Promise<readonly DeadOutboxItem[]>;
  /** A dead item waits to be sent again, its attempts counted anew. False: there is no dead item of this id. */
  reviveOutbox(id: string): Promise<boolean>;
  /** A dead item is forgotten; its id stays used. False: there is no dead item of this id. */
  dropOutbox(id: string): Promise<boolean>;
  /**
   * Forgets items that were sent or dropped before a time, at most `limit`; their ids may be taken again. What waits or
   * is dead stays. Answers how many went: fewer than `limit` when none is left.
   */
  forgetOutbox(settledBeforeMs: number, limit: number): Promise<number>;
  close(): Promise<void>;
}

export interface StoredRecord {
  /** Grows with each stored record of this store. */
  readonly sequence: number;
  readonly record: SessionRecord;
  /** As given when it was saved; null: it was not. */
  readonly receivedAtMs: number | null;
}

export interface StoredSignal {
  /** Grows with each stored signal of this store. */
  readonly sequence: number;
  readonly signal: SessionSignal;
  readonly receivedAtMs: number;
}

/** What is forgotten of reports. */
export interface DropOptions {
  readonly exceptRollouts: readonly string[];
  readonly receivedBeforeMs: number;
  readonly limit: number;
  /** Only what stands up to this sequence: what comes after it has still to be read. Absent: all. */
  readonly through?: number;
}

/** Where sessions end up: transcripts and their records. Used by the gateway, and by the controller for the judge. */
export interface SessionStore {
  /**
   * Stores both in one transaction, exactly once per session id: a repeat changes nothing and answers false.
   * `receivedAtMs`: when it came, where that is not when it ended.
   */
  saveSession(
    record: SessionRecord,
    transcript: StoredTranscript | null,
    receivedAtMs?: number,
  ): Promise<boolean>;
  record(sessionId: string): Promise<SessionRecord | undefined>;
  transcript(sessionId: string): Promise<StoredTranscript | undefined>;
  /** Forgets what was said, for good: no byte of it stays in the store's files. False: there was no transcript. */
  eraseTranscript(sessionId: string): Promise<boolean>;
  /** Records after `sequence`, in order, at most `limit` (default 1,000); of one rollout if named. */
  records(options?: {
    readonly after?: number;
    readonly rollout?: string;
    readonly limit?: number;
  }): Promise<readonly StoredRecord[]>;
  /** The newest records, the last one first, at most `limit` (default 1,000); only those before a sequence if given. */
  newestRecords(options?: {
    readonly before?: number;
    readonly limit?: number;
  }): Promise<readonly StoredRecord[]>;
  /** Stores signals, each session's once per kind; answers how many were new. One transaction. */
  saveSignals(signals: readonly SessionSignal[], receivedAtMs: number): Promise<number>;
  /** Signals after `sequence`, in order, at most `limit` (default 1,000); of one rollout if named. */
  signals(options?: {
    readonly after?: number;
    readonly rollout?: string;
    readonly limit?: number;
  }): Promise<readonly StoredSignal[]>;
  /**
   * Forgets signals that were received before a time, of all rollouts but those named, at most `limit`. Answers how many
   * went: fewer than `limit` when none is left. Sequences of those that stay, and of those that come, do not change.
   */
  dropSignals(options: DropOptions): Promise<number>;
  /**
   * The same for records, also of sessions without a rollout; one that was saved without the time it was received counts
   * from its session's end. A transcript goes with its record, usage stays. A session that is forgotten may be saved again.
   */
  dropRecords(options: DropOptions): Promise<number>;
  /** Keeps a text by name, over the one before. What is folded from records is saved so, beside where it stopped. */
  saveSnapshot(name: string, text: string): Promise<void>;
  snapshot(name: string): Promise<string | undefined>;
  /** Forgets it; one that is not there is forgotten already. */
  dropSnapshot(name: string): Promise<void>;
  /** What a user did lately, by the hash that records carry. Counts each stored session once; bounded per user. */
  usage(userHash: string, nowMs: number): Promise<Usage>;
  /** Forgets what was counted of a user, for good. False: there was nothing. */
  eraseUsage(userHash: string): Promise<boolean>;
  /** Where a reader of `records` stopped, by reader name; survives a restart. */
  cursor(name: string): Promise<number>;
  saveCursor(name: string, sequence: number): Promise<void>;
  close(): Promise<void>;
}
