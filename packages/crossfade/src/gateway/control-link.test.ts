import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '@crossfade/sdk/core/clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import { planDocument, sessionOf } from '../controller/rollout.fixture.ts';
import { startControlPlane, type ControlPlane } from '../server/control-plane.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionStore } from '../store/store.ts';
import { ControlLink, type ControlLinkOptions } from './control-link.ts';
import { writeRulesetCache } from './ruleset-cache.ts';
import { ScriptedServer } from './scripted-control-plane.fixture.ts';

const by = { actor: 'ana', reason: 'finals in half the time' };
const name = 'streaming-2';
const internal = { targetingKey: 'user-1', plan: 'internal' };
const timing = { retryMinMs: 5, retryMaxMs: 40, pushIntervalMs: 10, requestMs: 2_000, silenceMs: 10_000 };
const heartbeat = { event: 'heartbeat', data: { revision: 1 } };

/** Real sockets on a busy machine: the event comes within milliseconds, the limit is for a hang. */
const soon = { timeout: 10_000, interval: 5 };

let folder: string;
let closers: (() => Promise<void>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-link-'));
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

/** A control plane whose data outlives it, so that it can be stopped and started again on its port. */
class Plane {
  readonly store = createMemoryRolloutStore();
  readonly records = createMemorySessionStore();
  readonly log: string[] = [];
  #running: ControlPlane | null = null;
  port = 0;
  token = '';

  async start(): Promise<ControlPlane> {
    const { store, records: sessions, port } = this;
    const options = {
      store,
      sessions,
      port,
      dataFolder: join(folder, 'data'),
      clock: systemClock,
      log: silentLog,
      tickMs: 20,
    };
    this.#running = await startControlPlane(options);
    this.port = this.#running.port;
    this.token = this.#running.token;
    return this.#running;
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = null;
  }

  get manager() {
    if (this.#running === null) throw new Error('the control plane is down');
    return this.#running.manager;
  }
}

async function startPlane(): Promise<Plane> {
  const plane = new Plane();
  await plane.start();
  closers.push(() => plane.stop());
  const { manager } = plane;
  await manager.apply(planDocument, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  return plane;
}

interface Gateway {
  readonly link: ControlLink;
  readonly evaluator: Evaluator;
  readonly sessions: SessionStore;
  /** The evaluator's own time: leases run out when it is moved. */
  readonly clock: ManualClock;
  readonly log: string[];
}

async function startGateway(
  plane: Pick<Plane, 'port' | 'token'>,
  changes: Partial<ControlLinkOptions> = {},
): Promise<Gateway> {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock });
  const sessions = createMemorySessionStore();
  const log: string[] = [];
  const link = new ControlLink({
    url: `http://127.0.0.1:${plane.port}`,
    token: plane.token,
    gatewayId: 'gateway-1',
    evaluator,
    sessions,
    cacheFile: join(folder, 'ruleset.json'),
    clock: systemClock,
    log: (level, message) => void log.push(`${level}: ${message}`),
    timing,
    ...changes,
  });
  await link.start();
  closers.push(() => link.close());
  return { link, evaluator, sessions, clock, log };
}

const candidateServed = ({ evaluator }: Gateway): boolean =>
  evaluator.evaluate('transcription', internal).variant === 'streaming';

describe('ControlLink', () => {
  it('brings the ruleset in and acknowledges it, and every change', async () => {
    const plane = await startPlane();
    const gateway = await startGateway(plane);
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(true), soon);
    expect(gateway.link.connected).toBe(true);
    expect(gateway.link.ageMs).toBeLessThan(10_000);

    const revisions: number[] = [];
    gateway.link.onRuleset(({ revision }) => revisions.push(revision));
    await plane.manager.rollback(name, by);
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(false), soon);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    await vi.waitFor(() => expect(plane.manager.status(name).receipt?.unacknowledged).toEqual([]), soon);
    expect(plane.manager.status(name).receipt?.admissionStoppedBy).toBe('acknowledgement');
  });

  it('says what its gateway can route to, so that a rollout to anywhere else holds', async () => {
    const plane = await startPlane();
    await startGateway(plane, { upstreams: ['legacy', 'other'] });
    const sentence = 'gateway-1 knows no upstream streaming; it has legacy, other.';
    await vi.waitFor(() => expect(plane.manager.status(name).holding).toBe(sentence), soon);
  });

  it('serves control when the control plane is gone for longer than the lease, and the candidate when it is back', async () => {
    const plane = await startPlane();
    const gateway = await startGateway(plane);
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(true), soon);

    await plane.stop();
    await vi.waitFor(() => expect(gateway.link.connected).toBe(false), soon);
    gateway.clock.advance(59_000);
    expect(candidateServed(gateway)).toBe(true);
    gateway.clock.advance(1_001);
    expect(gateway.evaluator.evaluate('transcription', internal)).toMatchObject({
      variant: 'legacy',
      reason: 'STALE',
    });

    await plane.start();
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(true), soon);
  });

  it('keeps the last ruleset across its own restart, without a control plane too, but no lease', async () => {
    const plane = await startPlane();
    const before = await startGateway(plane);
    await vi.waitFor(() => expect(candidateServed(before)).toBe(true), soon);
    const { revision } = before.evaluator;
    await plane.stop();
    await before.link.close();

    const after = await startGateway(plane);
    expect(after.evaluator.revision).toBe(revision);
    expect(after.evaluator.evaluate('transcription', internal)).toMatchObject({
      variant: 'legacy',
      reason: 'STALE',
    });
    expect(after.link.ageMs).toBeGreaterThanOrEqual(0);
  });

  it('starts from nothing when the file on disk is no ruleset', async () => {
    const plane = await startPlane();
    await writeRulesetCache(join(folder, 'ruleset.json'), {
      ruleset: { revision: 99 } as never,
      savedAtMs: 1,
    });
    const gateway = await startGateway(plane);
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(true), soon);
    expect(gateway.log.join()).toContain('from the disk was refused');
  });

  it('pushes session records in order over a restart of the control plane, each at least once', async () => {
    const plane = await startPlane();
    const gateway = await startGateway(plane);
    const ids = Array.from({ length: 250 }, (_, i) => `session-${i}`);
    const save = async (some: readonly string[]) => {
      for (const id of some)
        await gateway.sessions.saveSession(sessionOf({ id, arm: 'control', epoch: 1, endedAtMs: 1 }), null);
      gateway.link.recordStored();
    };
    const arrived = async () => (await plane.records.records()).map(({ record }) => record.sessionId);
    await save(ids.slice(0, 5));
    await vi.waitFor(async () => expect(await arrived()).toEqual(ids.slice(0, 5)), soon);

    await plane.stop();
    await save(ids.slice(5));
    await plane.start();
    await vi.waitFor(async () => expect(await arrived()).toEqual(ids), soon);
  });

  it('passes over a record that the control plane refuses for good, and only that one', async () => {
    const plane = await startPlane();
    const gateway = await startGateway(plane);
    const record = (id: string) => sessionOf({ id, arm: 'control', epoch: 1, endedAtMs: 1 });
    await gateway.sessions.saveSession(record('a'), null);
    await gateway.sessions.saveSession({ ...record('bad'), sampleRate: -1 }, null);
    await gateway.sessions.saveSession(record('c'), null);
    gateway.link.recordStored();

    await vi.waitFor(async () => expect(await plane.records.record('c')).toBeDefined(), soon);
    expect(await plane.records.record('a')).toBeDefined();
    expect(await plane.records.record('bad')).toBeUndefined();
    expect(gateway.link.refusedRecords).toBe(1);
  });

  it('delivers the latest drain report, and again after a restart of the control plane', async () => {
    const plane = await startPlane();
    const gateway = await startGateway(plane);
    await vi.waitFor(() => expect(candidateServed(gateway)).toBe(true), soon);
    await plane.manager.rollback(name, by);
    const drainId = plane.manager.ruleset().drains?.[0]?.id ?? '';
    const session = { sessionId: 's-1', samplesLost: 0 };
    await plane.stop();
    gateway.link.reportDrain(drainId, { sessions: [{ ...session, outcome: 'open' }], done: false });
    gateway.link.reportDrain(drainId, { sessions: [{ ...session, outcome: 'finished' }], done: true });

    await plane.start();
    const whole = {
      unacknowledged: [],
      unreported: [],
      sessions: [{ sessionId: 's-1', outcome: 'finished', gateway: 'gateway-1' }],
    };
    await vi.waitFor(() => expect(plane.manager.status(name).receipt).toMatchObject(whole), soon);
  });

  it('makes few reports of sessions that leave one by one, and the last says all', async () => {
    const server = scripted(() => []);
    const gateway = await startGateway({ port: await server.listen(), token: 't' });
    const left = { outcome: 'migrated', samplesLost: 0 } as const;
    const sessions: { readonly sessionId: string; readonly outcome: 'migrated'; readonly samplesLost: 0 }[] =
      [];
    for (let count = 0; count < 40; count++) {
      sessions.push({ sessionId: `s-${count}`, ...left });
      gateway.link.reportDrain('d', { sessions: [...sessions], done: count === 39 });
      await new Promise<void>((resolve) => void systemClock.after(5, resolve));
    }
    await vi.waitFor(() => expect(server.posts.at(-1)?.body).toContain('"done":true'), soon);
    expect(server.posts.at(-1)?.body).toContain('s-0');
    expect(server.posts.length).toBeLessThan(20);
  });

  it('keeps trying with a wrong token, and says why', async () => {
    const plane = await startPlane();
    const gateway = await startGateway({ port: plane.port, token: 'wrong' });
    await vi.waitFor(
      () => expect(gateway.log.filter((line) => line.includes('401')).length).toBeGreaterThan(2),
      soon,
    );
    expect(gateway.link.connected).toBe(false);
    expect(gateway.link.ageMs).toBeNull();
  });
});

