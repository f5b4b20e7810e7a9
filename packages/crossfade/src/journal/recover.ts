import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { fileHeaderBytes, parseFileName } from './file-header.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalLog } from './journal-log.ts';
import { JournalState } from './journal-state.ts';
import { loadFile, readNote } from './load-file.ts';
import type { LoadedFile } from './load-file.ts';
import { measureSessions } from './measure-sessions.ts';
import { sealRecovered } from './mend.ts';
import { SessionState } from './session-state.ts';
import { trimUnsure } from './trim-unsure.ts';

export interface RecoverOptions {
  readonly fs: JournalFs;
  readonly folder: string;
  readonly log: JournalLog;
  /** Change nothing on disk: another process may be writing. */
  readonly readOnly: boolean;
}

/** A recovery that takes long says how far it is after this many files. */
const progressEveryFiles = 50;

/**
 * Builds the journal's state from its files. Cuts torn tails, drops what a power cut left behind a gap that was
 * never acknowledged, and gives files that lack one a directory, so that the next open need not scan them.
 * Doing it twice, or being killed in the middle and doing it again, gives the same state.
 */
export async function recover(options: RecoverOptions): Promise<JournalState> {
  const { fs, folder } = options;
  const state = new JournalState();
  const files = await trimUnsure(fs, folder, await loadFiles(options, state));
  nameSessions(files, state);
  for (const file of files) addFile(file, state);
  await measureSessions(fs, folder, state);
  await readNotes(options, files, state);
  reportDamage(files, state);
  if (!options.readOnly) await mend(options, files, state);
  return state;
}

