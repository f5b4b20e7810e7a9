import { crc32 } from 'node:zlib';
import { readUint64, writeUint64 } from './record.ts';

/** Every journal file starts with this many bytes of header. */
export const fileHeaderBytes = 64;
/** The format this program writes. It refuses files of a later one. */
export const formatVersion = 1;
const magic = Buffer.from('CROSSFADE-JOURNL', 'latin1');

/**
 * What names a file. The salt seeds every record header's CRC, so that a block left over from another file is
 * never taken for one of this. Both stand in the name too: a bad first block then costs no record behind it.
 */
export interface FileIdentity {
  readonly sequence: number;
  readonly salt: number;
}

const namePattern = /^(\d{12})-([0-9a-f]{8})[.]cfj$/;

export function fileName({ sequence, salt }: FileIdentity): string {
  return `${String(sequence).padStart(12, '0')}-${salt.toString(16).padStart(8, '0')}.cfj`;
}

/** The identity a file's name tells, or undefined when it is no journal file. */
export function parseFileName(name: string): FileIdentity | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  return { sequence: Number(match[1]), salt: Number.parseInt(match[2] ?? '', 16) };
}

export function encodeFileHeader(identity: FileIdentity, createdAtMs: number): Buffer {
  const header = Buffer.alloc(fileHeaderBytes);
  header.set(magic, 0);
  header.writeUInt16LE(formatVersion, 16);
  header.writeUInt16LE(fileHeaderBytes, 18);
  header.writeUInt32LE(identity.salt, 20);
  writeUint64(header, 24, identity.sequence);
  writeUint64(header, 32, createdAtMs);
  header.writeUInt32LE(crc32(header.subarray(0, 60)), 60);
  return header;
}

export type FileHeaderVerdict =
  | { readonly kind: 'ok'; readonly createdAtMs: number }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'bad' };

/** Judges the first bytes of a file against what its name says. */
export function judgeFileHeader(header: Buffer, identity: FileIdentity): FileHeaderVerdict {
  if (header.length < fileHeaderBytes || !header.subarray(0, 16).equals(magic)) return { kind: 'bad' };
  if (header.readUInt32LE(60) !== crc32(header.subarray(0, 60))) return { kind: 'bad' };
  const version = header.readUInt16LE(16);
  if (version > formatVersion) return { kind: 'newer', version };
  const same = header.readUInt32LE(20) === identity.salt && readUint64(header, 24) === identity.sequence;
  return same ? { kind: 'ok', createdAtMs: readUint64(header, 32) } : { kind: 'bad' };
}
