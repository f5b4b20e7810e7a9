import { join } from 'node:path';
import { putDirectory } from './directory.ts';
import { readFully, writeFully } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalState } from './journal-state.ts';
import type { LoadedFile } from './load-file.ts';
import { encodeRecord, readHeader, recordHeaderBytes, recordType, sealHeader } from './record.ts';

/** Turns records into blanks of the same length, in place, zeroed, durable. */
export async function blankRecords(
  fs: JournalFs,
  folder: string,
  file: Pick<LoadedFile, 'name' | 'identity'>,
  offsets: readonly number[],
): Promise<void> {
  const { salt } = file.identity;
  const fd = await fs.openChange(join(folder, file.name));
  try {
    for (const offset of offsets) {
      const header = readHeader(
        await readFully(fs, fd, Buffer.allocUnsafe(recordHeaderBytes), offset),
        0,
        salt,
      );
      if (header === undefined || header.type === recordType.blank) continue;
      const blank = Buffer.alloc(recordHeaderBytes + header.length);
      sealHeader(blank, 0, recordType.blank, header.handle, header.length, salt);
      await writeFully(fs, fd, [blank], offset);
    }
    await fs.datasync(fd);
  } finally {
    await fs.close(fd);
  }
}

/** Cuts the torn tail of a file found without a directory, and ends it with one. */
export async function sealRecovered(
  options: { readonly fs: JournalFs; readonly folder: string },
  file: LoadedFile,
  state: JournalState,
): Promise<void> {
  const { fs, folder } = options;
  const { scan, identity, name } = file;
  if (scan === undefined) return;
  const { sequence, salt } = identity;
  let end = scan.validEnd;
  const sessionOf = (handle: number) => state.byHandle.get(handle);
  const whole = scan.badBlocks.length === 0 && end === scan.bytes;
  if (whole && file.directory !== undefined) {
    for (const { handle, span, offset, bytes } of file.directory) {
      const session = sessionOf(handle);
      if (session === undefined) continue;
      state.addSpans(sequence, [{ session, start: span.start, end: span.end, offset, bytes }]);
    }
  } else {
    const fd = await fs.openChange(join(folder, name));
    try {
      await fs.truncate(fd, end);
      // What a killed process had only handed to the kernel is durable from here on, and the mark may say so.
      await fs.datasync(fd);
      const records: Buffer[] = [];
      const places = putDirectory(scan.contents, end, sessionOf, (type, handle, payload) => {
        const record = encodeRecord(type, handle, payload, salt);
        records.push(record);
        end += record.length;
        return end - record.length;
      });
      await writeFully(fs, fd, records, scan.validEnd);
      await fs.datasync(fd);
      state.addSpans(sequence, places);
    } finally {
      await fs.close(fd);
    }
  }
  const handles = Uint32Array.from(scan.contents.sessions.keys());
  state.full.set(sequence, { sequence, name, bytes: end, handles });
  state.loose = state.loose.filter((loose) => loose.sequence !== sequence);
}
