import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Undeliverable } from '../controller/notifier.ts';
import { runCommandHook } from './command-hook.ts';
import { rollbackNotice } from './receiver.fixture.ts';
import { messageId, webhookBody } from './webhook-body.ts';

let folder: string;
const never = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-hook-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const node = (script: string, ...args: string[]) =>
  [process.execPath, '-e', script, ...args] as [string, ...string[]];

function run(command: [string, ...string[]], changes: { env?: string[]; signal?: AbortSignal } = {}) {
  const { env = [], signal = never } = changes;
  const surroundings = { PATH: process.env['PATH'], PAGER_KEY: 'k', DATABASE_PASSWORD: 'p' };
  return runCommandHook(rollbackNotice, { command, env }, surroundings, signal);
}

describe('a command hook', () => {
  it('gets the notice on its standard input, its id, and of the environment what it is given', async () => {
    const file = join(folder, 'got');
    const script = `
      const fs = require('node:fs');
      fs.writeFileSync(process.argv[1], JSON.stringify({ body: fs.readFileSync(0, 'utf8'), env: process.env }));`;
    await run(node(script, file), { env: ['PAGER_KEY'] });
    const { body, env } = JSON.parse(readFileSync(file, 'utf8')) as {
      body: string;
      env: Record<string, string>;
    };
    expect(body).toBe(webhookBody(rollbackNotice));
    expect(env).toMatchObject({ PAGER_KEY: 'k', CROSSFADE_NOTICE_ID: messageId(rollbackNotice) });
    expect(env).not.toHaveProperty('DATABASE_PASSWORD');
  });

  it('is started without a shell: what looks like a command is an argument', async () => {
    const [file, planted] = [join(folder, 'args'), join(folder, 'planted')];
    const script = `require('node:fs').writeFileSync(process.argv[1], process.argv[2])`;
    await run(node(script, file, `$(touch ${planted}); touch ${planted}`));
    expect(readFileSync(file, 'utf8')).toContain('$(touch');
    expect(existsSync(planted)).toBe(false);
  });

  it('that fails says its exit code and the beginning of its complaint', async () => {
    const script = `process.stderr.write('no route ' + 'y'.repeat(1e6), () => process.exit(3))`;
    const error = await run(node(script)).catch((reason: Error) => reason);
    expect(String(error)).toContain('got 3: no route yyy');
    expect(String(error).length).toBeLessThan(400);
  });

  it('may end without reading, and may write as much as it likes', async () => {
    await run(node(`process.stdout.write('x'.repeat(5e6)); process.exitCode = 0`));
  });

  it('that hangs is killed with what it started when it is given up', async () => {
    const abort = new AbortController();
    const file = join(folder, 'pid');
    const script = `
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      require('node:fs').writeFileSync(process.argv[1] + '.new', String(child.pid));
      require('node:fs').renameSync(process.argv[1] + '.new', process.argv[1]);
      setInterval(() => {}, 1000);`;
    const running = run(node(script, file), { signal: abort.signal });
    await expect.poll(() => existsSync(file), { timeout: 10_000 }).toBe(true);
    abort.abort();
    await expect(running).rejects.toThrow('SIGKILL');
    const pid = Number(readFileSync(file, 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it('that is not there, or is no program, can never work', async () => {
    await expect(run([join(folder, 'nothing')])).rejects.toThrow(Undeliverable);
    writeFileSync(join(folder, 'text'), 'no program');
    await expect(run([join(folder, 'text')])).rejects.toThrow(Undeliverable);
  });
});

/** A killed process whose parent did not look yet is none. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
