import { decodePredecessor } from './directory.ts';
import type { Predecessor } from './directory.ts';
import { FileContents } from './file-contents.ts';
import { fileHeaderBytes, judgeFileHeader } from './file-header.ts';
import type { FileIdentity } from './file-header.ts';
import { readFully } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import {
  audioPrefixBytes,
  decodeNote,
  decodeStatement,
  payloadIsWhole,
  readHeader,
  readUint64,
  recordHeaderBytes,
  recordMark,
  recordType,
} from './record.ts';
import type { RecordHeader } from './record.ts';

/** A stretch of a file that could not be read as records. */
export interface BadBlock {
  readonly offset: number;
  readonly bytes: number;
  readonly what: string;
}

export interface ScannedFile {
  readonly contents: FileContents;
  readonly bytes: number;
  /** Behind this nothing can be read: the torn tail a crash left. Equals `bytes` when there is none. */
  readonly validEnd: number;
  /** Before `validEnd`. */
  readonly badBlocks: readonly BadBlock[];
  /** How far fdatasync is known to have covered the file; 0 when nothing says so. */
  readonly marked: number;
  /** The file this one goes on from. */
  readonly follows?: Predecessor;
  /** The version of a program too new for us, in which case nothing was read. */
  readonly newer?: number;
}

/**
 * Called for each record whose header is whole. The payload is valid only during the call; undefined when it is
 * damaged.
 */
export type OnRecord = (offset: number, header: RecordHeader, payload: Buffer | undefined) => void;

/** Read at once; a record that is longer gets a larger window. */
const windowBytes = 4 * 1024 * 1024;

/** What is given up when the disk reports an error: the page size, the least a kernel reads. */
const unreadableBlockBytes = 4096;

const markBytes = Buffer.alloc(4);
markBytes.writeUInt32LE(recordMark);

/**
 * Reads the records of a file, up to `limit`, checks each, and finds the next good one behind what is broken.
 */
export async function scanFile(
  fs: JournalFs,
  fd: number,
  identity: FileIdentity,
  onRecord?: OnRecord,
  limit = Number.POSITIVE_INFINITY,
): Promise<ScannedFile> {
  const size = await fs.size(fd);
  const bytes = Math.min(size, limit);
  const scanner = new Scanner(identity, bytes, onRecord);
  const header = await readTolerant(fs, fd, Buffer.allocUnsafe(Math.min(fileHeaderBytes, bytes)), 0);
  const verdict = judgeFileHeader(header, identity);
  if (verdict.kind === 'newer') {
    return {
      contents: new FileContents(),
      bytes,
      validEnd: bytes,
      badBlocks: [],
      marked: 0,
      newer: verdict.version,
    };
  }
  if (verdict.kind === 'bad') scanner.bad(0, Math.min(fileHeaderBytes, bytes), 'file header');
  let window = Buffer.allocUnsafe(Math.min(windowBytes, Math.max(1, bytes)));
  while (!scanner.over) {
    const need = scanner.needBytes;
    if (need > window.length) window = Buffer.allocUnsafe(need);
    const part = await readTolerant(fs, fd, window, scanner.at);
    // Shorter than the size said: somebody cut the file meanwhile, and there is no more to read.
    if (part.length < need) break;
    scanner.take(part);
  }
  return { ...scanner.result(), bytes: size };
}

/** As `readFully`, but a block that the disk cannot read becomes zeros: its records are lost, the rest is not. */
async function readTolerant(fs: JournalFs, fd: number, into: Buffer, position: number): Promise<Buffer> {
  try {
    return await readFully(fs, fd, into, position);
  } catch {
    let filled = 0;
    while (filled < into.length) {
      const block = into.subarray(filled, filled + unreadableBlockBytes);
      try {
        const part = await readFully(fs, fd, block, position + filled);
        filled += part.length;
        if (part.length < block.length) break;
      } catch {
        filled += block.fill(0).length;
      }
    }
    return into.subarray(0, filled);
  }
}

