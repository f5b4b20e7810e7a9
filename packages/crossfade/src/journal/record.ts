import { crc32 } from 'node:zlib';
import { crcOfRange } from './crc.ts';
import type { AudioEncoding } from '@crossfade/sdk/core/audio';
import type { JournalNote, OpenSession } from './journal.ts';

/** What a record holds; the byte table is docs/journal-format.md. */
export const recordType = {
  /** Names the session of a handle. Stated twice in each file, so that one bad block cannot orphan the rest. */
  session: 1,
  audio: 2,
  note: 3,
  close: 4,
  /** The session is to be erased: nothing of it is given out from here on. */
  erasing: 5,
  /** Directory of a full file: where one session's records are. */
  span: 6,
  /** Last record of a full file: where its directory starts. */
  seal: 7,
  /** What an erased record became: zeros of the same length. */
  blank: 8,
  /** How much of this file fdatasync had covered by then: what stands before cannot be missing after a power cut. */
  mark: 9,
  /** First record of a file that goes on where another ended: which one, and how long that was. */
  follows: 10,
  /** All audio and notes of the session are blank by now. */
  erased: 11,
} as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** mark, type, payload length, handle, payload CRC, header CRC. */
export const recordHeaderBytes = 24;
/** On disk the bytes `CFR` and 0x9d: no valid text has the last one after a letter. */
export const recordMark = 0x9d52_4643;
/** A note of 1 MiB, an audio message of 1 MiB, or a directory entry; more is a damaged length. */
export const payloadBytesMax = 8 * 1024 * 1024;
/** Before the samples in an audio payload: the first sample, as an unsigned 64-bit number. */
export const audioPrefixBytes = 8;

export interface RecordHeader {
  readonly type: number;
  readonly length: number;
  readonly handle: number;
  readonly payloadCrc: number;
}

/** Fills the header for a payload of `length` bytes that stands behind it. `salt` binds it to its file. */
export function sealHeader(
  into: Buffer,
  at: number,
  type: RecordType,
  handle: number,
  length: number,
  salt: number,
): void {
  const payload = into.subarray(at + recordHeaderBytes, at + recordHeaderBytes + length);
  writeHeader(into, at, { type, handle, length, payloadCrc: crc32(payload) }, salt);
}

export function writeHeader(into: Buffer, at: number, header: RecordHeader, salt: number): void {
  into.writeUInt32LE(recordMark, at);
  into.writeUInt32LE(header.type, at + 4);
  into.writeUInt32LE(header.length, at + 8);
  into.writeUInt32LE(header.handle, at + 12);
  into.writeUInt32LE(header.payloadCrc, at + 16);
  into.writeUInt32LE(crcOfRange(into, at, at + 20, salt), at + 20);
}

/** The header at `at`, or undefined when its mark, CRC or length is not one of this file. */
export function readHeader(from: Buffer, at: number, salt: number): RecordHeader | undefined {
  if (at + recordHeaderBytes > from.length || from.readUInt32LE(at) !== recordMark) return undefined;
  if (from.readUInt32LE(at + 20) !== crcOfRange(from, at, at + 20, salt)) return undefined;
  const length = from.readUInt32LE(at + 8);
  if (length > payloadBytesMax) return undefined;
  return {
    type: from.readUInt32LE(at + 4),
    length,
    handle: from.readUInt32LE(at + 12),
    payloadCrc: from.readUInt32LE(at + 16),
  };
}

/** Whether the payload is the one the header was written for. */
export function payloadIsWhole(payload: Uint8Array, header: RecordHeader): boolean {
  return payload.length === header.length && crc32(payload) === header.payloadCrc;
}

/** A whole record in a buffer of its own; for the rare ones. Audio is written in place. */
export function encodeRecord(type: RecordType, handle: number, payload: Uint8Array, salt: number): Buffer {
  const record = Buffer.allocUnsafe(recordHeaderBytes + payload.length);
  record.set(payload, recordHeaderBytes);
  sealHeader(record, 0, type, handle, payload.length, salt);
  return record;
}

/** What a session, close, erasing, erased or span record says of its session. */
export interface Statement extends OpenSession {
  readonly openedAtMs: number;
  /** When it was closed or erased; 0 while it is open. */
  readonly overAtMs: number;
}

const encodings: readonly AudioEncoding[] = ['linear16', 'mulaw', 'alaw'];
/** Bytes before the session id in a statement. */
export const statementFixedBytes = 24;
/** A session id in UTF-8: room for any sane id, and it is repeated in each file. */
export const sessionIdBytesMax = 255;

export function encodeStatement(statement: Statement): Buffer {
  const id = Buffer.from(statement.sessionId, 'utf8');
  const payload = Buffer.alloc(statementFixedBytes + id.length);
  writeUint64(payload, 0, statement.openedAtMs);
  writeUint64(payload, 8, statement.overAtMs);
  payload.writeUInt32LE(statement.sampleRate, 16);
  payload.writeUInt16LE(encodings.indexOf(statement.encoding), 20);
  payload.writeUInt16LE(id.length, 22);
  payload.set(id, statementFixedBytes);
  return payload;
}

/** The statement and how many bytes it took, or undefined when the payload is not one. */
export function decodeStatement(payload: Buffer): { statement: Statement; bytes: number } | undefined {
  if (payload.length < statementFixedBytes) return undefined;
  const idBytes = payload.readUInt16LE(22);
  const encoding = encodings[payload.readUInt16LE(20)];
  const bytes = statementFixedBytes + idBytes;
  if (encoding === undefined || payload.length < bytes) return undefined;
  const statement: Statement = {
    sessionId: payload.toString('utf8', statementFixedBytes, bytes),
    encoding,
    sampleRate: payload.readUInt32LE(16),
    openedAtMs: readUint64(payload, 0),
    overAtMs: readUint64(payload, 8),
  };
  return { statement, bytes };
}

/** A note's payload: its number in the session (a rewritten note keeps it), its kind, its JSON. */
export function encodeNote(number: number, note: JournalNote): Buffer {
  const kind = Buffer.from(note.kind, 'utf8');
  const json = Buffer.from(note.json, 'utf8');
  const payload = Buffer.allocUnsafe(6 + kind.length + json.length);
  payload.writeUInt32LE(number, 0);
  payload.writeUInt16LE(kind.length, 4);
  payload.set(kind, 6);
  payload.set(json, 6 + kind.length);
  return payload;
}

export function decodeNote(payload: Buffer): { number: number; note: JournalNote } | undefined {
  if (payload.length < 6) return undefined;
  const kindEnd = 6 + payload.readUInt16LE(4);
  if (kindEnd > payload.length) return undefined;
  const note = { kind: payload.toString('utf8', 6, kindEnd), json: payload.toString('utf8', kindEnd) };
  return { number: payload.readUInt32LE(0), note };
}

/** A whole number up to 2^53 as eight bytes, little-endian. */
export function writeUint64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 0x1_0000_0000, at);
  into.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readUint64(from: Buffer, at: number): number {
  return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 0x1_0000_0000;
}
