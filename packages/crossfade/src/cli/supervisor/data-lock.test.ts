import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { lockDataFolder } from './data-lock.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-lock-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('lockDataFolder', () => {
  it('refuses a second holder and names the pid of the first', () => {
    const path = join(newFolder(), 'up.lock');
    const lock = lockDataFolder(path, 4_711);
    expect(() => lockDataFolder(path, 4_712)).toThrow(/pid 4711/);
    lock.release();
  });

  it('is free again after release', () => {
    const path = join(newFolder(), 'up.lock');
    lockDataFolder(path, 1).release();
    expect(() => lockDataFolder(path, 2).release()).not.toThrow();
  });

  it('is free again when its holder was killed', { timeout: 30_000 }, async () => {
    const folder = newFolder();
    const path = join(folder, 'up.lock');
    const script = join(folder, 'holder.mjs');
    const module = import.meta.resolve('./data-lock.ts');
    writeFileSync(
      script,
      `import { lockDataFolder } from ${JSON.stringify(module)};
       lockDataFolder(${JSON.stringify(path)}, process.pid); process.send('held'); setInterval(() => {}, 1000);`,
    );
    const holder = fork(script, {
      execArgv: ['--conditions=source', '--import', import.meta.resolve('tsx')],
    });
    await once(holder, 'message');
    expect(() => lockDataFolder(path, 1)).toThrow(`pid ${holder.pid}`);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    lockDataFolder(path, 1).release();
  });
});