/** Walks records through windows of a file, without I/O. */
class Scanner {
  /** Where the next window must begin. */
  at = fileHeaderBytes;
  /** How long the next window must be at least. */
  needBytes = recordHeaderBytes;
  over = false;
  readonly #identity: FileIdentity;
  readonly #bytes: number;
  readonly #onRecord: OnRecord | undefined;
  readonly #contents = new FileContents();
  readonly #badBlocks: BadBlock[] = [];
  #validEnd = 0;
  #marked = 0;
  #follows: Predecessor | undefined;
  /** Where bytes that are no record began. */
  #lostSince: number | undefined;

  constructor(identity: FileIdentity, bytes: number, onRecord: OnRecord | undefined) {
    this.#identity = identity;
    this.#bytes = bytes;
    this.#onRecord = onRecord;
    this.#validEnd = Math.min(fileHeaderBytes, bytes);
    this.over = this.at >= bytes;
  }

  bad(offset: number, bytes: number, what: string): void {
    this.#badBlocks.push({ offset, bytes, what });
  }

  take(window: Buffer): void {
    let i = 0;
    for (;;) {
      const left = this.#bytes - this.at;
      if (left < recordHeaderBytes) {
        this.over = true;
        return;
      }
      if (window.length - i < recordHeaderBytes) {
        this.needBytes = recordHeaderBytes;
        return;
      }
      const header = readHeader(window, i, this.#identity.salt);
      if (header === undefined) {
        this.#lostSince ??= this.at;
        const skip = nextMark(window, i + 1) - i;
        this.at += skip;
        i += skip;
        continue;
      }
      const bytes = recordHeaderBytes + header.length;
      if (bytes > left) {
        this.over = true;
        return;
      }
      if (window.length - i < bytes) {
        this.needBytes = bytes;
        return;
      }
      this.#record(header, window.subarray(i + recordHeaderBytes, i + bytes));
      this.at += bytes;
      i += bytes;
    }
  }

  result(): ScannedFile {
    const badBlocks = this.#badBlocks.filter((block) => block.offset < this.#validEnd);
    return {
      contents: this.#contents,
      bytes: this.#bytes,
      validEnd: this.#validEnd,
      badBlocks,
      marked: this.#marked,
      ...(this.#follows === undefined ? {} : { follows: this.#follows }),
    };
  }

  #record(header: RecordHeader, payload: Buffer): void {
    const whole = payloadIsWhole(payload, header);
    if (this.#lostSince !== undefined) this.bad(this.#lostSince, this.at - this.#lostSince, 'no record');
    this.#lostSince = undefined;
    this.#onRecord?.(this.at, header, whole ? payload : undefined);
    if (!whole) {
      this.bad(this.at, recordHeaderBytes + header.length, `record of session handle ${header.handle}`);
      return;
    }
    this.#validEnd = this.at + recordHeaderBytes + header.length;
    this.#keep(header, payload);
  }

  #keep(header: RecordHeader, payload: Buffer): void {
    const { type, handle } = header;
    if (type === recordType.mark) {
      this.#marked = Math.max(this.#marked, readUint64(payload, 0));
    } else if (type === recordType.follows) {
      this.#follows = decodePredecessor(payload);
    } else if (type === recordType.audio) {
      const runs = this.#contents.of(handle).runs;
      runs.push(this.at, payload.length - audioPrefixBytes, readUint64(payload, 0));
    } else if (type === recordType.note) {
      const note = decodeNote(payload);
      if (note !== undefined) this.#contents.of(handle).notes.push(this.at, note.number);
    } else if (type === recordType.session) {
      // A close carries its time; a plain statement behind it must not take that back.
      this.#contents.of(handle).statement ??= decodeStatement(payload)?.statement;
    } else if (type === recordType.close || type === recordType.erasing || type === recordType.erased) {
      const entry = this.#contents.of(handle);
      entry.statement = decodeStatement(payload)?.statement ?? entry.statement;
      if (type === recordType.close) entry.closed = true;
      else if (type === recordType.erasing) entry.erasing = true;
      else entry.erased = true;
    }
  }
}

/** The next place at or behind `from` where a record may begin, as far as the window tells. */
function nextMark(window: Buffer, from: number): number {
  const found = window.indexOf(markBytes, from);
  if (found >= 0) return found;
  // The last three bytes may be the begin of a mark that the next window completes.
  return Math.max(from, window.length - markBytes.length + 1);
}
