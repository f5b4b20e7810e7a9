import { join } from 'node:path';
import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { below } from '@crossfade/sdk/core/random';
import type { Random } from '@crossfade/sdk/core/random';
import { abandonFile, closeFile } from './abandon-file.ts';
import type { Predecessor } from './directory.ts';
import { writeFully } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalLog } from './journal-log.ts';
import type { JournalState, LooseFile } from './journal-state.ts';
import { putAgain } from './put-again.ts';
import { PutWaiters } from './put-waiters.ts';
import { Segment } from './segment.ts';
import type { Chunk } from './segment.ts';
import type { SessionState } from './session-state.ts';
import { SlabPool } from './slab-pool.ts';

export interface WriterOptions {
  readonly fs: JournalFs;
  readonly folder: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: JournalLog;
  readonly state: JournalState;
  readonly writeDelayMs: number;
  readonly commitIntervalMs: number;
  readonly fileBytesMax: number;
  /** Called after each group commit. */
  readonly onCommit: (advanced: ReadonlyMap<SessionState, number>) => void;
}

/** A file that is not full is ended after this long, so that retention by time can take it. */
const fileAgeMaxMs = 3_600_000;
/** A disk that refused is asked again after this, doubled each time up to the limit. */
const retryFirstMs = 50;
const retryLastMs = 2_000;
/** Of the write delay, what records wait for others: the rest is for a late event loop and for the write itself. */
const writeDelayShare = 0.7;
/** Commit durations kept for health. */
const commitValuesMax = 512;

/**
 * Hands encoded bytes to the kernel within the write delay and covers them with one fdatasync for all sessions
 * per commit interval. Writing and flushing run beside each other, never two of one kind at once.
 *
 * When a call fails, what was not acknowledged is put again into a new file and tried again with growing pauses:
 * after a failed fdatasync the kernel may have dropped the pages, and a second one on the same file would succeed
 * without them.
 */
export class Writer {
  readonly #options: WriterOptions;
  /** Files with bytes that are not durable, oldest first; the last one takes records. */
  readonly #live: Segment[] = [];
  readonly #slabs = new SlabPool();
  #active: Segment | undefined;
  #activeSinceMs = 0;
  #activeIsOld = false;
  #previous: Predecessor | undefined;
  #puts = 0;
  #writtenPut = 0;
  #durablePut = 0;
  #writing: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  #writeTimer: Cancel | undefined;
  #flushTimer: Cancel | undefined;
  #retryTimer: Cancel | undefined;
  #retryMs = retryFirstMs;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #failure: { readonly reason: string; settled: boolean; trying: boolean } | undefined;
  readonly #awaitWritten = new PutWaiters();
  readonly #awaitDurable = new PutWaiters();
  /** Failed files being cut, one after the other. */
  #cleanup: Promise<void> = Promise.resolve();
  #closed = false;
  readonly commitMs: number[] = [];

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  get failure(): string | undefined {
    return this.#failure?.reason;
  }

