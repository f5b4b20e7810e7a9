import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { beforeEach, expect, test } from 'vitest';
import type { ProcessSample } from '../../analysis/process-sample.ts';
import { ProcessWatch, type WatchedProcess } from './process-watch.ts';

const clock = new ManualClock();
let replaced: string[];
let sent: ProcessSample[][];
let instance: string;
let isAway: boolean;
let rssBytes: number;

beforeEach(() => {
  replaced = [];
  sent = [];
  instance = 'first';
  isAway = false;
  rssBytes = 1_000;
});

const healthy = { sessions: 2, audioMs: 500, pids: [7, 8] };

const pipeline = (changes: Partial<WatchedProcess> = {}): WatchedProcess => ({
  name: 'streaming',
  kind: 'pipeline',
  build: 'b1',
  pid: () => 7,
  rssBytesMax: 100 * 1_048_576,
  health: () => Promise.resolve(healthy),
  replace: (why) => void replaced.push(why),
  ...changes,
});

const watchOf = (...processes: readonly WatchedProcess[]): ProcessWatch =>
  new ProcessWatch({
    processes: () => processes,
    usageOf: (pids) => Promise.resolve({ cpuMs: pids.length * 10, rssBytes }),
    send: (samples) => {
      if (isAway) return Promise.reject(new Error('away'));
      sent.push([...samples]);
      return Promise.resolve(instance);
    },
    clock,
    timing: { everyMs: 1_000, hangMs: 3_000 },
  });

test('a look at a pipeline counts its engines and says what it heard; one at the gateway needs no answer', async () => {
  const gateway = { name: 'gateway', kind: 'gateway', pid: () => 9, replace: () => undefined } as const;
  await watchOf(pipeline(), gateway, pipeline({ name: 'starting', pid: () => undefined })).look();
  expect(sent[0]).toMatchObject([
    { process: 'streaming', build: 'b1', pid: 7, cpuMs: 20, rssBytes: 1_000, sessions: 2, audioMs: 500 },
    { process: 'gateway', pid: 9, cpuMs: 10 },
  ]);
  expect(replaced).toEqual([]);
});

test('a pipeline that takes more memory than its limit is replaced, with both numbers', async () => {
  rssBytes = 300 * 1_048_576;
  await watchOf(pipeline()).look();
  expect(replaced).toEqual(['took 300 MB of memory, limit 100']);
});

test('a pipeline that answers nothing is replaced after its time, not before, and not for another that starts', async () => {
  let pid = 7;
  const watch = watchOf(pipeline({ pid: () => pid, health: () => Promise.reject(new Error('no answer')) }));
  for (const stepMs of [0, 1_000, 1_999]) {
    clock.advance(stepMs);
    await watch.look();
  }
  expect(replaced).toEqual([]);
  clock.advance(1);
  await watch.look();
  expect(replaced).toEqual(['answered nothing for 3 s']);
  pid = 17;
  await watch.look();
  expect(replaced).toHaveLength(1);
});

test('samples wait for a control plane that is away, and go again, all of them, to one that is new', async () => {
  const watch = watchOf(pipeline());
  isAway = true;
  await watch.look();
  isAway = false;
  await watch.look();
  expect(sent.map((batch) => batch.length)).toEqual([2]);
  instance = 'second';
  await watch.look();
  expect(sent.map((batch) => batch.length)).toEqual([2, 1, 3]);
});
