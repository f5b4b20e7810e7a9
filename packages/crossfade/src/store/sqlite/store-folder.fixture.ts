import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for each database of a test, taken away at the end. */
export class StoreFolder {
  readonly #root = mkdtempSync(join(tmpdir(), 'crossfade-store-'));
  #count = 0;

  /** A path at which there is nothing yet. */
  newFile(): string {
    return join(this.#root, `store-${this.#count++}.sqlite`);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
