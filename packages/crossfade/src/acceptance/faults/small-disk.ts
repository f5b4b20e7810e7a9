import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A disk of its own that can really be full. */
export interface SmallDisk {
  readonly folder: string;
  /** Writes until the kernel says ENOSPC; answers the bytes it took. */
  fill(): number;
  /** Gives back what `fill` took. */
  free(): void;
  unmount(): void;
}

export type MountedDisk =
  | { readonly ok: true; readonly disk: SmallDisk }
  /** `why`: in words, for the report; a fault that could not be tried is never counted as survived. */
  | { readonly ok: false; readonly why: string };

/** Mounts a tmpfs of `megabytes` on `folder`; needs root and the right to mount. */
export function mountSmallDisk(folder: string, megabytes: number): MountedDisk {
  if (process.platform !== 'linux') return { ok: false, why: 'a small disk is mounted on Linux alone' };
  if (process.getuid?.() !== 0) return { ok: false, why: 'mounting a small disk needs root' };
  mkdirSync(folder, { recursive: true });
  const mounted = spawnSync('mount', [
    ...['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`],
    'crossfade-small-disk',
    folder,
  ]);
  if (mounted.status !== 0) {
    return { ok: false, why: `mount refused: ${String(mounted.stderr ?? mounted.error).trim()}` };
  }
  const ballast = join(folder, 'ballast');
  return {
    ok: true,
    disk: {
      folder,
      fill: () => fill(ballast, megabytes),
      free: () => rmSync(ballast, { force: true }),
      unmount: () => void spawnSync('umount', ['--lazy', folder]),
    },
  };
}

function fill(path: string, megabytes: number): number {
  const file = openSync(path, 'a', 0o600);
  try {
    // Blocks first, then single pages: to the last byte.
    return writeUntilFull(file, 65_536, megabytes) + writeUntilFull(file, 4_096, megabytes);
  } finally {
    closeSync(file);
  }
}

/** Never more than the disk has, should the kernel not refuse. */
function writeUntilFull(file: number, blockBytes: number, megabytes: number): number {
  const block = Buffer.alloc(blockBytes);
  let bytes = 0;
  try {
    while (bytes <= megabytes * 1_048_576) bytes += writeSync(file, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  return bytes;
}
