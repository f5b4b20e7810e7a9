import { describe, expect, test } from 'vitest';
import { type ProcessBlock, processBlockMs } from '../analysis/process-sample.ts';
import { setupOf } from '../analysis/sequential/metric-setup.ts';
import { RolloutEvidence } from '../analysis/sequential/rollout-evidence.ts';
import { judgeSequentially } from '../analysis/sequential/sequential-judge.ts';
import { measureProcesses, type ProcessBlockSource } from './measure-processes.ts';

const plan = {
  control: { variant: 'legacy', upstream: 'legacy' },
  candidate: { variant: 'streaming', upstream: 'streaming', build: 'build-2' },
};

const block = (process: string, number: number, changes: Partial<ProcessBlock> = {}): ProcessBlock => ({
  process,
  build: process === 'streaming' ? 'build-2' : 'build-1',
  startMs: number * processBlockMs,
  samples: 360,
  cpuMs: 60_000 + (number % 3) * 600,
  audioMs: 3_600_000,
  rssBytesMean: 5e8 + (number % 2) * 1e6,
  rssBytesMax: 6e8,
  ...changes,
});

function evidence(): RolloutEvidence {
  const metrics = [setupOf('cpu-per-audio-hour'), setupOf('rss-per-process')];
  return new RolloutEvidence({ originMs: 0, metrics, maturityMs: 60_000, earlyMaturityMs: 60_000 });
}

/** 24 hours of both pipelines; the candidate's blocks are what the test makes of them. */
const dayOf =
  (candidate: (number: number) => Partial<ProcessBlock>): ProcessBlockSource =>
  (process) =>
    Array.from({ length: 48 }, (_, i) => block(process, i, process === 'streaming' ? candidate(i) : {}));

const blocksOf = (of: RolloutEvidence) =>
  of.blocks().map(([{ metric }, blocks]) => [metric.id, blocks.length]);

describe('what pipelines cost, as evidence', () => {
  test('enters by blocks that are over, each once', () => {
    const known = evidence();
    const source = dayOf(() => ({}));
    measureProcesses(known, plan, source, 10.5 * processBlockMs);
    measureProcesses(known, plan, source, 10.9 * processBlockMs);

    expect(blocksOf(known)).toEqual([
      ['cpu-per-audio-hour', 10],
      ['rss-per-process', 10],
    ]);
  });

  test('leaves out another build, a silent side, and sides that do not carry about the same', () => {
    const known = evidence();
    measureProcesses(
      known,
      plan,
      dayOf((i) => (i < 5 ? { build: 'build-1' } : i < 10 ? { audioMs: 400_000 } : {})),
      48 * processBlockMs,
    );
    measureProcesses(evidence(), plan, (process) => (process === 'legacy' ? [] : [block(process, 1)]), 9e9);

    expect(blocksOf(known)).toEqual([
      ['cpu-per-audio-hour', 38],
      ['rss-per-process', 38],
    ]);
  });

  test.each([
    ['cpu-per-audio-hour', (i: number) => ({ cpuMs: 90_000 + (i % 4) * 700 })],
    ['rss-per-process', (i: number) => ({ rssBytesMean: 8e8 + (i % 4) * 1e6 })],
  ] as const)('takes a candidate back whose %s is half as much again', (metric, candidate) => {
    const known = evidence();
    known.openEpoch({ epoch: 1, share: 0.5 });
    measureProcesses(known, plan, dayOf(candidate), 48 * processBlockMs);
    const verdict = judgeSequentially({
      evidence: known,
      nowMs: 48 * processBlockMs,
      epoch: 1,
      alpha: 0.05,
      horizonMinutes: 2_880,
      hasRandomControl: true,
      plannedSessions: 10,
      isLook: false,
      gates: [],
      expectedGapMs: null,
    });

    expect(verdict).toMatchObject({ verdict: 'fail', culprit: metric });
    expect(verdict.sentence).toMatch(
      /against .* in control; 48 blocks of 30 minutes; evidence .* acted at 20 : 1\.$/,
    );
  });
});
