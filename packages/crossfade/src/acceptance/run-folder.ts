import { closeSync, mkdirSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { CaseResult } from './case-result.ts';
import type { CaseStore } from './case-store.ts';

/** What makes two runs the same one. */
export interface RunIdentity {
  readonly suite: string;
  readonly target: string;
  readonly corpusDigest: string;
}

const casesFile = 'cases.jsonl';
/** Read at once; a case has one or two thousand bytes. */
const chunkBytes = 65_536;
/** A line that is longer was not written by this suite. */
const lineBytesMax = 1_048_576;

/**
 * Keeps completed cases in a folder, one JSON line each, as soon as they are complete. A run with the same identity
 * goes on after them; one with another is refused. A line that a crash cut short is forgotten.
 */
export class RunFolder implements CaseStore {
  readonly #file: string;
  readonly #identity: RunIdentity;
  #fd: number | null = null;

  constructor(folder: string, identity: RunIdentity) {
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw new CrossfadeError(
        'USAGE',
        `Expected to keep the run in ${folder}, got ${isFile(error) ? 'a file of that name' : messageOf(error)}. Name another folder.`,
        { cause: error },
      );
    }
    this.#file = join(folder, casesFile);
    this.#identity = identity;
  }

  /** Throws USAGE when the folder holds another run, or one of another build. */
  *earlier(build: string | null): Generator<CaseResult, void> {
    const mine = JSON.stringify({ ...this.#identity, build });
    let isFirst = true;
    for (const line of linesOf(this.#file)) {
      if (isFirst && line !== mine) {
        throw new CrossfadeError(
          'USAGE',
          `Expected ${this.#file} to be of this run (${mine}), got ${line.slice(0, 400)}. Remove it, or name another folder with --resume.`,
        );
      }
      if (!isFirst) yield JSON.parse(line) as CaseResult;
      isFirst = false;
    }
    this.#fd = openSync(this.#file, 'a', 0o600);
    // What a crash cut short ends here, and is no case.
    writeSync(this.#fd, isFirst ? `${mine}\n` : '\n');
  }

  keep(result: CaseResult): void {
    if (this.#fd !== null) writeSync(this.#fd, `${JSON.stringify(result)}\n`);
  }

  /** The run is over: a run after it begins anew. `isWhole`: nothing of its plan is left to do. */
  end(isWhole: boolean): void {
    if (this.#fd === null) return;
    closeSync(this.#fd);
    this.#fd = null;
    if (isWhole) renameSync(this.#file, `${this.#file}.done`);
  }
}

const isFile = (error: unknown): boolean =>
  ['EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Whole lines that are JSON; none of a file that is not there. */
function* linesOf(file: string): Generator<string, void> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let rest: Buffer = Buffer.alloc(0);
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      let bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10)) {
        const line = bytes.subarray(0, at).toString();
        if (isJson(line)) yield line;
        bytes = bytes.subarray(at + 1);
      }
      rest = bytes.length > lineBytesMax ? Buffer.alloc(0) : bytes;
    }
  } finally {
    closeSync(fd);
  }
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}
