import type { AudioEncoding } from '@crossfade/sdk/core/audio';

/** A run of a session's audio as it was received. */
export interface AudioRun {
  readonly startSample: number;
  readonly bytes: Uint8Array;
}

/** A small fact of a session beside its audio (its decision, a final), as JSON text of at most 1 MiB. */
export interface JournalNote {
  readonly kind: string;
  readonly json: string;
}

export interface OpenSession {
  readonly sessionId: string;
  readonly encoding: AudioEncoding;
  readonly sampleRate: number;
}

/** A session found in the files. Notes are in the order they were written. */
export interface JournaledSession extends OpenSession {
  readonly openedAtMs: number;
  /** Samples [0, endSample) are readable, but for `holes`. */
  readonly endSample: number;
  /** Ranges that a bad block took; half-open. Empty as a rule. */
  readonly holes: readonly { readonly start: number; readonly end: number }[];
  /** Empty once the session is over: what it had to say is stored elsewhere by then. */
  readonly notes: readonly JournalNote[];
  /** True once `closeSession` is durable. */
  readonly closed: boolean;
}

/**
 * The gateway's durable record of audio: append-only files shared by all sessions.
 *
 * Promises. Ordered: what is appended for a session is read back in that order. Written: handed to the
 * kernel within `writeDelayMs` (20), so SIGKILL takes no more than that. Durable: covered by fdatasync
 * within `commitIntervalMs` (100); only then do `onDurable` and `durableSample` move. Torn tails are cut on
 * open; a damaged block loses its own frames only and is reported. After a power cut the state is one that was,
 * with all that was acknowledged. One writer per folder: a second gets DATA_FOLDER_LOCKED. When the disk refuses or
 * is too slow, appends are taken into memory up to a limit and then fail with JOURNAL_UNAVAILABLE until it
 * recovers; nothing that was acknowledged is lost, and `health` says why. What is out of order, too large or for a
 * session that is over fails with JOURNAL_REFUSED, an unknown session with SESSION_UNKNOWN.
 */
export interface Journal {
  /** Idempotent for the same id and format. */
  openSession(session: OpenSession): void;
  /** `startSample` must be the session's end so far. Copies the bytes. */
  appendAudio(sessionId: string, startSample: number, bytes: Uint8Array): void;
  appendNote(sessionId: string, note: JournalNote): void;
  /** The session is over and its record is stored elsewhere; its audio stays until retention or erasure. */
  closeSession(sessionId: string): void;
  /**
   * Resolves when everything appended so far is durable. Rejects with JOURNAL_UNAVAILABLE when the disk refuses; it
   * is kept and tried again all the same.
   */
  commit(): Promise<void>;
  /**
   * Resolves when everything appended so far outlives this process, at once where it can; a power cut may still take
   * it. Waits as long as the disk refuses, and rejects with JOURNAL_UNAVAILABLE only when the journal ends without it.
   */
  written(): Promise<void>;
  /** First sample that is not yet durable. */
  durableSample(sessionId: string): number;
  /** Called after each group commit with the sessions whose durable audio grew. Returns an unsubscribe. */
  onDurable(listener: (advanced: ReadonlyMap<string, number>) => void): () => void;
  /** Runs of [startSample, endSample) in order, clipped to it, the not yet durable ones included. Holes are skipped. */
  readAudio(sessionId: string, startSample: number, endSample: number): AsyncIterable<AudioRun>;
  session(sessionId: string): JournaledSession | undefined;
  /** Sessions that were opened and not closed; after a crash, the ones to finish. */
  unfinished(): readonly JournaledSession[];
  /**
   * Overwrites all audio and notes of a session that is over, and forgets it. Resolves when that is durable. A
   * crash in between does not bring it back: the next open goes on. Its id and times stay until its files go.
   */
  eraseSession(sessionId: string): Promise<void>;
  /** Removes files of which every session is over and past the limits; answers their names. Also runs by itself. */
  applyRetention(): Promise<readonly string[]>;
  health(): JournalHealth;
  close(): Promise<void>;
}

export interface JournalHealth {
  readonly writable: boolean;
  readonly reason?: string;
  /** Appended, not yet durable. */
  readonly pendingBytes: number;
  readonly files: number;
  readonly bytes: number;
  /** What opening cut or skipped: torn tails, bad blocks. */
  readonly damage: readonly string[];
  /** Milliseconds of the last group commits (fdatasync), newest last, at most 512. */
  readonly commitMs: readonly number[];
}