/** Newest first: once a file says that fdatasync covered a part of it, all older ones are known to be whole. */
async function loadFiles(options: RecoverOptions, state: JournalState): Promise<LoadedFile[]> {
  const { fs, folder, log } = options;
  const names = (await fs.list(folder))
    .filter((name) => parseFileName(name) !== undefined)
    .sort()
    .reverse();
  const files: LoadedFile[] = [];
  let certain = false;
  for (const [index, name] of names.entries()) {
    const identity = parseFileName(name);
    if (identity === undefined) continue;
    state.sawSequence(identity.sequence);
    const file: LoadedFile | undefined = await loadFile(fs, folder, name, identity, !certain).catch(
      (error: unknown) => {
        // Beside a running writer a file may go while we read the others.
        if (options.readOnly && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      },
    );
    if (file === undefined) continue;
    if (file.scan?.newer !== undefined) {
      throw new CrossfadeError(
        'STORE_NEWER',
        `Expected journal files of version 1, got ${name} of version ${file.scan.newer}. ` +
          'Run the version of Crossfade that wrote them.',
      );
    }
    certain ||= (file.scan?.marked ?? 0) > 0;
    files.push(file);
    if ((index + 1) % progressEveryFiles === 0) {
      log.info({ read: index + 1, files: names.length }, 'reading journal files');
    }
  }
  return files.reverse();
}

interface NamedEntry {
  readonly handle: number;
  readonly statement: SessionState['statement'] | undefined;
  readonly closed: boolean;
  readonly erasing: boolean;
  readonly erased: boolean;
}

function entriesOf(file: LoadedFile): readonly NamedEntry[] {
  if (file.scan !== undefined) return [...file.scan.contents.sessions.values()];
  return (file.directory ?? []).map(({ handle, span }) => ({ handle, ...span }));
}

function nameSessions(files: readonly LoadedFile[], state: JournalState): void {
  for (const file of files) {
    for (const { handle, statement, closed, erasing, erased } of entriesOf(file)) {
      state.sawHandle(handle);
      if (statement === undefined) continue;
      let session = state.byHandle.get(handle);
      if (session === undefined) {
        session = new SessionState(handle, { ...statement, overAtMs: 0 });
        state.add(session);
      }
      session.overAtMs = Math.max(session.overAtMs, statement.overAtMs);
      if (closed || erasing || erased) session.overInFile = file.identity.sequence;
      if (erasing || erased) session.phase = 'erased';
      else if (closed && session.phase !== 'erased') session.phase = 'closed';
      session.blanked ||= erased;
    }
  }
}

function addFile(file: LoadedFile, state: JournalState): void {
  const { identity, name, bytes, scan, directory } = file;
  for (const { handle } of entriesOf(file)) {
    if (!state.byHandle.has(handle)) {
      state.addDamage(`${name}: records of a session whose name was lost (handle ${handle})`);
    }
  }
  if (scan !== undefined) {
    const { contents, validEnd } = scan;
    state.loose.push({ sequence: identity.sequence, name, contents, durable: validEnd, end: validEnd });
    return;
  }
  const handles = new Set<number>();
  for (const { handle, span, offset, bytes: spanBytes } of directory ?? []) {
    handles.add(handle);
    const session = state.byHandle.get(handle);
    if (session === undefined) continue;
    const { start, end } = span;
    state.addSpans(identity.sequence, [{ session, start, end, offset, bytes: spanBytes }]);
    // The runs stay on disk; whoever measures the session must read them when they are not in one piece.
    if (span.gaps) session.holes = [...session.holes, { start, end: start }];
  }
  const full = {
    sequence: identity.sequence,
    name,
    bytes,
    handles: Uint32Array.from(handles),
  };
  state.full.set(identity.sequence, full);
}

/** Notes are wanted of sessions that are not over; the gateway goes on from them. */
async function readNotes(
  options: RecoverOptions,
  files: readonly LoadedFile[],
  state: JournalState,
): Promise<void> {
  const { fs, folder } = options;
  const found = new Map<SessionState, Map<number, SessionState['notes'][number]>>();
  for (const file of files) {
    const wanted = noteplaces(file, state);
    if (wanted.length === 0) continue;
    const fd = file.scan === undefined ? await fs.openRead(join(folder, file.name)) : undefined;
    try {
      for (const { session, offset, number } of wanted) {
        session.nextNote = Math.max(session.nextNote, number + 1);
        const note =
          fd === undefined ? file.notes.get(offset) : await readNote(fs, fd, file.identity.salt, offset);
        if (note === undefined) state.addDamage(`${file.name}: note ${number} of ${session.id} is damaged`);
        else found.set(session, (found.get(session) ?? new Map()).set(number, note));
      }
    } finally {
      if (fd !== undefined) await fs.close(fd);
    }
  }
  for (const [session, notes] of found) {
    session.notes = [...notes].sort(([a], [b]) => a - b).map(([, note]) => note);
  }
}

function noteplaces(file: LoadedFile, state: JournalState) {
  const places: { session: SessionState; offset: number; number: number }[] = [];
  const entries =
    file.scan === undefined
      ? (file.directory ?? []).map(({ handle, span }) => ({ handle, notes: span.notes }))
      : [...file.scan.contents.sessions.values()];
  for (const { handle, notes } of entries) {
    const session = state.byHandle.get(handle);
    if (session === undefined || session.phase !== 'open') continue;
    for (let i = 0; i < notes.length; i += 2) {
      places.push({ session, offset: notes[i] ?? 0, number: notes[i + 1] ?? 0 });
    }
  }
  return places.sort((a, b) => a.offset - b.offset);
}

function reportDamage(files: readonly LoadedFile[], state: JournalState): void {
  for (const { name, scan } of files) {
    if (scan === undefined) continue;
    for (const { offset, bytes, what } of scan.badBlocks) {
      state.addDamage(`${name}: bad block of ${bytes} bytes at ${offset} (${what})`);
    }
    if (scan.validEnd < scan.bytes) {
      state.addDamage(`${name}: torn tail of ${scan.bytes - scan.validEnd} bytes at ${scan.validEnd}`);
    }
  }
}

async function mend(
  options: RecoverOptions,
  files: readonly LoadedFile[],
  state: JournalState,
): Promise<void> {
  const { fs, folder, log } = options;
  // Newest first: a file that is dropped must be gone before the one whose end it would follow gets another end.
  for (const file of files.toReversed()) {
    const { scan, identity, name } = file;
    if (scan === undefined) continue;
    try {
      if (scan.validEnd <= fileHeaderBytes) {
        await fs.remove(join(folder, name));
        await fs.syncFolder(folder);
        state.loose = state.loose.filter((loose) => loose.sequence !== identity.sequence);
      } else {
        await sealRecovered(options, file, state);
      }
    } catch (error) {
      // It stays readable as it is; the next open tries again.
      log.warn({ file: name, reason: messageOf(error) }, 'journal file could not be mended');
    }
  }
}
