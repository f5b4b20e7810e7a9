import { expect, test } from 'vitest';
import type { ProcessSample } from '../analysis/process-sample.ts';
import { ProcessSamples } from './process-samples.ts';

const look = (atMs: number, changes: Partial<ProcessSample> = {}): ProcessSample => ({
  process: 'streaming',
  kind: 'pipeline',
  pid: 7,
  atMs,
  cpuMs: atMs,
  rssBytes: 100,
  ...changes,
});

test('samples come in any order, and one that is sent twice counts once', () => {
  const samples = new ProcessSamples({ next: () => 'one' });
  samples.add([look(2)]);
  samples.add([look(1), look(2), look(3)]);
  expect(samples.of('streaming').map(({ atMs }) => atMs)).toEqual([1, 2, 3]);
  expect(samples.of('streaming', 2)).toHaveLength(2);
  expect(samples.blocks('streaming')).toMatchObject([{ cpuMs: 2, samples: 3 }]);
  expect(samples.of('nobody')).toEqual([]);
});

test('memory is bounded: of one process the oldest go, of many the silent ones', () => {
  const samples = new ProcessSamples({ next: () => 'one' });
  samples.add(Array.from({ length: 18_000 }, (_, at) => look(at)));
  expect(samples.of('streaming').length).toBeLessThanOrEqual(17_280);
  expect(samples.of('streaming').at(-1)?.atMs).toBe(17_999);
  samples.add(Array.from({ length: 64 }, (_, at) => look(at, { process: `p${at}` })));
  expect(samples.of('streaming')).toEqual([]);
  expect(samples.latest()).toHaveLength(64);
});
