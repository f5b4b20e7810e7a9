import type { AudioRun } from './journal.ts';
import { readFully } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';
import type { JournalState } from './journal-state.ts';
import { parseFileName } from './file-header.ts';
import { Locator, OpenFiles } from './locate-audio.ts';
import type { Located } from './locate-audio.ts';
import { audioPrefixBytes, payloadIsWhole, readHeader, recordHeaderBytes } from './record.ts';
import type { SessionState } from './session-state.ts';

/** Runs that follow each other are given out together up to this: two seconds of 16 kHz. */
const joinBytesMax = 64 * 1024;
/** Records this close together are read in one call, other sessions' between them too. */
const readBytesMax = 256 * 1024;

/**
 * Reads a session's audio in order from wherever it is: full files by their directory, files being written by
 * memory's list, and what is not durable yet from memory. Each record's checksum is verified; a damaged one is
 * reported as a hole and skipped.
 */
export async function* readAudio(
  fs: JournalFs,
  folder: string,
  state: JournalState,
  session: SessionState,
  startSample: number,
  endSample: number,
): AsyncIterable<AudioRun> {
  const end = Math.min(endSample, session.endSample);
  const files = new OpenFiles(fs, folder);
  const locator = new Locator(fs, state, session, files);
  let next = startSample;
  try {
    while (next < end) {
      const batch = await locator.batch(next, end);
      if (batch.length === 0) return;
      const join = new Joiner(session, next, end);
      for (const group of neighbours(batch)) {
        for (const run of join.take(group, await readGroup(fs, files, group))) yield run;
      }
      yield* join.rest();
      next = Math.min(end, Math.max(...batch.map((run) => run.end)));
      for (const hole of join.holes(next)) state.addHole(session, hole);
    }
  } finally {
    await files.close();
  }
}

/** Cuts a batch into groups that are read in one call each. */
function neighbours(batch: readonly Located[]): readonly (readonly Located[])[] {
  const groups: Located[][] = [];
  let first: Located | undefined;
  for (const run of batch) {
    const near =
      first !== undefined &&
      run.file === first.file &&
      (run.memory === undefined) === (first.memory === undefined) &&
      run.offset >= first.offset &&
      run.offset + run.bytes - first.offset <= readBytesMax;
    if (near) groups.at(-1)?.push(run);
    else groups.push([run]);
    if (!near) first = run;
  }
  return groups;
}

/** The audio of each run of the group; undefined for one that is damaged. */
async function readGroup(
  fs: JournalFs,
  files: OpenFiles,
  group: readonly Located[],
): Promise<readonly (Buffer | undefined)[]> {
  const first = group[0];
  const last = group.at(-1);
  if (first === undefined || last === undefined) return [];
  if (first.memory !== undefined) return group.map((run) => run.memory);
  const salt = parseFileName(first.file)?.salt ?? 0;
  const fd = await files.fd(first.file);
  const bytes = last.offset + recordHeaderBytes + audioPrefixBytes + last.bytes - first.offset;
  const raw = await readOrEmpty(fs, fd, bytes, first.offset);
  if (raw.length === 0 && group.length > 1) {
    // One block the disk cannot read must not cost the runs around it.
    const single: (Buffer | undefined)[] = [];
    for (const run of group) single.push(...(await readGroup(fs, files, [run])));
    return single;
  }
  return group.map((run) => audioIn(raw, run.offset - first.offset, run, salt));
}

/** Empty when the disk reports that it cannot read the place; other failures are the caller's. */
async function readOrEmpty(fs: JournalFs, fd: number, bytes: number, offset: number): Promise<Buffer> {
  try {
    return await readFully(fs, fd, Buffer.allocUnsafe(bytes), offset);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') return Buffer.alloc(0);
    throw error;
  }
}

function audioIn(raw: Buffer, at: number, run: Located, salt: number): Buffer | undefined {
  const header = readHeader(raw, at, salt);
  if (header?.length !== audioPrefixBytes + run.bytes) return undefined;
  const payload = raw.subarray(at + recordHeaderBytes, at + recordHeaderBytes + header.length);
  return payloadIsWhole(payload, header) ? payload.subarray(audioPrefixBytes) : undefined;
}

/** Clips runs to what is wanted, drops what is there twice, and joins what follows each other. */
class Joiner {
  readonly #session: SessionState;
  readonly #end: number;
  #cursor: number;
  #start: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  readonly #holes: { start: number; end: number }[] = [];

  constructor(session: SessionState, start: number, end: number) {
    this.#session = session;
    this.#cursor = start;
    this.#start = start;
    this.#end = end;
  }

  *take(group: readonly Located[], audio: readonly (Buffer | undefined)[]): Iterable<AudioRun> {
    const { bytesPerSample } = this.#session;
    for (const [index, run] of group.entries()) {
      const bytes = audio[index];
      const from = Math.max(run.start, this.#cursor);
      const to = Math.min(run.end, this.#end);
      if (bytes === undefined || from >= to) continue;
      if (from > this.#cursor) {
        yield* this.rest();
        this.#holes.push({ start: this.#cursor, end: from });
      }
      if (this.#bytes === 0) this.#start = from;
      const part = bytes.subarray((from - run.start) * bytesPerSample, (to - run.start) * bytesPerSample);
      this.#parts.push(part);
      this.#bytes += part.length;
      this.#cursor = to;
      if (this.#bytes >= joinBytesMax) yield* this.rest();
    }
  }

  *rest(): Iterable<AudioRun> {
    const [first] = this.#parts;
    if (first === undefined) return;
    const bytes = this.#parts.length === 1 ? first : Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    yield { startSample: this.#start, bytes };
  }

  /** What was not given out, once everything before `end` was looked for. */
  holes(end: number): readonly { readonly start: number; readonly end: number }[] {
    if (this.#cursor < end) this.#holes.push({ start: this.#cursor, end });
    return this.#holes;
  }
}
