import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { systemRandom } from '@crossfade/sdk/core/random';
import type { Random } from '@crossfade/sdk/core/random';
import { refused, unknown } from './refusals.ts';
import { lockFolder } from './folder-lock.ts';
import type { FolderLock } from './folder-lock.ts';
import { bytesPerSample } from '@crossfade/sdk/core/audio';
import type {
  AudioRun,
  Journal,
  JournaledSession,
  JournalHealth,
  JournalNote,
  OpenSession,
} from './journal.ts';
import { nodeFs } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import { silentLog } from './journal-log.ts';
import type { JournalLog } from './journal-log.ts';
import type { JournalState } from './journal-state.ts';
import { readAudio } from './read-audio.ts';
import { encodeNote, sessionIdBytesMax } from './record.ts';
import { recover } from './recover.ts';
import type { Retention } from './retention.ts';
import { SessionState } from './session-state.ts';
import { putOver, Upkeep } from './upkeep.ts';
import { Writer } from './writer.ts';

export interface JournalOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Audio reaches the kernel within this: what SIGKILL can take. */
  readonly writeDelayMs?: number;
  /** One fdatasync per this for all sessions: with its own duration, what a power cut can take. */
  readonly commitIntervalMs?: number;
  readonly fileBytesMax?: number;
  /** Bytes that may wait for the disk; beyond it appends are refused. */
  readonly pendingBytesMax?: number;
  readonly log?: JournalLog;
  /** The disk; another one in tests. */
  readonly fs?: JournalFs;
  /** For the salt of files. */
  readonly random?: Random;
  /** How much is kept of sessions that are over; without it, everything. */
  readonly retention?: Retention;
}

export const journalDefaults = {
  writeDelayMs: 20,
  commitIntervalMs: 100,
  /**
   * 35 minutes of one 16 kHz session, 2 s of 1,000. After a crash one file is read record by record, and while it
   * is written its records are listed in memory, 24 bytes each: 2.4 MB for 20 ms frames, however many sessions.
   */
  fileBytesMax: 64 * 1024 * 1024,
  /** 2 s of 1,000 sessions of 16 kHz: longer than a busy disk pauses, and no burden on memory. */
  pendingBytesMax: 64 * 1024 * 1024,
} as const;

/** What one append may carry: half a minute of 16 kHz. */
const audioBytesMax = 1024 * 1024;
const noteBytesMax = 1024 * 1024;
const noteKindBytesMax = 255;
/** What may wait when a note comes, as a share of `pendingBytesMax`: audio that was taken is transcribed meanwhile. */
const notesShare = 1.25;
/** A record's header and the statements that may come before it. */
const recordExtraBytes = 512;

