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

/** Records at or behind this place may be missing after a power cut; those before cannot. */
interface Certain {
  readonly sequence: number;
  readonly offset: number;
}

interface Run {
  readonly sequence: number;
  readonly offset: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Finds where each session ends and which samples are missing in between. Answers the records to drop, as offsets
 * by file: audio behind a gap that a power cut left. None of it was acknowledged, and its client sends it again
 * from the gap on, so keeping it would leave a hole for good.
 */
export async function measureSessions(
  fs: JournalFs,
  folder: string,
  state: JournalState,
  certain: Certain,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const dropped = new Map<number, number[]>();
  const pieces = piecesBySession(state);
  for (const session of state.byHandle.values()) {
    const parts = pieces.get(session) ?? [];
    if (inOnePiece(session, parts)) {
      session.endSample = parts.at(-1)?.end ?? 0;
      session.holes = [];
    } else {
      measureRuns(session, await runsOf(fs, folder, session, state), certain, dropped);
    }
    session.durableSample = session.endSample;
  }
  if (dropped.size > 0) forget(state, dropped);
  return dropped;
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

function measureRuns(
  session: SessionState,
  runs: readonly Run[],
  certain: Certain,
  dropped: Map<number, number[]>,
): void {
  const holes: Hole[] = [];
  let next = 0;
  let cut = false;
  for (const run of runs) {
    const gap = run.start > next;
    const unsure =
      run.sequence > certain.sequence || (run.sequence === certain.sequence && run.offset >= certain.offset);
    cut ||= gap && unsure && session.phase === 'open';
    if (cut) {
      const offsets = dropped.get(run.sequence) ?? [];
      offsets.push(run.offset);
      dropped.set(run.sequence, offsets);
      continue;
    }
    if (gap) holes.push({ start: next, end: run.start });
    next = Math.max(next, run.end);
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
  const add = (sequence: number, flat: readonly number[]): void => {
    for (let i = 0; i < flat.length; i += runStride) {
      const start = flat[i + 2] ?? 0;
      const end = start + (flat[i + 1] ?? 0) / session.bytesPerSample;
      runs.push({ sequence, offset: flat[i] ?? 0, start, end });
    }
  };
  for (let i = 0; i < session.spans.length; i += spanStride) {
    const [sequence = 0, , , offset = 0, bytes = 0] = session.spans.slice(i, i + spanStride);
    const file = state.full.get(sequence);
    const salt = file === undefined ? undefined : parseFileName(file.name)?.salt;
    if (file === undefined || salt === undefined) continue;
    const fd = await fs.openRead(join(folder, file.name));
    try {
      add(sequence, (await readSpanRuns(fs, fd, salt, offset, bytes)) ?? []);
    } finally {
      await fs.close(fd);
    }
  }
  for (const file of state.loose) add(file.sequence, file.contents.sessions.get(session.handle)?.runs ?? []);
  // Stable: of two copies of the same audio the older file's comes first.
  return runs.sort((a, b) => a.start - b.start);
}

function forget(state: JournalState, dropped: ReadonlyMap<number, readonly number[]>): void {
  for (const { sequence, contents } of state.loose) {
    const offsets = new Set(dropped.get(sequence) ?? []);
    if (offsets.size === 0) continue;
    for (const entry of contents.sessions.values()) {
      const kept: number[] = [];
      for (let i = 0; i < entry.runs.length; i += runStride) {
        const run = entry.runs.slice(i, i + runStride);
        if (!offsets.has(run[0] ?? 0)) kept.push(...run);
      }
      entry.runs = kept;
    }
  }
}