function scripted(...[say]: ConstructorParameters<typeof ScriptedServer>): ScriptedServer {
  const server = new ScriptedServer(say);
  closers.push(() => server.close());
  return server;
}

describe('ControlLink against a control plane that misbehaves', () => {
  const ruleset = (revision: number, changes: object = {}) => {
    const flag = {
      variants: { a: 'a', b: 'b' },
      defaultVariant: 'a',
      enabled: true,
      salt: 's',
      rules: [{ id: 'all', serve: { variant: 'b' } }],
      leaseMs: 60_000,
    };
    return { schema: 'crossfade.ruleset/1', revision, flags: { f: flag }, audiences: {}, ...changes };
  };
  const variant = ({ evaluator }: Gateway) => evaluator.evaluate('f', { targetingKey: 'u' }).variant;

  it('opens the stream anew when nothing is heard', async () => {
    const silent = scripted(() => []);
    const port = await silent.listen();
    await startGateway({ port, token: 't' }, { timing: { ...timing, silenceMs: 30 } });
    await vi.waitFor(() => expect(silent.connections).toBeGreaterThan(2), soon);
  });

  it('renews no lease while the control plane announces a revision that it does not serve', async () => {
    const broken = ruleset(2, { flags: 'nothing' });
    const server = scripted(() => [
      { event: 'ruleset', data: ruleset(1) },
      { event: 'ruleset', data: broken },
      { event: 'heartbeat', data: { revision: 2 } },
    ]);
    const gateway = await startGateway({ port: await server.listen(), token: 't' });
    await vi.waitFor(() => expect(gateway.log.join()).toContain('announce revision 1, got 2'), soon);
    expect(variant(gateway)).toBe('b');
    gateway.clock.advance(60_001);
    expect(variant(gateway)).toBe('a');
    expect(server.posts.every(({ body }) => !body.includes('2'))).toBe(true);
  });

  it('answers every second heartbeat, though an answer takes time and a heartbeat comes early', async () => {
    const server = scripted(() => [{ event: 'ruleset', data: ruleset(1) }]);
    let monotonicMs = 0;
    const clock = { ...systemClock, monotonicMs: () => monotonicMs };
    const slow: typeof fetch = async (...request) => {
      const response = await fetch(...request);
      if (request[1]?.method === 'POST') monotonicMs += 50;
      return response;
    };
    const port = await server.listen();
    const gateway = await startGateway({ port, token: 't' }, { clock, fetch: slow });
    await vi.waitFor(() => expect(monotonicMs).toBe(50), soon);
    const postsAfter = [];
    for (const atMs of [2_001, 3_999, 6_000, 8_000]) {
      monotonicMs = atMs;
      server.say(heartbeat);
      await vi.waitFor(() => expect(gateway.link.ageMs).toBeLessThanOrEqual(50), soon);
      if (atMs === 3_999 || atMs === 8_000) await vi.waitFor(() => expect(monotonicMs).toBe(atMs + 50), soon);
      postsAfter.push(server.posts.length);
    }
    expect(postsAfter).toEqual([1, 2, 2, 3]);
    expect(server.connections).toBe(1);
    expect(new Set(server.posts.map(({ body }) => body))).toEqual(new Set(['{"revision":1}']));
  });

  it('gives an answer up that stalls, before it counts as silent, and answers the next heartbeat', async () => {
    const server = scripted(() => [{ event: 'ruleset', data: ruleset(1) }]);
    let stalled = 0;
    const stalls: typeof fetch = (...request) => {
      const { method, signal } = request[1] ?? {};
      if (method !== 'POST' || stalled++ > 0) return fetch(...request);
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('late'))));
    };
    const port = await server.listen();
    const limits = { ...timing, requestMs: 600_000, ackMs: 20 };
    const gateway = await startGateway({ port, token: 't' }, { timing: limits, fetch: stalls });
    await vi.waitFor(() => {
      server.say(heartbeat);
      expect(server.posts.length).toBeGreaterThan(0);
    }, soon);
    expect(gateway.log.join()).toContain('Revision 1 is not acknowledged yet: late');
  });

  it('takes no ruleset that is older than its own, acknowledges none, and says what to do', async () => {
    const server = scripted((connection) => [{ event: 'ruleset', data: ruleset(connection === 1 ? 7 : 3) }]);
    const gateway = await startGateway(
      { port: await server.listen(), token: 't' },
      { timing: { ...timing, silenceMs: 30 } },
    );
    await vi.waitFor(() => expect(gateway.log.join()).toContain('announce revision 7, got 3'), soon);
    expect(gateway.evaluator.revision).toBe(7);
    expect(gateway.log.join()).toContain('delete');
    expect(server.posts.map(({ body }) => body)).not.toContain('{"revision":3}');
  });

  it('outlives text that is no event of ours', async () => {
    const server = scripted(() => [
      { event: 'ruleset', data: 'not json' },
      { event: 'ruleset', data: 'null' },
      { event: 'gossip', data: '[]' },
      { event: 'ruleset', data: ruleset(1) },
    ]);
    const gateway = await startGateway({ port: await server.listen(), token: 't' });
    await vi.waitFor(() => expect(variant(gateway)).toBe('b'), soon);
  });

  it('closes at once, whatever it waits for', async () => {
    const gateway = await startGateway(
      { port: 9, token: 't' },
      { timing: { ...timing, retryMinMs: 600_000, retryMaxMs: 600_000 } },
    );
    gateway.link.reportDrain('d', { sessions: [], done: true });
    await gateway.link.close();
    expect(gateway.link.connected).toBe(false);
  });
});
