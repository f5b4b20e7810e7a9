import { createServer, type AddressInfo } from 'node:net';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlClient } from '../../server/control-client.ts';
import { isAlive, startTestSystem, type TestSystem, toneSystem } from './system.fixture.ts';
import { startSystem } from './system.ts';

let test: TestSystem;
beforeAll(async () => {
  test = await startTestSystem();
}, 60_000);
afterAll(() => test.close());

const pids = (): Record<string, number | undefined> =>
  Object.fromEntries([...test.system.children].map(([name, child]) => [name, child.pid]));
const options = { clock: systemClock, random: systemRandom };
const gatewayHealth = async (): Promise<number> =>
  (await fetch(`${test.system.gatewayUrl.replace('ws', 'http')}/healthz`)).status;

describe('a system of processes', () => {
  it('runs control plane, gateway and pipelines in processes of their own', () => {
    const all = Object.values(pids());
    expect(Object.keys(pids())).toEqual(['control-plane', 'legacy', 'streaming', 'gateway']);
    expect(new Set([...all, process.pid]).size).toBe(5);
  });

  it.each(['control-plane', 'legacy', 'streaming', 'gateway'])(
    'brings %s back after SIGKILL, on the same address, and leaves the others alone',
    async (victim) => {
      const before = pids();
      await test.killAndAwait(victim);
      const after = pids();
      expect(after[victim]).not.toBe(before[victim]);
      expect({ ...after, [victim]: 0 }).toEqual({ ...before, [victim]: 0 });
      expect(await gatewayHealth()).toBe(200);
      expect((await (await ControlClient.forDataFolder(test.dataDir)).health()).ok).toBe(true);
    },
    20_000,
  );

  it('refuses a second system on the same data folder and names the pid of the first', async () => {
    const second = startSystem({ ...options, config: toneSystem, dataDir: test.dataDir });
    await expect(second).rejects.toMatchObject({
      code: 'DATA_FOLDER_LOCKED',
      message: expect.stringContaining(String(process.pid)),
    });
    expect(await gatewayHealth()).toBe(200);
  });

  it('refuses a port that another program has, and starts nothing', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const config = { ...toneSystem, gateway: { ...toneSystem.gateway, port } };
    const started = startSystem({ ...options, config, dataDir: `${test.dataDir}/other` });
    await expect(started).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`${port}`),
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('starts a pipeline later than the rest', async () => {
    await test.system.startPipeline('later');
    expect(test.system.children.get('later')?.state).toBe('ready');
    await expect(test.system.startPipeline('nobody')).rejects.toThrow(
      /Expected a pipeline of the configuration/,
    );
  });

  it('stops in order, leaves no process, and frees the data folder', async () => {
    const before = Object.values(pids()) as number[];
    await test.system.stop();
    expect(before.filter(isAlive)).toEqual([]);
    const again = await startSystem({ ...options, config: toneSystem, dataDir: test.dataDir });
    await again.stop();
  }, 60_000);
});
