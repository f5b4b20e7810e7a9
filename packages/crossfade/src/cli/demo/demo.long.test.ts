import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ownProgram } from '../supervisor/fork-child.ts';
import type { DemoSummary } from './outcome.ts';

/** Runs the demo as a person does and reads the last line of stdout. */
async function demo(...argv: string[]): Promise<{ code: number; summary: DemoSummary; err: string }> {
  const { entry, execArgv } = ownProgram();
  const child = spawn(process.execPath, [...execArgv, entry, 'demo', '--json', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number, summary: JSON.parse(out.trim().split('\n').at(-1)!) as DemoSummary, err };
}

const crowd = ['--engine', 'tone', '--sessions', '30', '--seed', '5'];

describe('crossfade demo', () => {
  it('completes the good build with its gates proven live, and takes the bad one back without losing a word', async () => {
    const { code, summary, err } = await demo(...crowd);
    expect(summary.problems, err).toEqual([]);
    expect(code).toBe(0);
    expect(summary).toMatchObject({ audioLostMs: 0, duplicateEntries: 0 });
    expect(summary.audioOfferedMs).toBeGreaterThan(60_000);
    expect(summary.engines).toEqual({ tone: expect.any(Number) });
    expect(summary.acceptance).toMatchObject({ result: 'passed' });
    expect(readFileSync(summary.acceptance!.htmlPath, 'utf8')).toContain('Fit');
    const [good, bad] = summary.rollouts;
    expect(good).toMatchObject({
      state: 'completed',
      stages: ['internal', '10-percent', '50-percent', '100-percent'],
      gates: {
        'finalization-latency': 'live',
        'missed-tail': 'live',
        'error-rate': 'live',
      },
    });
    expect(bad).toMatchObject({ state: 'rolled-back', receipt: { samplesLost: 0, unreported: [] } });
    expect(bad!.receipt!.sessions).toBeGreaterThan(0);
  }, 300_000);

  it.each(['lost-frames', 'orphans', 'crash-loop'])(
    'takes %s back, names it, and loses nothing',
    async (defect) => {
      const { code, summary, err } = await demo(...crowd, '--only-defect', '--defect', defect);
      expect(summary.problems, err).toEqual([]);
      expect(code).toBe(0);
      expect(summary).toMatchObject({ audioLostMs: 0, duplicateEntries: 0 });
      expect(summary.rollouts).toMatchObject([
        { state: 'rolled-back', receipt: { samplesLost: 0, unreported: [] } },
      ]);
    },
    180_000,
  );
});
