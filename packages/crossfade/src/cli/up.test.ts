import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from './command-io.fixture.ts';
import { ownProgram } from './supervisor/fork-child.ts';
import { isAlive } from './supervisor/system.fixture.ts';

const started: ChildProcess[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  // The processes of a killed one go by themselves, and write until then.
  const patience = { maxRetries: 20, retryDelay: 100 };
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, ...patience });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-up-'));
  folders.push(folder);
  return folder;
}

/** The program as a person starts it. */
function crossfade(...argv: string[]): ChildProcess {
  const { entry, execArgv } = ownProgram();
  const child = spawn(process.execPath, [...execArgv, entry, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

interface Up {
  readonly child: ChildProcess;
  readonly pids: readonly number[];
  readonly gatewayUrl: string;
}

async function up(data: string): Promise<Up> {
  const child = crossfade('up', '--json', '--port', '0', '--engine', 'tone', '--data', data);
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  const { processes, gatewayUrl } = JSON.parse(line) as {
    processes: Record<string, { pid: number }>;
    gatewayUrl: string;
  };
  return { child, pids: Object.values(processes).map(({ pid }) => pid), gatewayUrl };
}

async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise<void>((resolve) => void systemClock.after(50, resolve));
}

describe('crossfade up', () => {
  it('serves the other commands until SIGTERM, then ends all processes and exits 0', async () => {
    const data = newFolder();
    const { child, pids } = await up(data);
    const status = await run(['rollout', 'status', '--json', '--data', data]);
    expect(JSON.parse(status.out)).toEqual({ rollouts: [], deadLetters: [] });
    const { err, code: unknown } = await run(['session', 'show', 'nobody', '--data', data]);
    expect(err).toMatch(/Expected the id of a session/);
    expect(unknown).toBe(1);
    expect(await run(['up', '--port', '0', '--data', data])).toMatchObject({
      code: 3,
      err: expect.stringContaining(`process ${child.pid}`),
    });
    expectOneLogEach(data);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await run(['rollout', 'status', '--data', data])).code).toBe(3);
  }, 40_000);

  it('leaves no process behind when it is killed itself, and the next one starts on the same folder', async () => {
    const data = newFolder();
    const first = await up(data);
    first.child.kill('SIGKILL');
    await untilGone(first.pids);
    const second = await up(data);
    expect(second.pids.every(isAlive)).toBe(true);
  }, 40_000);
});

/** Each process logs JSON lines into a file of its own. */
function expectOneLogEach(data: string): void {
  const logs = readdirSync(join(data, 'logs'));
  expect(logs.sort()).toEqual(['control-plane.log', 'gateway.log', 'legacy.log', 'streaming.log']);
  for (const log of logs) {
    const lines = readFileSync(join(data, 'logs', log), 'utf8')
      .trim()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('ready');
  }
}

describe('crossfade process', () => {
  it('says that it is not started by hand', async () => {
    const child = crossfade('process', 'gateway');
    const [chunk] = (await once(child.stderr!, 'data')) as [Buffer];
    expect(String(chunk)).toMatch(/is started by "crossfade up", not by hand/);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(2);
  }, 20_000);
});
