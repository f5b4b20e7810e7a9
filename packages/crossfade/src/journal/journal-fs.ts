import * as fs from 'node:fs';
import { promisify } from 'node:util';

/**
 * The few file calls the journal makes, so that a test can hand in a disk that is full, slow or failing.
 * All take and give plain descriptors; all reject with Node's error (its `code` is ENOSPC, EIO, EROFS...).
 */
export interface JournalFs {
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<readonly string[]>;
  /** Creates for reading and writing; refuses what exists. */
  create(path: string): Promise<number>;
  openRead(path: string): Promise<number>;
  /** Opens what exists for reading and writing. */
  openChange(path: string): Promise<number>;
  size(fd: number): Promise<number>;
  /** Bytes written, which may be fewer than given. */
  write(fd: number, buffers: readonly Buffer[], position: number): Promise<number>;
  /** Bytes read, which may be fewer than asked for; 0 at the end. */
  read(fd: number, into: Buffer, position: number): Promise<number>;
  datasync(fd: number): Promise<void>;
  truncate(fd: number, length: number): Promise<void>;
  close(fd: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations and removals in the folder durable. */
  syncFolder(path: string): Promise<void>;
}

// The callback calls on plain descriptors: FileHandle adds about 0.1 ms a call, and a group commit makes three.
const open = promisify(fs.open);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);
const fstat = promisify(fs.fstat);
const fdatasync = promisify(fs.fdatasync);
const ftruncate = promisify(fs.ftruncate);

/** The real disk. */
export const nodeFs: JournalFs = {
  async makeFolder(path) {
    await fs.promises.mkdir(path, { recursive: true });
  },
  list: (folder) => fs.promises.readdir(folder),
  create: (path) => open(path, 'wx+', 0o600),
  openRead: (path) => open(path, 'r'),
  openChange: (path) => open(path, 'r+'),
  size: async (fd) => (await fstat(fd)).size,
  write: (fd, buffers, position) =>
    new Promise((resolve, reject) => {
      fs.writev(fd, buffers, position, (error, written) =>
        error === null ? resolve(written) : reject(error),
      );
    }),
  read: (fd, into, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, into, 0, into.length, position, (error, n) =>
        error === null ? resolve(n) : reject(error),
      );
    }),
  datasync: fdatasync,
  truncate: ftruncate,
  close,
  remove: (path) => fs.promises.unlink(path),
  async syncFolder(path) {
    const fd = await open(path, 'r');
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  },
};

/** Reads until `into` is full or the file ends; answers the part that was filled. */
export async function readFully(
  port: JournalFs,
  fd: number,
  into: Buffer,
  position: number,
): Promise<Buffer> {
  let filled = 0;
  while (filled < into.length) {
    const n = await port.read(fd, into.subarray(filled), position + filled);
    if (n === 0) break;
    filled += n;
  }
  return into.subarray(0, filled);
}

/** Writes all of it, however short the single writes are. */
export async function writeFully(
  port: JournalFs,
  fd: number,
  buffers: readonly Buffer[],
  position: number,
): Promise<number> {
  let left = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  while (left.length > 0) {
    let n = await port.write(fd, left, at);
    // A disk that takes nothing and reports nothing would hold this loop for ever.
    if (n <= 0) throw Object.assign(new Error('The disk took no bytes and gave no reason.'), { code: 'EIO' });
    at += n;
    const rest: Buffer[] = [];
    for (const buffer of left) {
      if (n >= buffer.length) n -= buffer.length;
      else {
        rest.push(n === 0 ? buffer : buffer.subarray(n));
        n = 0;
      }
    }
    left = rest;
  }
  return at - position;
}
