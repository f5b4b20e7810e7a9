import { expect, test } from 'vitest';
import { parsePs, usageOf } from './process-usage.ts';

test('the usage of this process is near what it says of itself, and a process that is gone counts nothing', async () => {
  const { user, system } = process.cpuUsage();
  const usage = await usageOf([process.pid]);
  expect(Math.abs(usage.cpuMs - (user + system) / 1_000)).toBeLessThan(500);
  expect(usage.rssBytes / process.memoryUsage.rss()).toBeGreaterThan(0.5);
  expect(usage.rssBytes / process.memoryUsage.rss()).toBeLessThan(2);
  expect(await usageOf([2 ** 30])).toEqual({ cpuMs: 0, rssBytes: 0 });
});

test('ps is read in each of its forms of time', () => {
  expect(parsePs(' 1024   0:01.50\n  2 01:00:01\n3 2-00:00:01\n\n')).toEqual([
    { cpuMs: 1_500, rssBytes: 1_048_576 },
    { cpuMs: 3_601_000, rssBytes: 2_048 },
    { cpuMs: 172_801_000, rssBytes: 3_072 },
  ]);
  expect(parsePs('')).toEqual([]);
});