/** Opens the journal of a folder, and makes this process its only writer. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, fs = nodeFs, log = silentLog } = options;
  try {
    await fs.makeFolder(folder);
  } catch (error) {
    throw new CrossfadeError(
      'JOURNAL_UNAVAILABLE',
      `Expected to create ${folder}, got: ${messageOf(error)}. Check that its parent is writable.`,
      { cause: error },
    );
  }
  const lock = lockFolder(folder);
  try {
    const state = await recover({ fs, folder, log, readOnly: false });
    for (const line of state.damage) log.warn({ damage: line }, 'journal file is damaged');
    const journal = new FileJournal(options, state, lock);
    await journal.start();
    return journal;
  } catch (error) {
    lock.release();
    throw error;
  }
}

class FileJournal implements Journal {
  readonly #state: JournalState;
  readonly #lock: FolderLock;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #fs: JournalFs;
  readonly #folder: string;
  readonly #log: JournalLog;
  readonly #pendingBytesMax: number;
  readonly #listeners = new Set<(advanced: ReadonlyMap<string, number>) => void>();
  readonly #upkeep: Upkeep;
  #closing: Promise<void> | undefined;

  constructor(options: JournalOptions, state: JournalState, lock: FolderLock) {
    this.#state = state;
    this.#lock = lock;
    this.#clock = options.clock;
    this.#fs = options.fs ?? nodeFs;
    this.#folder = options.folder;
    this.#log = options.log ?? silentLog;
    this.#pendingBytesMax = options.pendingBytesMax ?? journalDefaults.pendingBytesMax;
    this.#writer = new Writer({
      fs: this.#fs,
      folder: this.#folder,
      clock: this.#clock,
      random: options.random ?? systemRandom,
      log: this.#log,
      state,
      writeDelayMs: options.writeDelayMs ?? journalDefaults.writeDelayMs,
      commitIntervalMs: options.commitIntervalMs ?? journalDefaults.commitIntervalMs,
      fileBytesMax: options.fileBytesMax ?? journalDefaults.fileBytesMax,
      onCommit: (advanced) => this.#tell(advanced),
    });
    this.#upkeep = new Upkeep({
      fs: this.#fs,
      folder: this.#folder,
      clock: this.#clock,
      log: this.#log,
      state,
      writer: this.#writer,
      retention: options.retention,
    });
  }

  /** Ends the erasures that a crash cut off, and starts the work that runs by itself. */
  start(): Promise<void> {
    return this.#upkeep.start();
  }

  openSession({ sessionId, encoding, sampleRate }: OpenSession): void {
    const known = this.#state.byId.get(sessionId);
    if (known !== undefined && known.phase !== 'erased') {
      const { statement } = this.#mustBeOpen(known);
      if (statement.encoding === encoding && statement.sampleRate === sampleRate) return;
      throw refused(
        `Expected session ${sessionId} in ${statement.encoding} at ${statement.sampleRate} Hz as it was opened, ` +
          `got ${encoding} at ${sampleRate} Hz. Open another session.`,
      );
    }
    const idBytes = Buffer.byteLength(sessionId);
    if (idBytes === 0 || idBytes > sessionIdBytesMax) {
      throw refused(`Expected a session id of 1 to ${sessionIdBytesMax} bytes, got ${idBytes}.`);
    }
    if (
      !(encoding in bytesPerSample) ||
      !Number.isInteger(sampleRate) ||
      sampleRate < 1 ||
      sampleRate > 0xffff_ffff
    ) {
      throw refused(`Expected a known encoding and a whole sample rate, got ${encoding} at ${sampleRate}.`);
    }
    this.#mustHaveRoom(recordExtraBytes);
    const openedAtMs = this.#clock.nowMs();
    const session = new SessionState(this.#state.takeHandle(), {
      sessionId,
      encoding,
      sampleRate,
      openedAtMs,
      overAtMs: 0,
    });
    this.#state.add(session);
    this.#writer.next(recordExtraBytes).putOpen(session);
  }

  appendAudio(sessionId: string, startSample: number, bytes: Uint8Array): void {
    const session = this.#mustBeOpen(this.#known(sessionId));
    const samples = bytes.length / session.bytesPerSample;
    if (startSample !== session.endSample) {
      throw refused(
        `Expected audio of ${sessionId} from sample ${session.endSample} on, got ${startSample}. ` +
          'Send what follows the end, once.',
      );
    }
    if (!Number.isInteger(samples) || bytes.length > audioBytesMax) {
      throw refused(
        `Expected whole samples of ${session.bytesPerSample} bytes, at most ${audioBytesMax} bytes, got ${bytes.length}.`,
      );
    }
    if (samples === 0) return;
    this.#mustHaveRoom(bytes.length + recordExtraBytes);
    this.#writer.next(bytes.length + recordExtraBytes).putAudio(session, startSample, bytes);
    session.endSample += samples;
  }

  appendNote(sessionId: string, note: JournalNote): void {
    const session = this.#mustBeOpen(this.#known(sessionId));
    const payload = encodeNote(session.nextNote, note);
    if (payload.length > noteBytesMax || Buffer.byteLength(note.kind) > noteKindBytesMax) {
      throw refused(`Expected a note of at most ${noteBytesMax} bytes, got ${payload.length}. Write less.`);
    }
    this.#mustHaveRoom(payload.length + recordExtraBytes, this.#pendingBytesMax * notesShare);
    this.#writer.next(payload.length + recordExtraBytes).putNote(session, session.nextNote, payload);
    session.nextNote += 1;
    session.notes.push(note);
  }

  closeSession(sessionId: string): void {
    const session = this.#known(sessionId);
    if (session.phase !== 'open') return;
    this.#mustNotBeClosed();
    session.phase = 'closing';
    session.overAtMs = this.#clock.nowMs();
    session.notes = [];
    putOver(this.#writer, session, 'close');
  }

  commit(): Promise<void> {
    return this.#writer.commit();
  }

  written(): Promise<void> {
    return this.#writer.written();
  }

  durableSample(sessionId: string): number {
    return this.#known(sessionId).durableSample;
  }

  onDurable(listener: (advanced: ReadonlyMap<string, number>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readAudio(sessionId: string, startSample: number, endSample: number): AsyncIterable<AudioRun> {
    const session = this.#known(sessionId);
    return readAudio(this.#fs, this.#folder, this.#state, session, startSample, endSample);
  }

  session(sessionId: string): JournaledSession | undefined {
    const session = this.#state.byId.get(sessionId);
    return session === undefined || session.phase === 'erased' ? undefined : session.snapshot();
  }

  unfinished(): readonly JournaledSession[] {
    const open = [...this.#state.byHandle.values()].filter((session) => session.phase === 'open');
    return open.map((session) => session.snapshot());
  }

  eraseSession(sessionId: string): Promise<void> {
    this.#mustNotBeClosed();
    return this.#upkeep.erase(sessionId);
  }

  applyRetention(): Promise<readonly string[]> {
    this.#mustNotBeClosed();
    return this.#upkeep.applyRetention();
  }

  health(): JournalHealth {
    const files = this.#state.files();
    const reason = this.#writer.failure;
    return {
      writable: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      pendingBytes: this.#writer.pendingBytes,
      files: files.length,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      damage: [...this.#state.damage],
      commitMs: [...this.#writer.commitMs],
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#upkeep
      .stop()
      .then(() => this.#writer.close())
      .finally(() => this.#lock.release());
    return this.#closing;
  }

  #tell(advanced: ReadonlyMap<SessionState, number>): void {
    if (advanced.size === 0) return;
    const byId = new Map<string, number>();
    for (const [session, sample] of advanced) byId.set(session.id, sample);
    for (const listener of this.#listeners) {
      try {
        listener(byId);
      } catch (error) {
        // One listener's defect must stop neither the others nor the journal.
        this.#log.error({ error: messageOf(error) }, 'listener of durable audio failed');
      }
    }
  }

  #known(sessionId: string): SessionState {
    const session = this.#state.byId.get(sessionId);
    if (session !== undefined && session.phase !== 'erased') return session;
    throw unknown(sessionId);
  }

  #mustBeOpen(session: SessionState): SessionState {
    if (session.phase === 'open') return session;
    throw refused(`Expected ${session.id} to be open, got a session that is over. Open another one.`);
  }

  #mustNotBeClosed(): void {
    if (this.#closing === undefined) return;
    throw new CrossfadeError('JOURNAL_UNAVAILABLE', 'Expected an open journal, got one that was closed.');
  }

  #mustHaveRoom(bytes: number, pendingBytesMax = this.#pendingBytesMax): void {
    this.#mustNotBeClosed();
    const pending = this.#writer.pendingBytes;
    if (pending + bytes <= pendingBytesMax) return;
    const why = this.#writer.failure ?? 'it is slower than the audio';
    throw new CrossfadeError(
      'JOURNAL_UNAVAILABLE',
      `Expected the disk to keep up, got ${pending} bytes waiting for it (${why}). Try again later; ` +
        'nothing that was acknowledged is lost.',
    );
  }
}
