import { join } from 'node:path';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { JournalFs } from './journal-fs.ts';
import type { JournalLog } from './journal-log.ts';
import type { FullFile, JournalState } from './journal-state.ts';
import { spanStride } from './session-state.ts';
import type { SessionState } from './session-state.ts';

/** How long and how much is kept of sessions that are over. Sessions that are not are never touched. */
export interface Retention {
  /** A file goes once each of its sessions has been over for this long. */
  readonly maxAgeMs?: number;
  /** The oldest files go until the rest is no larger, as far as their sessions are over. */
  readonly maxBytes?: number;
}

export interface RetentionContext {
  readonly fs: JournalFs;
  readonly folder: string;
  readonly log: JournalLog;
  readonly state: JournalState;
  readonly nowMs: number;
  /** States once more that a session is over, in the file being written, because the file that said so goes. */
  readonly restate: (session: SessionState) => void;
  readonly commit: () => Promise<void>;
}

/** Removes what the limits allow; answers the names of the files that went. */
export async function applyRetention(
  context: RetentionContext,
  retention: Retention,
): Promise<readonly string[]> {
  const { fs, folder, log, state } = context;
  const going = chooseFiles(state, retention, context.nowMs);
  if (going.length === 0) return [];
  const gone = new Set(going.map((file) => file.sequence));
  const files = state.filesByHandle();
  const stays = (session: SessionState) =>
    files.get(session.handle)?.some((sequence) => !gone.has(sequence)) ?? false;
  const touched = new Set(going.flatMap((file) => [...file.handles]));
  for (const handle of touched) {
    const session = state.byHandle.get(handle);
    // Else the files that stay would show it as a session that never ended.
    if (session !== undefined && gone.has(session.overInFile) && stays(session)) context.restate(session);
  }
  await context.commit();
  const removed: FullFile[] = [];
  for (const file of going) {
    try {
      await fs.remove(join(folder, file.name));
      state.full.delete(file.sequence);
      removed.push(file);
    } catch (error) {
      log.warn({ file: file.name, reason: messageOf(error) }, 'journal file could not be removed');
    }
  }
  await fs.syncFolder(folder);
  forget(state, removed, touched);
  return removed.map((file) => file.name);
}

function chooseFiles(
  state: JournalState,
  { maxAgeMs, maxBytes }: Retention,
  nowMs: number,
): readonly FullFile[] {
  let bytes = state.files().reduce((sum, file) => sum + file.bytes, 0);
  const oldestFirst = [...state.full.values()].sort((a, b) => a.sequence - b.sequence);
  return oldestFirst.filter((file) => {
    const overSinceMs = overSince(file, state);
    if (overSinceMs === undefined) return false;
    const old = maxAgeMs !== undefined && nowMs - overSinceMs >= maxAgeMs;
    const tooMuch = maxBytes !== undefined && bytes > maxBytes;
    if (old || tooMuch) bytes -= file.bytes;
    return old || tooMuch;
  });
}

/** When the last of a file's sessions was over; undefined while one is not. */
export function overSince(file: Pick<FullFile, 'handles'>, state: JournalState): number | undefined {
  let latestMs = 0;
  for (const handle of file.handles) {
    const session = state.byHandle.get(handle);
    if (session === undefined) continue;
    const over = session.phase === 'closed' || (session.phase === 'erased' && session.blanked);
    if (!over) return undefined;
    latestMs = Math.max(latestMs, session.overAtMs);
  }
  return latestMs;
}

function forget(state: JournalState, removed: readonly FullFile[], touched: ReadonlySet<number>): void {
  const gone = new Set(removed.map((file) => file.sequence));
  const left = state.filesByHandle();
  for (const handle of touched) {
    const session = state.byHandle.get(handle);
    if (session === undefined) continue;
    if (!left.has(handle)) {
      state.drop(session);
      continue;
    }
    const kept: number[] = [];
    for (let i = 0; i < session.spans.length; i += spanStride) {
      if (!gone.has(session.spans[i] ?? 0)) kept.push(...session.spans.slice(i, i + spanStride));
    }
    session.spans.splice(0, session.spans.length, ...kept);
  }
}
