import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { afterEach, expect, it, vi } from 'vitest';
import { EvaluatorRegistry } from '../controller/evaluator-registry.ts';
import { ProcessSamples } from '../controller/process-samples.ts';
import { planDocument, type SessionChanges, sessionOf } from '../controller/rollout.fixture.ts';
import { RolloutManager } from '../controller/rollout-manager.ts';
import { LinkRecords } from '../gateway/link-records.ts';
import { LinkTransport, linkTiming } from '../gateway/link-transport.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { createControlApp } from './control-app.ts';

const by = { actor: 'ana', reason: 'echoes' };
const { name } = planDocument;

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** A control plane that took the candidate back, and the gateway's side of the way that records take. */
async function setUp() {
  const clock = new ManualClock();
  const store = createMemoryRolloutStore();
  const manager = await RolloutManager.open({ store, clock });
  const app = createControlApp({
    manager,
    sessions: createMemorySessionStore(),
    evaluators: new EvaluatorRegistry({ clock, leaseMs: 60_000 }),
    processes: new ProcessSamples({ next: () => 'instance-1' }),
    ...{ token: 'token', clock, log: silentLog },
  });
  await manager.apply(planDocument, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  clock.advance(20_000);
  await manager.rollback(name, by);
  let answers = 0;
  const transport = new LinkTransport({
    ...{ url: 'http://control', token: 'token', clock, random: seededRandom(1), timing: linkTiming },
    fetch: async (url, init) => {
      const answer = await app.request(url, init);
      answers += 1;
      return answer;
    },
  });
  toClose.push(() => transport.close());
  const sessions = createMemorySessionStore();
  const records = new LinkRecords(transport, 'gateway-1', sessions, () => {}, 500);
  const beganMs = clock.nowMs();
  const push = async (changes: readonly Partial<SessionChanges>[]) => {
    for (const change of changes) {
      const record = sessionOf({
        id: 's',
        arm: 'candidate',
        epoch: 1,
        endedAtMs: beganMs + 1_000,
        ...change,
      });
      await sessions.saveSession(record, null);
    }
    const before = answers;
    await vi.waitFor(() => {
      clock.advance(linkTiming.retryMaxMs);
      expect(answers).toBeGreaterThan(before);
    });
  };
  void records.run();
  return { manager, store, app, push, beganMs };
}

it('puts a session into the receipt that was over before its gateway heard of the rollback', async () => {
  const { manager, push, beganMs } = await setUp();
  await push([
    { id: 'open' },
    { id: 'over', endedAtMs: beganMs - 1 },
    { id: 'safe', arm: 'control' },
    { id: 'other', rollout: 'streaming-1' },
  ]);
  expect(manager.status(name).receipt).toMatchObject({
    sessions: [{ sessionId: 'open', gateway: 'gateway-1', outcome: 'finished', ended: true }],
    unreported: ['gateway-1'],
    running: 0,
    samplesLost: 0,
  });
});

it('leaves what a gateway reported of a session as it is, and writes nothing for a record that comes again', async () => {
  const { manager, app, push, beganMs } = await setUp();
  const sessions = [{ sessionId: 'moved', outcome: 'migrated', samplesLost: 0, pauseMs: 90 }] as const;
  const report = { type: 'drain-report', gateway: 'gateway-1', sessions, done: true } as const;
  await manager.tell(name, { ...report, actor: { kind: 'automatic', name: 'gateway-1' }, reason: 'said' });
  const { revision } = manager.status(name);
  await push([{ id: 'moved' }]);
  expect(manager.status(name).revision).toBe(revision);

  await push([{ id: 'late' }]);
  expect(manager.status(name).revision).toBe(revision + 1);
  const record = sessionOf({ id: 'late', arm: 'candidate', epoch: 1, endedAtMs: beganMs + 1_000 });
  const headers = { authorization: 'Bearer token', 'content-type': 'application/json' };
  const body = JSON.stringify({ gateway: 'gateway-1', records: [record] });
  await app.request('/v1/session-records', { method: 'POST', headers, body });
  expect(manager.status(name)).toMatchObject({
    revision: revision + 1,
    receipt: { unreported: [], sessions: [{ pauseMs: 90 }, { sessionId: 'late' }] },
  });
});

it('is in the receipt when the store took the record and not yet the event, because the record comes again', async () => {
  const { manager, store, push } = await setUp();
  const { append } = store;
  store.append = () => {
    store.append = append;
    return Promise.reject(new Error('database is locked'));
  };
  await push([{ id: 'open' }]);
  expect(manager.status(name).receipt?.sessions).toEqual([]);
  await push([]);
  expect(manager.status(name).receipt?.sessions).toMatchObject([{ sessionId: 'open' }]);
});
