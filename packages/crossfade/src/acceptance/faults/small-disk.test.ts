import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountSmallDisk } from './small-disk.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crossfade-disk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a small disk is really full, and has room again; where it cannot be mounted the reason is said', () => {
  const mounted = mountSmallDisk(join(folder, 'disk'), 2);
  if (!mounted.ok) {
    expect(mounted.why).toMatch(/root|Linux|mount refused/);
    return;
  }
  const { disk } = mounted;
  const write = (): void => writeFileSync(join(disk.folder, 'file'), Buffer.alloc(65_536));
  try {
    write();
    expect(disk.fill()).toBeGreaterThan(1_000_000);
    expect(() => writeFileSync(join(disk.folder, 'other'), Buffer.alloc(65_536))).toThrow('ENOSPC');
    disk.free();
    write();
  } finally {
    disk.unmount();
  }
});