  get pendingBytes(): number {
    let bytes = 0;
    for (const segment of this.#live) bytes += segment.end - segment.durable;
    return bytes;
  }

  /**
   * The file that takes the next record of about `bytes`; the caller puts exactly one, at once. Sees to it that it
   * is written.
   */
  next(bytes: number): Segment {
    const segment = this.#segmentFor(bytes);
    if (this.#failure === undefined) this.#writeTimer ??= this.#afterWriteDelay();
    return segment;
  }

  /** Resolves when everything put so far is durable; rejects at the first refusal of the disk. */
  commit(): Promise<void> {
    if (this.#durablePut >= this.#puts) return Promise.resolve();
    // While the disk is being tried again the answer is near; between two tries it is known.
    if (this.#failure?.trying === false) return Promise.reject(this.#unavailable());
    const done = this.#awaitDurable.until(this.#puts);
    this.#write();
    // What is written already is flushed at once too, not by the interval.
    this.#maybeFlush();
    return done;
  }

  /** Resolves when everything put so far is in the kernel; a disk that refuses makes it wait. Rejects at the end only. */
  written(): Promise<void> {
    if (this.#writtenPut >= this.#puts) return Promise.resolve();
    const done = this.#awaitWritten.until(this.#puts);
    if (this.#failure === undefined) this.#write();
    return done;
  }

  /** Ends the file that takes records, so that it can be removed once nobody needs it; the next put begins another. */
  endFile(): void {
    this.#endActive();
    if (this.#failure === undefined) this.#write();
  }

  /** Ends the file with its directory, writes and flushes all, closes. Throws when the disk refuses the rest. */
  async close(): Promise<void> {
    this.#closed = true;
    // First what was put, then the directory: its mark says that all before it is durable.
    await this.#drain();
    if (this.#active !== undefined) this.#endActive();
    await this.#drain();
    for (const cancel of [this.#writeTimer, this.#flushTimer, this.#retryTimer]) cancel?.();
    await this.#cleanup;
    const lost = this.pendingBytes;
    for (const segment of this.#live) await closeFile(this.#options, segment);
    if (lost === 0) return;
    this.#awaitWritten.fail(this.#unavailable());
    throw this.#unavailable();
  }

  async #drain(): Promise<void> {
    // Two rounds: when the first fails, the second is on a new file.
    for (let round = 0; round < 2 && this.pendingBytes > 0; round += 1) {
      await this.#idle();
      if (this.#failure === undefined) this.#write();
      else this.#tryAgain();
      await this.#idle();
    }
  }

  #segmentFor(bytes: number): Segment {
    const { fileBytesMax } = this.#options;
    const active = this.#active;
    if (active !== undefined && (this.#activeIsOld || active.end + bytes > fileBytesMax)) this.#endActive();
    const segment = this.#active ?? this.#begin();
    this.#puts += 1;
    segment.putNumber = this.#puts;
    return segment;
  }

  #begin(): Segment {
    const { clock, random, state } = this.#options;
    const identity = { sequence: state.takeSequence(), salt: below(random, 0x1_0000_0000) };
    const segment = new Segment(identity, clock.nowMs(), this.#previous, this.#slabs);
    this.#active = segment;
    this.#activeSinceMs = clock.monotonicMs();
    this.#activeIsOld = false;
    this.#live.push(segment);
    state.loose.push(looseOf(segment));
    return segment;
  }

  #endActive(): void {
    const { state } = this.#options;
    if (this.#active === undefined) return;
    this.#active.putDirectory((handle) => state.byHandle.get(handle));
    this.#previous = { sequence: this.#active.identity.sequence, bytes: this.#active.end };
    this.#active = undefined;
  }

  #afterWriteDelay(): Cancel {
    const { clock, writeDelayMs } = this.#options;
    return clock.after(writeDelayMs * writeDelayShare, () => {
      this.#writeTimer = undefined;
      if (this.#failure === undefined) this.#write();
    });
  }

  #write(): void {
    this.#active?.cut();
    // Here and not per record: reading the clock costs as much as a record's checksum.
    this.#activeIsOld = this.#options.clock.monotonicMs() - this.#activeSinceMs > fileAgeMaxMs;
    if (this.#writing !== undefined) return;
    this.#writing = this.#writeLoop().finally(() => {
      this.#writing = undefined;
      this.#settle();
    });
  }

  async #writeLoop(): Promise<void> {
    const { fs, folder } = this.#options;
    for (;;) {
      if (this.#failure !== undefined && !this.#failure.trying) return;
      const segment = this.#live.find((live) => live.unwritten().length > 0);
      if (segment === undefined) return;
      const chunks = segment.unwritten();
      try {
        segment.fd ??= await fs.create(join(folder, segment.name));
        await writeFully(
          fs,
          segment.fd,
          chunks.map((chunk) => chunk.bytes),
          segment.written,
        );
      } catch (error) {
        this.#fail(error);
        return;
      }
      segment.wrote(chunks);
      // A flush failed meanwhile: the file will be cut, and this is put again into another.
      if (this.#failure?.trying === false) return;
      this.#writtenPut = chunks.at(-1)?.lastPut ?? this.#writtenPut;
      this.#awaitWritten.reached(this.#writtenPut);
      this.#maybeFlush();
    }
  }

  #maybeFlush(): void {
    if (this.#flushing !== undefined || (this.#failure !== undefined && !this.#failure.trying)) return;
    if (!this.#live.some((segment) => segment.written > segment.durable)) return;
    const { clock, commitIntervalMs } = this.#options;
    const waitMs = this.#lastFlushMs + commitIntervalMs - clock.monotonicMs();
    const wanted = this.#closed || this.#awaitDurable.wants(this.#writtenPut);
    if (waitMs > 0 && !wanted) {
      this.#flushTimer ??= clock.after(waitMs, () => {
        this.#flushTimer = undefined;
        this.#maybeFlush();
      });
      return;
    }
    this.#lastFlushMs = clock.monotonicMs();
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      this.#settle();
      this.#maybeFlush();
    });
  }

  async #flush(): Promise<void> {
    const { fs, folder, clock } = this.#options;
    const startMs = clock.monotonicMs();
    // Taken together: a later file may be acknowledged only after all that was written before it.
    const targets = this.#live.map((segment) => ({ segment, upTo: segment.written }));
    for (const { segment, upTo } of targets) {
      if (upTo === segment.durable || segment.fd === undefined) continue;
      try {
        await fs.datasync(segment.fd);
        if (!segment.named) await fs.syncFolder(folder);
      } catch (error) {
        this.#fail(error);
        return;
      }
      segment.named = true;
      this.#becameDurable(segment.becameDurable(upTo));
      if (segment.full && segment.durable === segment.end) await this.#retire(segment);
    }
    this.commitMs.push(clock.monotonicMs() - startMs);
    if (this.commitMs.length > commitValuesMax) this.commitMs.shift();
    this.#recovered();
  }

  #becameDurable(chunks: readonly Chunk[]): void {
    const advanced = new Map<SessionState, number>();
    for (const chunk of chunks) {
      for (const [session, endSample] of chunk.advanced) advanced.set(session, endSample);
      for (const session of chunk.closed) if (session.phase === 'closing') session.phase = 'closed';
      this.#durablePut = Math.max(this.#durablePut, chunk.lastPut);
    }
    for (const [session, endSample] of advanced) session.durableSample = endSample;
    this.#awaitDurable.reached(this.#durablePut);
    this.#options.onCommit(advanced);
  }

  /** A full file is durable: its runs leave memory, its directory is read when they are asked for. */
  async #retire(segment: Segment): Promise<void> {
    const { state } = this.#options;
    state.addSpans(segment.identity.sequence, segment.spanPlaces);
    state.full.set(segment.identity.sequence, {
      sequence: segment.identity.sequence,
      name: segment.name,
      bytes: segment.end,
      handles: Uint32Array.from(segment.contents.sessions.keys()),
    });
    this.#forget(segment);
    await closeFile(this.#options, segment);
  }

  #forget(segment: Segment): void {
    const { state } = this.#options;
    this.#live.splice(this.#live.indexOf(segment), 1);
    state.loose = state.loose.filter((file) => file.segment !== segment);
  }

  #fail(error: unknown): void {
    const reason = messageOf(error);
    if (this.#failure === undefined) this.#options.log.error({ reason }, 'journal cannot be written');
    this.#failure = { reason, settled: false, trying: false };
    this.#awaitDurable.fail(this.#unavailable());
  }

  /** Once nothing is under way after a failure: put the rest into a new file and plan the next attempt. */
  #settle(): void {
    const failure = this.#failure;
    if (failure === undefined || failure.settled || failure.trying) return;
    if (this.#writing !== undefined || this.#flushing !== undefined) return;
    failure.settled = true;
    // A file that could not even be created is tried again as it is.
    if (this.#live.some((segment) => segment.fd !== undefined)) this.#startOver();
    if (this.#closed) return;
    this.#retryTimer = this.#options.clock.after(this.#retryMs, () => this.#tryAgain());
    this.#retryMs = Math.min(this.#retryMs * 2, retryLastMs);
  }

  #tryAgain(): void {
    if (this.#failure === undefined) return;
    this.#failure.trying = true;
    this.#lastFlushMs = Number.NEGATIVE_INFINITY;
    if (this.pendingBytes === 0) this.#recovered();
    else this.#write();
  }

  #recovered(): void {
    if (this.#failure === undefined || !this.#failure.trying) return;
    this.#failure = undefined;
    this.#retryMs = retryFirstMs;
    this.#options.log.info({}, 'journal is writable again');
    this.#write();
  }

  #startOver(): void {
    const { state } = this.#options;
    const failed = this.#live.splice(0);
    const chunks = failed.map((segment) => ({ segment, chunks: segment.undurable() }));
    this.#active = undefined;
    state.loose = state.loose.filter((file) => !failed.some((segment) => file.segment === segment));
    for (const segment of failed) {
      // Nothing of it was acknowledged: as if it had never been.
      if (segment.durable === 0) continue;
      this.#previous = { sequence: segment.identity.sequence, bytes: segment.durable };
      segment.contents.cutAt(segment.durable, () => false);
      const { durable, contents, name, identity } = segment;
      state.loose.push({ sequence: identity.sequence, name, contents, durable, end: durable });
    }
    for (const part of chunks) {
      putAgain(part.segment, part.chunks, state, (bytes) => this.#segmentFor(bytes));
    }
    this.#awaitWritten.movedTo(this.#puts);
    for (const segment of failed)
      this.#cleanup = this.#cleanup.then(() => abandonFile(this.#options, segment));
  }

  async #idle(): Promise<void> {
    // Neither starts itself for ever: writing ends with the queue, flushing with what was written.
    while (this.#writing !== undefined || this.#flushing !== undefined) {
      await (this.#writing ?? this.#flushing);
    }
  }

  #unavailable(): CrossfadeError {
    return new CrossfadeError(
      'JOURNAL_UNAVAILABLE',
      `Expected the disk to take ${this.pendingBytes} bytes, got: ${this.#failure?.reason ?? 'no answer'}. ` +
        'They are kept in memory and tried again. Free space on the disk or repair it.',
    );
  }
}

/** A view of a segment whose numbers follow it. */
function looseOf(segment: Segment): LooseFile {
  return {
    sequence: segment.identity.sequence,
    name: segment.name,
    contents: segment.contents,
    segment,
    get durable() {
      return segment.durable;
    },
    get end() {
      return segment.end;
    },
  };
}
