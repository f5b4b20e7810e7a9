import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for each database of a test, taken away at the end. */
export class StoreFolder {
  readonly #root: string;
  #count = 0;

  /** `inMemory`: where the system has a folder in memory, for files that are read once and need no disk. */
  constructor(options: { readonly inMemory?: boolean } = {}) {
    const memory = '/dev/shm';
    const parent = options.inMemory === true && existsSync(memory) ? memory : tmpdir();
    this.#root = mkdtempSync(join(parent, 'crossfade-store-'));
  }

  /** A path at which there is nothing yet. */
  newFile(): string {
    return join(this.#root, `store-${this.#count++}.sqlite`);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
