import type { Statement } from './record.ts';

/** Numbers a run takes in `SessionInFile.runs`: record offset, bytes of audio, first sample. */
export const runStride = 3;

/** One session's records in one file, in the order they stand there. */
export interface SessionInFile {
  readonly handle: number;
  /** Undefined while every record that names the session was lost with a bad block. */
  statement: Statement | undefined;
  /** Flat, `runStride` numbers each. */
  runs: number[];
  /** Flat: record offset, note number. */
  notes: number[];
  closed: boolean;
  /** It is to be erased / it is. */
  erasing: boolean;
  erased: boolean;
}

/** What a file holds, by session handle. Made by the writer, by a scan, or from the file's directory. */
export class FileContents {
  readonly sessions = new Map<number, SessionInFile>();

  of(handle: number): SessionInFile {
    let entry = this.sessions.get(handle);
    if (entry === undefined) {
      entry = {
        handle,
        statement: undefined,
        runs: [],
        notes: [],
        closed: false,
        erasing: false,
        erased: false,
      };
      this.sessions.set(handle, entry);
    }
    return entry;
  }

  /** Forgets records at or behind `offset`, and sessions of which nothing is left. */
  cutAt(offset: number, keeps: (entry: SessionInFile) => boolean): void {
    for (const entry of this.sessions.values()) {
      let runs = entry.runs.length;
      while (runs > 0 && (entry.runs[runs - runStride] ?? 0) >= offset) runs -= runStride;
      entry.runs.length = runs;
      let notes = entry.notes.length;
      while (notes > 0 && (entry.notes[notes - 2] ?? 0) >= offset) notes -= 2;
      entry.notes.length = notes;
      if (runs === 0 && notes === 0 && !keeps(entry)) this.sessions.delete(entry.handle);
    }
  }
}
