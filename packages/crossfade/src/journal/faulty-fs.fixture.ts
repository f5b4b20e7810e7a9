import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '@crossfade/sdk/core/random';
import { below } from '@crossfade/sdk/core/random';
import { nodeFs } from './journal-fs.ts';
import type { JournalFs } from './journal-fs.ts';

type Call = keyof JournalFs;

/** What the disk does with one call: refuses it, takes a part of it first, or waits. */
export interface Fault {
  readonly code: string;
  /** For writes: bytes that reach the file before the refusal. */
  readonly tornBytes?: number;
}

interface Known {
  /** Bytes covered by a datasync that came back. */
  synced: number;
  /** The name itself is durable. */
  named: boolean;
  /** Whether a datasync failed: the kernel may have dropped the pages, and later ones prove nothing. */
  poisoned: boolean;
}

/** The real disk, with faults on demand, that remembers what a power cut could not take. */
export class FaultyFs implements JournalFs {
  readonly files = new Map<string, Known>();
  readonly #paths = new Map<number, string>();
  readonly #faults = new Map<Call, (path: string) => Fault | undefined>();
  readonly calls = new Map<Call, number>();
  /** Awaited before each datasync. */
  beforeDatasync: (() => Promise<void>) | undefined;
  #flushes = 0;
  flushesAtOnceMax = 0;

  /** Every such call is asked from now on; undefined lets it through. */
  fault(call: Call, decide: ((path: string) => Fault | undefined) | undefined): void {
    if (decide === undefined) this.#faults.delete(call);
    else this.#faults.set(call, decide);
  }

  /** All calls that change the disk fail like this. */
  failAll(code: string): void {
    for (const call of ['create', 'write', 'datasync', 'syncFolder', 'truncate', 'remove'] as const) {
      this.fault(call, () => ({ code }));
    }
  }

  heal(): void {
    this.#faults.clear();
  }

  makeFolder = nodeFs.makeFolder;
  list = nodeFs.list;

  async create(path: string): Promise<number> {
    this.#check('create', path);
    const fd = await nodeFs.create(path);
    this.#paths.set(fd, path);
    this.files.set(path, { synced: 0, named: false, poisoned: false });
    return fd;
  }

  async openRead(path: string): Promise<number> {
    this.#check('openRead', path);
    return this.#remember(await nodeFs.openRead(path), path);
  }

  async openChange(path: string): Promise<number> {
    this.#check('openChange', path);
    return this.#remember(await nodeFs.openChange(path), path);
  }

  size = nodeFs.size;

  async write(fd: number, buffers: readonly Buffer[], position: number): Promise<number> {
    const fault = this.#decide('write', this.#path(fd));
    if (fault !== undefined) {
      if (fault.tornBytes !== undefined) {
        await nodeFs.write(fd, [Buffer.concat(buffers).subarray(0, fault.tornBytes)], position);
      }
      throw errorOf(fault.code);
    }
    return nodeFs.write(fd, buffers, position);
  }

  async read(fd: number, into: Buffer, position: number): Promise<number> {
    this.#check('read', this.#path(fd));
    return nodeFs.read(fd, into, position);
  }

  async datasync(fd: number): Promise<void> {
    const path = this.#path(fd);
    const known = this.files.get(path);
    const size = await nodeFs.size(fd);
    this.#flushes += 1;
    this.flushesAtOnceMax = Math.max(this.flushesAtOnceMax, this.#flushes);
    try {
      await this.beforeDatasync?.();
      const fault = this.#decide('datasync', path);
      if (fault !== undefined) {
        if (known !== undefined) known.poisoned = true;
        throw errorOf(fault.code);
      }
      await nodeFs.datasync(fd);
    } finally {
      this.#flushes -= 1;
    }
    if (known !== undefined && !known.poisoned) known.synced = Math.max(known.synced, size);
  }

  async truncate(fd: number, length: number): Promise<void> {
    const path = this.#path(fd);
    this.#check('truncate', path);
    await nodeFs.truncate(fd, length);
    const known = this.files.get(path);
    if (known !== undefined) known.synced = Math.min(known.synced, length);
  }

  async close(fd: number): Promise<void> {
    this.#paths.delete(fd);
    await nodeFs.close(fd);
  }

  async remove(path: string): Promise<void> {
    this.#check('remove', path);
    await nodeFs.remove(path);
    this.files.delete(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.#check('syncFolder', path);
    await nodeFs.syncFolder(path);
    for (const [file, known] of this.files) if (file.startsWith(path)) known.named = true;
  }

  #remember(fd: number, path: string): number {
    this.#paths.set(fd, path);
    return fd;
  }

  #path(fd: number): string {
    return this.#paths.get(fd) ?? '';
  }

  #check(call: Call, path: string): void {
    const fault = this.#decide(call, path);
    if (fault !== undefined) throw errorOf(fault.code);
  }

  #decide(call: Call, path: string): Fault | undefined {
    this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    return this.#faults.get(call)?.(path);
  }
}

/** As `setUp` copies a folder, with what a power cut at this moment might leave. */
export type PowerCut = 'all-unsynced-lost' | 'tail-torn' | 'blocks-lost';

/**
 * Copies a folder as a power cut would leave it: what was synced is there; of the rest nothing, a part, or any
 * blocks. A file whose name was never synced may be gone.
 */
export async function copyAfterPowerCut(
  disk: FaultyFs,
  from: string,
  to: string,
  cut: PowerCut,
  random: Random,
): Promise<void> {
  await fs.mkdir(to, { recursive: true });
  for (const name of (await fs.readdir(from)).filter((file) => file.endsWith('.cfj'))) {
    const known = disk.files.get(join(from, name)) ?? { synced: Number.POSITIVE_INFINITY, named: true };
    if (!known.named && below(random, 2) === 0) continue;
    const bytes = await fs.readFile(join(from, name)).catch(() => undefined);
    // Removed meanwhile by the journal itself: a failed file of which nothing was acknowledged.
    if (bytes === undefined) continue;
    const synced = Math.min(known.synced, bytes.length);
    if (cut === 'blocks-lost') {
      const blockBytes = 4096;
      for (let at = Math.floor(synced / blockBytes) * blockBytes; at < bytes.length; at += blockBytes) {
        if (below(random, 2) === 0)
          bytes.fill(0, Math.max(at, synced), Math.min(at + blockBytes, bytes.length));
      }
    }
    const kept = cut === 'all-unsynced-lost' ? synced : synced + below(random, bytes.length - synced + 1);
    await fs.writeFile(join(to, name), bytes.subarray(0, kept));
  }
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
