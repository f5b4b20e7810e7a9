import { afterAll, beforeAll, expect, it } from 'vitest';
import { readControlAddress } from '../../server/control-client.ts';
import { startTestSystem, type TestSystem, toneSystem } from './system.fixture.ts';

let test: TestSystem;
beforeAll(async () => {
  const pipelines = toneSystem.pipelines
    .filter(({ autostart }) => autostart)
    // Node alone takes more than that: it leaks from the first look on.
    .map((pipeline) => (pipeline.name === 'legacy' ? { ...pipeline, memoryMaxMb: 16 } : pipeline));
  test = await startTestSystem({ ...toneSystem, pipelines }, { everyMs: 100, hangMs: 1_000 });
}, 60_000);
afterAll(() => test.close());

it('replaces a pipeline that takes more memory than its limit, and says both numbers', async () => {
  const event = await test.next('legacy', 'exited');
  expect(event).toMatchObject({ why: expect.stringMatching(/^took \d+ MB of memory, limit 16$/) as string });
  await test.next('legacy', 'ready');
}, 20_000);

it('replaces a pipeline that hangs', async () => {
  const before = test.system.children.get('streaming')?.pid;
  const exited = test.next('streaming', 'exited');
  test.system.children.get('streaming')?.kill('SIGSTOP');
  expect(await exited).toMatchObject({ why: expect.stringMatching(/^answered nothing for \d s$/) as string });
  await test.next('streaming', 'ready');
  expect(test.system.children.get('streaming')?.pid).not.toBe(before);
}, 20_000);

it('tells the control plane what each process costs', async () => {
  const { url, token } = await readControlAddress(test.dataDir);
  const response = await fetch(`${url}/v1/processes`, { headers: { authorization: `Bearer ${token}` } });
  const { processes } = (await response.json()) as { processes: { process: string; rssBytes: number }[] };
  expect(processes.map(({ process }) => process).toSorted()).toEqual([
    'control-plane',
    'gateway',
    'legacy',
    'streaming',
  ]);
  for (const { rssBytes } of processes) expect(rssBytes).toBeGreaterThan(20_000_000);
});
