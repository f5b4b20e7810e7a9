/**
 * Writes down what of a journal was really synced, so that a test can tell what a power cut would have left. The lines
 * reach the kernel at once and outlive the process: `+ NAME` the folder holds the file, `NAME BYTES` so much of it.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { JournalFs } from './journal-fs.ts';

/** A disk that notes each completed sync in `file`. */
export function withSyncLog(disk: JournalFs, file: string): JournalFs {
  const open = new Map<number, { readonly name: string; end: number }>();
  let created: string[] = [];
  const note = (line: string): void => appendFileSync(file, `${line}\n`);
  const opened = async (path: string, opening: Promise<number>): Promise<number> => {
    const fd = await opening;
    open.set(fd, { name: basename(path), end: await disk.size(fd) });
    return fd;
  };
  return {
    ...disk,
    create: async (path) => {
      const fd = await opened(path, disk.create(path));
      created.push(basename(path));
      return fd;
    },
    openChange: (path) => opened(path, disk.openChange(path)),
    write: async (fd, buffers, position) => {
      const written = await disk.write(fd, buffers, position);
      const entry = open.get(fd);
      if (entry !== undefined) entry.end = Math.max(entry.end, position + written);
      return written;
    },
    truncate: async (fd, length) => {
      await disk.truncate(fd, length);
      const entry = open.get(fd);
      if (entry !== undefined) entry.end = length;
    },
    datasync: async (fd) => {
      const entry = open.get(fd);
      // What is written while it syncs may not be covered.
      const end = entry?.end ?? 0;
      await disk.datasync(fd);
      if (entry !== undefined) note(`${entry.name} ${end}`);
    },
    close: async (fd) => {
      open.delete(fd);
      await disk.close(fd);
    },
    syncFolder: async (path) => {
      const names = created;
      created = [];
      await disk.syncFolder(path);
      for (const name of names) note(`+ ${name}`);
    },
  };
}

/** The disk as a power cut would leave it: files end at their last synced byte, files never synced are not there. */
export function afterPowerCut(disk: JournalFs, logFile: string): JournalFs {
  const synced = readSyncLog(logFile);
  const open = new Map<number, number>();
  return {
    ...disk,
    list: async (folder) => (await disk.list(folder)).filter((name) => synced.has(name)),
    openRead: async (path) => {
      const fd = await disk.openRead(path);
      open.set(fd, synced.get(basename(path)) ?? 0);
      return fd;
    },
    size: async (fd) => Math.min(await disk.size(fd), open.get(fd) ?? 0),
    read: (fd, into, position) => {
      const left = Math.max(0, (open.get(fd) ?? 0) - position);
      return disk.read(fd, into.subarray(0, Math.min(into.length, left)), position);
    },
    close: async (fd) => {
      open.delete(fd);
      await disk.close(fd);
    },
  };
}

/** Synced bytes by file name; without a log, nothing was. */
function readSyncLog(file: string): Map<string, number> {
  const synced = new Map<string, number>();
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const inFolder = new Set<string>();
  for (const line of text.split('\n')) {
    const [name = '', rest = ''] = line.split(' ');
    if (name === '+') inFolder.add(rest);
    else if (name !== '' && rest !== '') synced.set(name, Number(rest));
  }
  for (const name of [...synced.keys()]) if (!inFolder.has(name)) synced.delete(name);
  return synced;
}
