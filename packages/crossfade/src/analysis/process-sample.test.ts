import { expect, test } from 'vitest';
import { processBlocks, type ProcessSample } from './process-sample.ts';

const look = (atMs: number, changes: Partial<ProcessSample> = {}): ProcessSample => ({
  process: 'streaming',
  kind: 'pipeline',
  build: 'b1',
  pid: 7,
  atMs,
  cpuMs: atMs / 10,
  audioMs: atMs * 20,
  rssBytes: 100,
  ...changes,
});

test('a block holds what was spent and heard between its looks, and the mean and most of the memory', () => {
  const blocks = processBlocks([look(0), look(400, { rssBytes: 300 }), look(900), look(1_200)], 1_000);
  expect(blocks).toEqual([
    {
      process: 'streaming',
      build: 'b1',
      startMs: 0,
      samples: 3,
      cpuMs: 90,
      audioMs: 18_000,
      rssBytesMean: 500 / 3,
      rssBytesMax: 300,
    },
    {
      process: 'streaming',
      build: 'b1',
      startMs: 1_000,
      samples: 1,
      cpuMs: 30,
      audioMs: 6_000,
      rssBytesMean: 100,
      rssBytesMax: 100,
    },
  ]);
});

test('a process that was started anew is not charged with the counters of its life before', () => {
  const [block] = processBlocks(
    [
      look(100),
      look(200),
      look(300, { pid: 8, cpuMs: 1, audioMs: 5 }),
      look(400, { pid: 8, cpuMs: 3, audioMs: 9 }),
    ],
    1_000,
  );
  expect(block).toMatchObject({ samples: 4, cpuMs: 12, audioMs: 2_004 });
});

test('builds and processes are kept apart, and no sample makes no block', () => {
  expect(
    processBlocks([look(1), look(2, { build: 'b2' }), look(3, { process: 'legacy' })], 1_000),
  ).toHaveLength(3);
  expect(processBlocks([])).toEqual([]);
});

test('samples that come out of order are put in order', () => {
  expect(processBlocks([look(400), look(0)], 1_000)[0]).toMatchObject({ cpuMs: 40 });
});
