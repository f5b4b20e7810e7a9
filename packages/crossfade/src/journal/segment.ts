import { crc32 } from 'node:zlib';
import { crcOfRange } from './crc.ts';
import { encodePredecessor, markPayloadBytes, putDirectory } from './directory.ts';
import type { Predecessor, SpanPlace } from './directory.ts';
import { FileContents, runStride } from './file-contents.ts';
import type { SessionInFile } from './file-contents.ts';
import { encodeFileHeader, fileHeaderBytes, fileName } from './file-header.ts';
import type { FileIdentity } from './file-header.ts';
import {
  audioPrefixBytes,
  encodeStatement,
  recordHeaderBytes,
  recordType,
  sealHeader,
  writeHeader,
  writeUint64,
} from './record.ts';
import type { RecordType } from './record.ts';
import type { SessionState } from './session-state.ts';
import type { SlabPool } from './slab-pool.ts';

/** Bytes encoded since the cut before, written in one go. */
export interface Chunk {
  readonly at: number;
  readonly bytes: Buffer;
  /** The memory that `bytes` is a part of. */
  readonly slab: Buffer<ArrayBuffer>;
  /** Where each session's audio ends once this chunk is durable. */
  readonly advanced: ReadonlyMap<SessionState, number>;
  /** Sessions whose close is in it. */
  readonly closed: readonly SessionState[];
  /** Number of the latest put in it. */
  readonly lastPut: number;
}

/** Records that end a session's life, step by step. */
export type OverType = 'close' | 'erasing' | 'erased';

/** A run grows by the session's next audio up to this, when nothing came between. */
const runBytesMax = 64 * 1024;
/** How far behind the first statement the second stands at least: in another block of any common disk. */
const restateAfterBytes = 4096;

/** A session that has records in the file. */
interface Present {
  readonly entry: SessionInFile;
  /** The first record at or behind this place states the session once more. */
  restateAt: number;
}

/** The audio record at the end of the slab, which may still grow. */
interface OpenRun {
  readonly session: SessionState;
  readonly entry: SessionInFile;
  readonly at: number;
  bytes: number;
  payloadCrc: number;
}

/**
 * One journal file while it is being written: records are encoded into memory at once, and the memory stays
 * readable until the bytes are durable. Does no I/O of its own.
 */
export class Segment {
  readonly identity: FileIdentity;
  readonly name: string;
  readonly contents = new FileContents();
  spanPlaces: readonly SpanPlace[] = [];
  /** Bytes [0, end) are encoded, [0, written) handed to the kernel, [0, durable) covered by fdatasync. */
  end = fileHeaderBytes;
  written = 0;
  durable = 0;
  fd: number | undefined;
  /** The folder's entry for the file is durable. */
  named = false;
  /** The directory is encoded: it takes no more records. */
  full = false;
  /** Number of the put that comes next, among all of the journal's; the writer sets it. */
  putNumber = 0;
  /** Chunks behind `durable`, oldest first; the first `#writtenChunks` are written. */
  readonly #chunks: Chunk[] = [];
  #writtenChunks = 0;
  readonly #present = new Map<SessionState, Present>();
  readonly #pool: SlabPool;
  #slab = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  #advanced = new Map<SessionState, number>();
  #closed: SessionState[] = [];
  #lastPut = 0;
  #marked = 0;
  /** The audio record at the end of the slab, whose header is not sealed yet. */
  #open: OpenRun | undefined;

  constructor(
    identity: FileIdentity,
    createdAtMs: number,
    previous: Predecessor | undefined,
    pool: SlabPool,
  ) {
    this.#pool = pool;
    this.identity = identity;
    this.name = fileName(identity);
    this.end = 0;
    const header = encodeFileHeader(identity, createdAtMs);
    const at = this.#reserve(header.length);
    this.#slab.set(header, at);
    this.end = fileHeaderBytes;
    if (previous !== undefined) this.#put(recordType.follows, 0, encodePredecessor(previous));
  }

