import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clockStepImport, clockStepSignal } from './clock-step.ts';
import { killProcess } from './kill-process.ts';

test('the wall clock of a process steps there and back, and its monotonic clock goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-clock-'));
  const program = join(folder, 'tell.mjs');
  writeFileSync(
    program,
    `const tell = () => process.send({ wallMs: Date.now(), newMs: new Date().getTime(), monotonicMs: performance.now() });
     process.on('${clockStepSignal}', tell);
     tell();
     setInterval(() => undefined, 1_000);`,
  );
  const child = fork(program, [], { execArgv: [`--import=${clockStepImport(3_600_000)}`] });
  const told = async (): Promise<{ wallMs: number; newMs: number; monotonicMs: number }> =>
    ((await once(child, 'message')) as [{ wallMs: number; newMs: number; monotonicMs: number }])[0];
  try {
    const first = await told();
    killProcess(child.pid, clockStepSignal);
    const stepped = await told();
    killProcess(child.pid, clockStepSignal);
    const back = await told();

    expect((stepped.wallMs - first.wallMs) / 3_600_000).toBeCloseTo(1, 2);
    expect((stepped.newMs - first.newMs) / 3_600_000).toBeCloseTo(1, 2);
    expect((back.wallMs - stepped.wallMs) / 3_600_000).toBeCloseTo(-2, 2);
    expect(back.monotonicMs).toBeGreaterThan(first.monotonicMs);
    expect(back.monotonicMs - first.monotonicMs).toBeLessThan(60_000);
  } finally {
    const ended = once(child, 'exit');
    expect(killProcess(child.pid)).toBe(true);
    await ended;
    expect(killProcess(child.pid)).toBe(false);
    rmSync(folder, { recursive: true });
  }
});
