import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { extentOf } from './directory.ts';
import { runStride } from './file-contents.ts';
import { parseFileName } from './file-header.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalState, LooseFile } from './journal-state.ts';
import { readSpanRuns } from './load-file.ts';
import { audioPrefixBytes, recordHeaderBytes } from './record.ts';
import { spanStride } from './session-state.ts';
import type { SessionState } from './session-state.ts';

/** Audio records looked up at a time: ten seconds of 20 ms frames. */
const batchRuns = 512;

/** One audio record and where it is. */
export interface Located {
  readonly start: number;
  readonly end: number;
  readonly file: string;
  readonly offset: number;
  /** Of audio. */
  readonly bytes: number;
  /** The audio itself, when it is not on disk yet. */
  readonly memory?: Buffer;
}

/** A session's records in one file: by the file's directory, or by memory's list. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly sequence: number;
  readonly loose?: LooseFile;
  readonly span?: { readonly offset: number; readonly bytes: number };
}

/** Files opened for one read; closed together. */
export class OpenFiles {
  readonly #fs: JournalFs;
  readonly #folder: string;
  readonly #open = new Map<string, number>();

  constructor(fs: JournalFs, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  async fd(name: string): Promise<number> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    // A long read goes from file to file and does not come back.
    await this.close();
    try {
      const fd = await this.#fs.openRead(join(this.#folder, name));
      this.#open.set(name, fd);
      return fd;
    } catch (error) {
      throw new CrossfadeError('JOURNAL_UNAVAILABLE', `Expected to read ${name}, got: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    const fds = [...this.#open.values()];
    this.#open.clear();
    for (const fd of fds) await this.#fs.close(fd);
  }
}

/** Finds a session's audio records, batch by batch. */
export class Locator {
  readonly #fs: JournalFs;
  readonly #state: JournalState;
  readonly #session: SessionState;
  readonly #files: OpenFiles;
  /** Runs of the spans that the latest batch came from. */
  #loaded = new Map<string, readonly number[]>();

  constructor(fs: JournalFs, state: JournalState, session: SessionState, files: OpenFiles) {
    this.#fs = fs;
    this.#state = state;
    this.#session = session;
    this.#files = files;
  }

  /** The next records that reach behind `next` and begin before `end`, by start; none: there are no more. */
  async batch(next: number, end: number): Promise<readonly Located[]> {
    // Loading takes time, in which a file may become full and another one be begun: look again after it. Each
    // round but the last loads a span, and a group has few.
    for (;;) {
      const members = this.#members(next);
      const missing = members.find((piece) => piece.span !== undefined && !this.#loaded.has(keyOf(piece)));
      if (missing === undefined) return this.#select(members, next, end);
      const kept = new Map(
        [...this.#loaded].filter(([key]) => members.some((piece) => keyOf(piece) === key)),
      );
      this.#loaded = kept.set(keyOf(missing), await this.#load(missing));
    }
  }

  /** The piece with the next readable sample, and those that overlap it: after a failing disk audio may be twice there. */
  #members(next: number): readonly Piece[] {
    const pieces = this.#pieces().filter((piece) => piece.end > next);
    let end = pieces[0]?.end ?? 0;
    return pieces.filter((piece) => {
      const inside = piece.start < end;
      if (inside) end = Math.max(end, piece.end);
      return inside;
    });
  }

  #pieces(): readonly Piece[] {
    const pieces: Piece[] = [];
    const { spans, handle, bytesPerSample } = this.#session;
    for (let i = 0; i < spans.length; i += spanStride) {
      const [sequence = 0, start = 0, end = 0, offset = 0, bytes = 0] = spans.slice(i, i + spanStride);
      pieces.push({ start, end, sequence, span: { offset, bytes } });
    }
    for (const loose of this.#state.loose) {
      const runs = loose.contents.sessions.get(handle)?.runs;
      if (runs === undefined || runs.length === 0) continue;
      const { start, end } = extentOf(runs, bytesPerSample);
      pieces.push({ start, end, sequence: loose.sequence, loose });
    }
    return pieces.sort((a, b) => a.start - b.start || a.sequence - b.sequence);
  }

  async #load({ sequence, span }: Piece): Promise<readonly number[]> {
    const file = this.#state.full.get(sequence);
    const salt = file === undefined ? undefined : parseFileName(file.name)?.salt;
    if (file === undefined || span === undefined || salt === undefined) return [];
    const runs = await readSpanRuns(this.#fs, await this.#files.fd(file.name), salt, span.offset, span.bytes);
    if (runs === undefined)
      this.#state.addDamage(`${file.name}: directory entry of ${this.#session.id} is damaged`);
    return runs ?? [];
  }

  #select(members: readonly Piece[], next: number, end: number): readonly Located[] {
    const found: (Located & { readonly loose: LooseFile | undefined })[] = [];
    const { bytesPerSample, handle } = this.#session;
    for (const piece of members) {
      const { loose, sequence } = piece;
      const runs = loose?.contents.sessions.get(handle)?.runs ?? this.#loaded.get(keyOf(piece)) ?? [];
      const file = loose?.name ?? this.#state.full.get(sequence)?.name ?? '';
      const from = firstReaching(runs, next, bytesPerSample);
      for (let i = from; i < runs.length && i < from + batchRuns * runStride; i += runStride) {
        const [offset = 0, bytes = 0, start = 0] = [runs[i], runs[i + 1], runs[i + 2]];
        if (start >= end) break;
        found.push({ start, end: start + bytes / bytesPerSample, file, offset, bytes, loose });
      }
    }
    found.sort((a, b) => a.start - b.start);
    return found.slice(0, batchRuns).map(({ loose, ...run }) => {
      if (loose?.segment === undefined || run.offset < loose.durable) return run;
      // Copied now: a commit may move it, and the next put may write behind it.
      const at = run.offset + recordHeaderBytes + audioPrefixBytes;
      return { ...run, memory: loose.segment.readMemory(at, run.bytes) };
    });
  }
}

function keyOf(piece: Piece): string {
  return `${piece.sequence}:${piece.span?.offset ?? 0}`;
}

/** Index of the first run that ends behind `sample`; runs of one file are in order. */
function firstReaching(runs: readonly number[], sample: number, bytesPerSample: number): number {
  let low = 0;
  let high = runs.length / runStride;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const end = (runs[middle * runStride + 2] ?? 0) + (runs[middle * runStride + 1] ?? 0) / bytesPerSample;
    if (end <= sample) low = middle + 1;
    else high = middle;
  }
  return low * runStride;
}
