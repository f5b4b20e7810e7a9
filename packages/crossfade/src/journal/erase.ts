import { join } from 'node:path';
import { runStride } from './file-contents.ts';
import type { SessionInFile } from './file-contents.ts';
import { parseFileName } from './file-header.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalState } from './journal-state.ts';
import { readDirectory, readSpanRuns } from './load-file.ts';
import { blankRecords } from './mend.ts';
import { recordType } from './record.ts';
import { scanFile } from './scan.ts';
import type { SessionState } from './session-state.ts';

/** How hard to look for a session's records. */
export type Thoroughness =
  /** By the files' own lists. */
  | 'listed'
  /** Record by record: an erasure that was cut off may have left damaged records that no list knows. */
  | 'scan';

/**
 * Overwrites every audio and note record of a session with zeros, durably. Why in place, and not by a key per
 * session: docs/decisions/journal-erasure.md.
 */
export async function blankSession(
  fs: JournalFs,
  folder: string,
  state: JournalState,
  session: SessionState,
  how: Thoroughness,
): Promise<void> {
  const sequences = new Set(state.filesByHandle().get(session.handle));
  const known = new Set(state.files().map((file) => file.name));
  for (const name of await fs.list(folder)) {
    const identity = parseFileName(name);
    if (identity === undefined) continue;
    // A file that failed and could not be cut is nobody's, yet it may hold records that were written again.
    const stray = !known.has(name);
    if (!stray && !sequences.has(identity.sequence)) continue;
    const loose = state.loose.find((file) => file.sequence === identity.sequence);
    const fd = await fs.openRead(join(folder, name));
    let offsets: readonly number[] | undefined;
    try {
      if (how === 'listed' && loose?.segment !== undefined) {
        const entry = loose.contents.sessions.get(session.handle);
        offsets = entry === undefined ? [] : offsetsOf(entry);
      } else if (how === 'listed' && loose === undefined && !stray) {
        offsets = await listed(fs, fd, identity.salt, session.handle);
      }
      offsets ??= await found(fs, fd, name, session.handle);
    } finally {
      await fs.close(fd);
    }
    if (offsets.length > 0) await blankRecords(fs, folder, { name, identity }, offsets);
  }
}

function offsetsOf({ runs, notes }: Pick<SessionInFile, 'runs' | 'notes'>): number[] {
  const offsets: number[] = [];
  for (let i = 0; i < runs.length; i += runStride) offsets.push(runs[i] ?? 0);
  for (let i = 0; i < notes.length; i += 2) offsets.push(notes[i] ?? 0);
  return offsets;
}

async function listed(
  fs: JournalFs,
  fd: number,
  salt: number,
  handle: number,
): Promise<readonly number[] | undefined> {
  const directory = await readDirectory(fs, fd, await fs.size(fd), salt);
  if (directory === undefined) return undefined;
  const offsets: number[] = [];
  for (const entry of directory) {
    if (entry.handle !== handle) continue;
    const runs = await readSpanRuns(fs, fd, salt, entry.offset, entry.bytes);
    if (runs === undefined) return undefined;
    offsets.push(...offsetsOf({ runs, notes: entry.span.notes }));
  }
  return offsets;
}

async function found(fs: JournalFs, fd: number, name: string, handle: number): Promise<readonly number[]> {
  const identity = parseFileName(name);
  const offsets: number[] = [];
  if (identity === undefined) return offsets;
  await scanFile(fs, fd, identity, (offset, header) => {
    const speaks = header.type === recordType.audio || header.type === recordType.note;
    if (speaks && header.handle === handle) offsets.push(offset);
  });
  return offsets;
}
