import { join } from 'node:path';
import { extentOf } from './directory.ts';
import { runStride } from './file-contents.ts';
import { parseFileName } from './file-header.ts';
import type { JournalFs } from './journal-fs.ts';
import { mergeHoles } from './journal-state.ts';
import type { JournalState } from './journal-state.ts';
import { readSpanRuns } from './load-file.ts';
import { spanStride } from './session-state.ts';
import type { Hole, SessionState } from './session-state.ts';

interface Run {
  readonly start: number;
  readonly end: number;
}

/** Finds where each session ends, and which samples are missing in between. */
export async function measureSessions(fs: JournalFs, folder: string, state: JournalState): Promise<void> {
  const pieces = piecesBySession(state);
  for (const session of state.byHandle.values()) {
    const parts = pieces.get(session) ?? [];
    if (inOnePiece(session, parts)) {
      session.endSample = parts.at(-1)?.end ?? 0;
      session.holes = [];
    } else {
      measureRuns(session, await runsOf(fs, folder, session, state));
    }
    session.durableSample = session.endSample;
  }
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly gaps: boolean;
}

function piecesBySession(state: JournalState): Map<SessionState, Piece[]> {
  const pieces = new Map<SessionState, Piece[]>();
  const add = (session: SessionState, piece: Piece): void => {
    const list = pieces.get(session);
    if (list === undefined) pieces.set(session, [piece]);
    else list.push(piece);
  };
  for (const session of state.byHandle.values()) {
    for (let i = 0; i < session.spans.length; i += spanStride) {
      add(session, { start: session.spans[i + 1] ?? 0, end: session.spans[i + 2] ?? 0, gaps: false });
    }
  }
  for (const { contents } of state.loose) {
    for (const entry of contents.sessions.values()) {
      const session = state.byHandle.get(entry.handle);
      if (session !== undefined && entry.runs.length > 0)
        add(session, extentOf(entry.runs, session.bytesPerSample));
    }
  }
  return pieces;
}

function inOnePiece(session: SessionState, parts: readonly Piece[]): boolean {
  // A directory that tells of gaps left a note of it here.
  if (session.holes.length > 0) return false;
  let next = 0;
  for (const { start, end, gaps } of parts) {
    if (gaps || start !== next) return false;
    next = end;
  }
  return true;
}

function measureRuns(session: SessionState, runs: readonly Run[]): void {
  const holes: Hole[] = [];
  let next = 0;
  for (const { start, end } of runs) {
    if (start > next) holes.push({ start: next, end: start });
    next = Math.max(next, end);
  }
  session.endSample = next;
  session.holes = mergeHoles(holes);
}

async function runsOf(
  fs: JournalFs,
  folder: string,
  session: SessionState,
  state: JournalState,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const add = (flat: readonly number[]): void => {
    for (let i = 0; i < flat.length; i += runStride) {
      const start = flat[i + 2] ?? 0;
      const end = start + (flat[i + 1] ?? 0) / session.bytesPerSample;
      runs.push({ start, end });
    }
  };
  for (let i = 0; i < session.spans.length; i += spanStride) {
    const [sequence = 0, , , offset = 0, bytes = 0] = session.spans.slice(i, i + spanStride);
    const file = state.full.get(sequence);
    const salt = file === undefined ? undefined : parseFileName(file.name)?.salt;
    if (file === undefined || salt === undefined) continue;
    const fd = await fs.openRead(join(folder, file.name));
    try {
      add((await readSpanRuns(fs, fd, salt, offset, bytes)) ?? []);
    } finally {
      await fs.close(fd);
    }
  }
  for (const file of state.loose) add(file.contents.sessions.get(session.handle)?.runs ?? []);
  return runs.sort((a, b) => a.start - b.start);
}
