import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '@crossfade/sdk/core/clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { planDocument } from '../controller/rollout.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { ControlClient, readControlAddress } from './control-client.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const by = { actor: 'ana', reason: 'finals in half the time' };
let folder: string;
let plane: ControlPlane;

const start = (port = 0) =>
  startControlPlane({
    store: createMemoryRolloutStore(),
    sessions: createMemorySessionStore(),
    dataFolder: folder,
    port,
    clock: systemClock,
    log: silentLog,
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-control-'));
  plane = await start();
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the running control plane', () => {
  it('is found by its data folder, and only while it runs', async () => {
    expect(await readControlAddress(folder)).toEqual({ url: plane.url, token: plane.token });
    expect((await stat(join(folder, 'control.json'))).mode & 0o777).toBe(0o600);
    const client = await ControlClient.forDataFolder(folder);
    expect(await client.health()).toEqual({ ok: true, revision: 0 });

    await plane.close();
    await expect(ControlClient.forDataFolder(folder)).rejects.toMatchObject({
      code: 'CONTROL_PLANE_UNREACHABLE',
      message: expect.stringContaining('crossfade up'),
    });
    await expect(client.health()).rejects.toMatchObject({ code: 'CONTROL_PLANE_UNREACHABLE' });
    plane = await start();
  });

  it('takes a rollout through its commands, and gives the audit', async () => {
    const client = await ControlClient.forDataFolder(folder);
    await client.apply(JSON.stringify(planDocument), by);
    await client.command('streaming-2', 'start', by);
    await client.command('streaming-2', 'waive-acceptance', by);
    await client.revise('streaming-2', { ...planDocument, drain: 'migrate' }, by);
    const context = { targetingKey: 'u', plan: 'internal' };
    expect(await client.decide('transcription', context)).toMatchObject({ variant: 'streaming' });
    expect(await client.command('streaming-2', 'rollback', by)).toMatchObject({
      receipt: { policy: 'migrate' },
    });

    expect((await client.rollouts()).map(({ name }) => name)).toEqual(['streaming-2']);
    expect((await client.ruleset()).drains).toHaveLength(1);
    expect((await client.history('streaming-2')).map(({ type }) => type)).toContain('rollback-started');
  });

  it('gives its refusals to the caller as they are', async () => {
    const client = await ControlClient.forDataFolder(folder);
    await expect(client.rollout('nope')).rejects.toMatchObject({
      code: 'ROLLOUT_UNKNOWN',
      message: expect.stringContaining('"nope"'),
    });
    await expect(client.apply('stages: 1', by)).rejects.toMatchObject({
      code: 'PLAN_INVALID',
      detail: { path: expect.any(String) },
    });
    const stranger = new ControlClient({ url: plane.url, token: 'wrong' });
    await expect(stranger.rollouts()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('says that a port is taken, and by which number', async () => {
    await expect(start(plane.port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(String(plane.port)),
    });
    expect(JSON.parse(await readFile(join(folder, 'control.json'), 'utf8'))).toEqual({ url: plane.url });
  });

  it('notices an evaluator that is gone', async () => {
    const headers = { authorization: `Bearer ${plane.token}` };
    const list = async () => {
      const answer = await fetch(`${plane.url}/v1/evaluators`, { headers });
      return ((await answer.json()) as { evaluators: readonly { id: string; connected: boolean }[] })
        .evaluators;
    };
    const gone = new AbortController();
    const stream = await fetch(`${plane.url}/v1/ruleset/stream?evaluator=e-1&role=gateway`, {
      headers,
      signal: gone.signal,
    });
    await stream.body?.getReader().read();
    expect(await list()).toMatchObject([{ id: 'e-1', role: 'gateway', connected: true }]);

    gone.abort();
    await vi.waitFor(async () => expect(await list()).toMatchObject([{ id: 'e-1', connected: false }]), {
      timeout: 10_000,
    });
  });

  it('closes while streams are open', async () => {
    const headers = { authorization: `Bearer ${plane.token}` };
    const answer = await fetch(`${plane.url}/v1/ruleset/stream?evaluator=e`, { headers });
    const reader = answer.body?.getReader();
    await reader?.read();
    await plane.close();
    const rest = await reader?.read().catch(() => ({ done: true }));
    expect(rest?.done).toBe(true);
    plane = await start();
  });
});

describe('ControlClient', () => {
  it('tells another program on the port from a control plane', async () => {
    const other = createServer((_request, response) => response.writeHead(404).end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const client = new ControlClient({ url: `http://127.0.0.1:${port}`, token: 't' });
    await expect(client.rollouts()).rejects.toMatchObject({
      code: 'CONTROL_PLANE_UNREACHABLE',
      message: expect.stringContaining('another program'),
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('does not wait for ever', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const client = new ControlClient({ url: `http://127.0.0.1:${port}`, token: 't', timeoutMs: 50 });
    await expect(client.rollouts()).rejects.toMatchObject({ code: 'CONTROL_PLANE_UNREACHABLE' });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });
});

describe('what only some commands take', () => {
  it('goes on without a pass when a person says so, and the audit keeps it', async () => {
    const client = await ControlClient.forDataFolder(folder);
    await client.apply(planDocument, by);
    await client.command('streaming-2', 'start', by);
    await client.command('streaming-2', 'waive-acceptance', by);
    await expect(client.command('streaming-2', 'advance', by)).rejects.toMatchObject({
      code: 'COMMAND_REFUSED',
    });
    await client.command('streaming-2', 'advance', by, { withoutPass: true });
    const entered = (await client.history('streaming-2')).filter(({ type }) => type === 'stage-entered');
    expect(entered.at(-1)?.event).toMatchObject({ withoutPass: true, byHand: true, reason: by.reason });
  });

  it('rolls back by another policy than that of the plan, and hardens one under way', async () => {
    const client = await ControlClient.forDataFolder(folder);
    await client.apply(planDocument, by);
    await client.command('streaming-2', 'start', by);
    const status = await client.command('streaming-2', 'rollback', by, { policy: 'migrate' });
    expect(status.receipt).toMatchObject({ policy: 'migrate' });
    const wrong = { policy: 'gently' } as never;
    await expect(client.command('streaming-2', 'rollback', by, wrong)).rejects.toMatchObject({
      code: 'MESSAGE_INVALID',
      message: expect.stringContaining('finish, migrate or cut'),
    });
  });
});

describe('watching', () => {
  it('gives each event once, in order, across a restart of the control plane', async () => {
    await plane.close();
    const store = createMemoryRolloutStore();
    const open = (port: number) =>
      startControlPlane({
        store,
        sessions: createMemorySessionStore(),
        dataFolder: folder,
        port,
        clock: systemClock,
        log: silentLog,
      });
    plane = await open(0);
    const client = await ControlClient.forDataFolder(folder);
    await client.apply(planDocument, by);
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      const events = client.watch({
        rollout: 'streaming-2',
        after: 0,
        clock: systemClock,
        signal: stop.signal,
      });
      for await (const { type } of events) seen.push(type);
    })();
    await vi.waitFor(() => expect(seen).toEqual(['applied']));
    const { port } = plane;
    await plane.close();
    plane = await open(port);
    await client.command('streaming-2', 'start', by);
    await vi.waitFor(() => expect(seen).toEqual(['applied', 'started']), { timeout: 10_000 });
    stop.abort();
    await watching;
  });

  it('refuses the name of a rollout that is not there', async () => {
    const client = await ControlClient.forDataFolder(folder);
    const events = client.watch({
      rollout: 'nope',
      clock: systemClock,
      signal: new AbortController().signal,
    });
    await expect(events.next()).rejects.toMatchObject({ code: 'ROLLOUT_UNKNOWN' });
  });
});
