import { join } from 'node:path';
import { bytesPerSample } from '@crossfade/sdk/core/audio';
import type { JournalNote } from './journal.ts';
import { decodeSeal, decodeSpan, sealRecordBytes } from './directory.ts';
import type { Span } from './directory.ts';
import { fileHeaderBytes } from './file-header.ts';
import type { FileIdentity } from './file-header.ts';
import { readFully } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import { decodeNote, payloadIsWhole, readHeader, recordHeaderBytes, recordType } from './record.ts';
import { scanFile } from './scan.ts';
import type { OnRecord, ScannedFile } from './scan.ts';

/** One span of a file's directory, its runs left on disk. */
export interface DirectoryEntry {
  readonly handle: number;
  readonly span: Span;
  readonly offset: number;
  readonly bytes: number;
}

export interface LoadedFile {
  readonly identity: FileIdentity;
  readonly name: string;
  readonly bytes: number;
  /** Undefined when the file is not full, or its directory is damaged. */
  readonly directory: readonly DirectoryEntry[] | undefined;
  /** Undefined when the directory was enough. */
  readonly scan: ScannedFile | undefined;
  /** Notes a scan met, by record offset. */
  readonly notes: ReadonlyMap<number, JournalNote>;
}

/**
 * Reads what a file holds: by its directory when it has one and `scanAnyway` is false, else record by record, of
 * its first `limit` bytes.
 */
export async function loadFile(
  fs: JournalFs,
  folder: string,
  name: string,
  identity: FileIdentity,
  scanAnyway: boolean,
  limit = Number.POSITIVE_INFINITY,
): Promise<LoadedFile> {
  const fd = await fs.openRead(join(folder, name));
  try {
    const bytes = await fs.size(fd);
    const directory = await readDirectory(fs, fd, bytes, identity.salt);
    const notes = new Map<number, JournalNote>();
    if (directory !== undefined && !scanAnyway) {
      return { identity, name, bytes, directory, scan: undefined, notes };
    }
    const keepNote: OnRecord = (offset, header, payload) => {
      const isNote = header.type === recordType.note && payload !== undefined;
      const decoded = isNote ? decodeNote(payload) : undefined;
      if (decoded !== undefined) notes.set(offset, decoded.note);
    };
    const scan = await scanFile(fs, fd, identity, keepNote, limit);
    return { identity, name, bytes, directory, scan, notes };
  } finally {
    await fs.close(fd);
  }
}

/** The directory at the end of a full file; undefined when there is none that is whole. */
export async function readDirectory(
  fs: JournalFs,
  fd: number,
  bytes: number,
  salt: number,
): Promise<readonly DirectoryEntry[] | undefined> {
  const sealAt = bytes - sealRecordBytes;
  if (sealAt < fileHeaderBytes) return undefined;
  const sealBytes = await readFully(fs, fd, Buffer.allocUnsafe(sealRecordBytes), sealAt);
  const sealHeader = readHeader(sealBytes, 0, salt);
  const sealPayload = sealBytes.subarray(recordHeaderBytes);
  if (sealHeader?.type !== recordType.seal || !payloadIsWhole(sealPayload, sealHeader)) return undefined;
  const seal = decodeSeal(sealPayload);
  if (seal === undefined || seal.offset > sealAt) return undefined;
  if (seal.spans === 0) return [];
  const raw = await readFully(fs, fd, Buffer.allocUnsafe(sealAt - seal.offset), seal.offset);
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < raw.length;) {
    const header = readHeader(raw, at, salt);
    if (header?.type !== recordType.span) return undefined;
    const end = at + recordHeaderBytes + header.length;
    const payload = raw.subarray(at + recordHeaderBytes, end);
    const span = payloadIsWhole(payload, header) ? decode(payload, false) : undefined;
    if (span === undefined) return undefined;
    entries.push({ handle: header.handle, span, offset: seal.offset + at, bytes: header.length });
    at = end;
  }
  return entries.length === seal.spans ? entries : undefined;
}

/** The runs of one span record; undefined when it is damaged. */
export async function readSpanRuns(
  fs: JournalFs,
  fd: number,
  salt: number,
  offset: number,
  bytes: number,
): Promise<number[] | undefined> {
  const raw = await readFully(fs, fd, Buffer.allocUnsafe(recordHeaderBytes + bytes), offset);
  const header = readHeader(raw, 0, salt);
  const payload = raw.subarray(recordHeaderBytes);
  if (header?.type !== recordType.span || !payloadIsWhole(payload, header)) return undefined;
  return decode(payload, true)?.runs;
}

function decode(payload: Buffer, withRuns: boolean): Span | undefined {
  return decodeSpan(payload, (statement) => bytesPerSample[statement.encoding], withRuns);
}

/** One note by its place; undefined when the record is damaged. */
export async function readNote(
  fs: JournalFs,
  fd: number,
  salt: number,
  offset: number,
): Promise<JournalNote | undefined> {
  const first = await readFully(fs, fd, Buffer.allocUnsafe(noteReadBytes), offset);
  const header = readHeader(first, 0, salt);
  if (header?.type !== recordType.note) return undefined;
  const bytes = recordHeaderBytes + header.length;
  const raw = bytes <= first.length ? first : await readFully(fs, fd, Buffer.allocUnsafe(bytes), offset);
  const payload = raw.subarray(recordHeaderBytes, bytes);
  return payloadIsWhole(payload, header) ? decodeNote(payload)?.note : undefined;
}

/** Most notes are shorter, and a read of a page costs the same as a shorter one. */
const noteReadBytes = 4096;