  putAudio(session: SessionState, startSample: number, bytes: Uint8Array): void {
    if (!this.#extendOpen(session, bytes)) this.#beginRun(session, startSample, bytes);
    // Only now: making room may have ended a chunk, and this audio is in the one after it.
    this.#advanced.set(session, startSample + bytes.length / session.bytesPerSample);
    this.#lastPut = this.putNumber;
  }

  #beginRun(session: SessionState, startSample: number, bytes: Uint8Array): void {
    const { entry } = this.#state(session);
    const at = this.#reserve(recordHeaderBytes + audioPrefixBytes + bytes.length);
    // Only now: making room may have ended a chunk, and that may have put a mark.
    const offset = this.end;
    const prefixAt = at + recordHeaderBytes;
    writeUint64(this.#slab, prefixAt, startSample);
    this.#slab.set(bytes, prefixAt + audioPrefixBytes);
    const payloadCrc = crc32(bytes, crcOfRange(this.#slab, prefixAt, prefixAt + audioPrefixBytes));
    this.#open = { session, entry, at, bytes: bytes.length, payloadCrc };
    this.end += recordHeaderBytes + audioPrefixBytes + bytes.length;
    entry.runs.push(offset, bytes.length, startSample);
  }

  putNote(session: SessionState, number: number, payload: Uint8Array): void {
    this.#state(session);
    const offset = this.#put(recordType.note, session.handle, payload);
    this.contents.of(session.handle).notes.push(offset, number);
    this.#lastPut = this.putNumber;
  }

  putOpen(session: SessionState): void {
    this.#state(session);
    this.#lastPut = this.putNumber;
  }

  /** A close, erasing or erased record; it names its session, so that it stands alone. */
  putOver(session: SessionState, type: OverType): void {
    const statement = { ...session.statement, overAtMs: session.overAtMs };
    this.#put(recordType[type], session.handle, encodeStatement(statement));
    const entry = this.contents.of(session.handle);
    entry.statement = statement;
    if (type === 'close') entry.closed = true;
    else entry[type] = true;
    session.overInFile = this.identity.sequence;
    this.#closed.push(session);
    this.#lastPut = this.putNumber;
  }

  /** Ends the file with its directory, after which it can be read without a scan. */
  putDirectory(sessionOf: (handle: number) => SessionState | undefined): void {
    this.spanPlaces = putDirectory(this.contents, this.durable, sessionOf, (type, handle, payload) =>
      this.#put(type, handle, payload),
    );
    this.full = true;
    this.cut();
  }

  /** Ends the current chunk, so that it can be written. */
  cut(): void {
    if (this.#to === this.#from) return;
    this.#sealOpen();
    this.#putMark();
    this.#chunks.push({
      at: this.end - (this.#to - this.#from),
      bytes: this.#slab.subarray(this.#from, this.#to),
      slab: this.#slab,
      advanced: this.#advanced,
      closed: this.#closed,
      lastPut: this.#lastPut,
    });
    this.#from = this.#to;
    this.#advanced = new Map();
    this.#closed = [];
  }

  /** Chunks that wait to be written. */
  unwritten(): readonly Chunk[] {
    return this.#chunks.slice(this.#writtenChunks);
  }

  /** The kernel took these chunks. */
  wrote(chunks: readonly Chunk[]): void {
    this.#writtenChunks += chunks.length;
    for (const chunk of chunks) this.written += chunk.bytes.length;
  }

  /** fdatasync covered the bytes before `upTo`; answers the chunks that became durable. */
  becameDurable(upTo: number): readonly Chunk[] {
    let n = 0;
    while (n < this.#chunks.length && (this.#chunks[n]?.at ?? upTo) < upTo) n += 1;
    this.durable = upTo;
    this.#writtenChunks -= n;
    const chunks = this.#chunks.splice(0, n);
    this.#giveBack(chunks);
    return chunks;
  }

  /** Chunks of a slab follow each other, so a slab is free when the next chunk, or the next record, is in another. */
  #giveBack(durable: readonly Chunk[]): void {
    const next = this.#chunks[0]?.slab ?? this.#slab;
    for (const [index, { slab }] of durable.entries()) {
      if (slab !== (durable[index + 1]?.slab ?? next)) this.#pool.give(slab);
    }
  }

  /** Everything encoded and not durable, oldest first, to be put again into another file. */
  undurable(): readonly Chunk[] {
    this.cut();
    return [...this.#chunks];
  }

  /** Bytes of the file that are only in memory so far; a copy. */
  readMemory(offset: number, length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    const copy = (at: number, bytes: Buffer): void => {
      const from = Math.max(offset, at);
      const to = Math.min(offset + length, at + bytes.length);
      if (from < to) out.set(bytes.subarray(from - at, to - at), from - offset);
    };
    for (const chunk of this.#chunks) copy(chunk.at, chunk.bytes);
    copy(this.end - (this.#to - this.#from), this.#slab.subarray(this.#from, this.#to));
    return out;
  }

  /** States the session where the file does not name it yet, and once more a block later. */
  #state(session: SessionState): Present {
    const known = this.#present.get(session);
    if (known !== undefined && this.end < known.restateAt) return known;
    const at = this.#put(recordType.session, session.handle, encodeStatement(session.statement));
    if (known !== undefined) {
      known.restateAt = Number.POSITIVE_INFINITY;
      return known;
    }
    const entry = this.contents.of(session.handle);
    entry.statement = session.statement;
    const present = { entry, restateAt: at + restateAfterBytes };
    this.#present.set(session, present);
    return present;
  }

  #extendOpen(session: SessionState, bytes: Uint8Array): boolean {
    const open = this.#open;
    if (open === undefined || open.session !== session) return false;
    if (open.bytes + bytes.length > runBytesMax || this.#to + bytes.length > this.#slab.length) return false;
    this.#slab.set(bytes, this.#to);
    this.#to += bytes.length;
    this.end += bytes.length;
    open.bytes += bytes.length;
    open.payloadCrc = crc32(bytes, open.payloadCrc);
    const { runs } = open.entry;
    runs[runs.length - runStride + 1] = open.bytes;
    return true;
  }

  /** Says how far fdatasync has come, where the slab has room; a chunk without it only says less. */
  #putMark(): void {
    const bytes = recordHeaderBytes + markPayloadBytes;
    if (this.full || this.durable <= this.#marked || this.#to + bytes > this.#slab.length) return;
    writeUint64(this.#slab, this.#to + recordHeaderBytes, this.durable);
    sealHeader(this.#slab, this.#to, recordType.mark, 0, markPayloadBytes, this.identity.salt);
    this.#to += bytes;
    this.end += bytes;
    this.#marked = this.durable;
  }

  #sealOpen(): void {
    const open = this.#open;
    if (open === undefined) return;
    const { at, payloadCrc, session } = open;
    const length = audioPrefixBytes + open.bytes;
    const header = { type: recordType.audio, handle: session.handle, length, payloadCrc };
    writeHeader(this.#slab, at, header, this.identity.salt);
    this.#open = undefined;
  }

  #put(type: RecordType, handle: number, payload: Uint8Array): number {
    const at = this.#reserve(recordHeaderBytes + payload.length);
    this.#slab.set(payload, at + recordHeaderBytes);
    sealHeader(this.#slab, at, type, handle, payload.length, this.identity.salt);
    const offset = this.end;
    this.end += recordHeaderBytes + payload.length;
    return offset;
  }

  /** Room for a record at the end of the slab; begins a new slab, and with it a new chunk, when there is none. */
  #reserve(bytes: number): number {
    this.#sealOpen();
    if (this.#to + bytes > this.#slab.length) {
      this.cut();
      this.#slab = this.#pool.take(bytes);
      this.#from = 0;
      this.#to = 0;
    }
    const at = this.#to;
    this.#to += bytes;
    return at;
  }
}
