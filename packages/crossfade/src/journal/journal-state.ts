import type { SpanPlace } from './directory.ts';
import type { FileContents } from './file-contents.ts';
import type { Segment } from './segment.ts';
import type { Hole, SessionState } from './session-state.ts';

/** A file whose directory is on disk: memory keeps only whose records it holds. */
export interface FullFile {
  readonly sequence: number;
  readonly name: string;
  readonly bytes: number;
  readonly handles: Uint32Array;
}

/** A file whose runs are in memory: being written, or left without a directory by a crash or a failing disk. */
export interface LooseFile {
  readonly sequence: number;
  readonly name: string;
  readonly contents: FileContents;
  /** Bytes before `durable` are on disk; the rest, up to `end`, is in the segment's memory. */
  readonly durable: number;
  readonly end: number;
  readonly segment?: Segment;
}

/** Damage lines kept; a broken disk must not fill the memory with its own complaints. */
const damageLinesMax = 1_000;

/** Everything the journal knows: sessions, files, and what it found broken. */
export class JournalState {
  readonly byId = new Map<string, SessionState>();
  readonly byHandle = new Map<number, SessionState>();
  readonly full = new Map<number, FullFile>();
  /** Oldest first. */
  loose: LooseFile[] = [];
  readonly damage: string[] = [];
  #nextHandle = 1;
  #nextSequence = 1;

  add(session: SessionState): void {
    this.byHandle.set(session.handle, session);
    this.byId.set(session.id, session);
    this.#nextHandle = Math.max(this.#nextHandle, session.handle + 1);
  }

  takeHandle(): number {
    return this.#nextHandle++;
  }

  sawHandle(handle: number): void {
    this.#nextHandle = Math.max(this.#nextHandle, handle + 1);
  }

  takeSequence(): number {
    return this.#nextSequence++;
  }

  sawSequence(sequence: number): void {
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
  }

  addDamage(line: string): void {
    if (this.damage.length < damageLinesMax) this.damage.push(line);
  }

  addHole(session: SessionState, hole: Hole): void {
    const known = session.holes.some((other) => other.start <= hole.start && hole.end <= other.end);
    if (!known && hole.start < hole.end) session.holes = mergeHoles([...session.holes, hole]);
  }

  addSpans(sequence: number, places: readonly SpanPlace[]): void {
    for (const { session, start, end, offset, bytes } of places) {
      if (end > start) session.spans.push(sequence, start, end, offset, bytes);
    }
  }

  /** Which files hold records of which session. */
  filesByHandle(): ReadonlyMap<number, readonly number[]> {
    const files = new Map<number, number[]>();
    const add = (handle: number, sequence: number): void => {
      const list = files.get(handle);
      if (list === undefined) files.set(handle, [sequence]);
      else list.push(sequence);
    };
    for (const { handles, sequence } of this.full.values())
      for (const handle of handles) add(handle, sequence);
    for (const { contents, sequence } of this.loose) {
      for (const handle of contents.sessions.keys()) add(handle, sequence);
    }
    return files;
  }

  /** The session is in no file any more. */
  drop(session: SessionState): void {
    this.byHandle.delete(session.handle);
    if (this.byId.get(session.id) === session) this.byId.delete(session.id);
  }

  files(): readonly { readonly sequence: number; readonly name: string; readonly bytes: number }[] {
    const loose = this.loose.map((file) => ({
      sequence: file.sequence,
      name: file.name,
      bytes: file.durable,
    }));
    return [...this.full.values(), ...loose].sort((a, b) => a.sequence - b.sequence);
  }
}

/** Holes in order, touching ones joined. */
export function mergeHoles(holes: readonly Hole[]): readonly Hole[] {
  const merged: { start: number; end: number }[] = [];
  for (const hole of [...holes].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && hole.start <= last.end) last.end = Math.max(last.end, hole.end);
    else merged.push({ ...hole });
  }
  return merged;
}
