import { describe, expect, it } from 'vitest';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import type { OutboxItem, RolloutStore } from '../store/store.ts';
import { itemsOf } from './notice-routes.ts';
import { Notifier, Undeliverable } from './notifier.ts';
import { attemptsMax, retryMs } from './retry-wait.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const item = (id: string, target = 'log'): OutboxItem => ({ id, kind: 'paused', target, payload: '{}' });

async function setUp(items: readonly OutboxItem[], store: RolloutStore = createMemoryRolloutStore()) {
  await store.append('a', 0, [], items, 0);
  const sent: string[] = [];
  /** By id or target: what its attempts end with. */
  const faults = new Map<string, Error | 'hangs'>();
  const clock = new ManualClock();
  const open = (): Notifier =>
    new Notifier({
      clock,
      log: silentLog,
      random: seededRandom(1),
      store,
      targets: [{ name: 'second', on: ['dead-lettered'] }],
      sender: {
        async send({ id, target }) {
          const fault = faults.get(id) ?? faults.get(target);
          if (fault === 'hangs') return new Promise(() => {});
          if (fault !== undefined) throw fault;
          sent.push(id);
        },
      },
    });
  return { open, notifier: open(), store, sent, faults, clock };
}

const pendingIds = async (store: RolloutStore) =>
  (await store.pendingOutbox({ limit: 100 })).map(({ id }) => id);
const deadIds = async (store: RolloutStore) => (await store.deadOutbox(100)).map(({ id }) => id);

describe('Notifier', () => {
  it('sends each notice once when all goes well', async () => {
    const { notifier, sent } = await setUp([item('a'), item('b')]);
    expect(await notifier.flush()).toBe(2);
    expect(await notifier.flush()).toBe(0);
    expect(sent).toEqual(['a', 'b']);
  });

  it('retries after a wait, and a target that fails keeps no other back', async () => {
    const { notifier, sent, faults, clock } = await setUp([item('a', 'hook'), item('b')]);
    faults.set('a', new Error('refused'));
    await notifier.flush();
    expect(sent).toEqual(['b']);
    faults.clear();
    await notifier.flush();
    expect(sent).toEqual(['b']);
    clock.advance(1_000);
    await notifier.flush();
    expect(sent).toEqual(['b', 'a']);
  });

  it('goes on with the other targets while one hangs, and gives that one up after ten seconds', async () => {
    const { notifier, sent, faults, clock, store } = await setUp([item('a', 'hook'), item('b')]);
    faults.set('hook', 'hangs');
    notifier.wake();
    await expect.poll(() => sent).toEqual(['b']);
    await store.append('a', 0, [], [item('c'), item('d', 'hook')], 0);
    const sentAfterARound = async (): Promise<readonly string[]> => {
      await notifier.flush();
      return sent;
    };
    await expect.poll(sentAfterARound).toEqual(['b', 'c']);
    clock.advance(10_000);
    await expect.poll(() => store.pendingOutbox({ limit: 1 })).toMatchObject([{ id: 'a', attempts: 1 }]);
  });

  it('counts attempts and waits across restarts', async () => {
    const { open, sent, faults, clock, store } = await setUp([item('a')]);
    faults.set('a', new Error('refused'));
    for (let restart = 0; restart < 5; restart++) {
      await open().flush();
      clock.advance(retryMs.max);
    }
    expect(await store.pendingOutbox({ limit: 1 })).toMatchObject([{ attempts: 5 }]);
    await open().flush();
    faults.clear();
    await open().flush();
    expect(sent).toEqual([]);
    clock.advance(64_000);
    await open().flush();
    expect(sent).toEqual(['a']);
  });

  it('gives a notice up after twenty attempts, and a person has it sent again', async () => {
    const { notifier, sent, faults, clock, store } = await setUp([item('a')]);
    faults.set('a', new Error('refused'));
    let rounds = 0;
    for (; (await deadIds(store)).length === 0; rounds++) {
      await notifier.flush();
      clock.advance(retryMs.max);
    }
    expect(rounds).toBe(attemptsMax);
    faults.clear();
    await notifier.flush();
    expect(sent).toEqual([]);
    await store.reviveOutbox('a');
    await notifier.flush();
    expect(sent).toEqual(['a']);
  });

  it('tells the others of a notice that can never leave, and never the one that failed', async () => {
    const store = createMemoryRolloutStore();
    const manager = await RolloutManager.open({ store, noticeTargets: [{ name: 'oncall', on: ['paused'] }] });
    const by = { actor: 'ana', reason: 'a look' };
    await manager.apply({ ...planDocument, acceptance: 'waiver' }, by);
    await manager.start(planDocument.name, by);
    await manager.waiveAcceptance(planDocument.name, by);
    await manager.pause(planDocument.name, by);
    const { notifier, sent, faults } = await setUp([], store);
    faults.set('target:oncall', new Undeliverable('Expected a public address, got 10.0.0.1.'));
    await notifier.flush();
    const [dead] = await store.deadOutbox(1);
    expect(dead).toMatchObject({ target: 'target:oncall', kind: 'paused', attempts: 1 });
    const told = await store.pendingOutbox({ limit: 10 });
    expect(told.map(({ target, kind }) => [target, kind])).toEqual([
      ['log', 'dead-lettered'],
      ['target:second', 'dead-lettered'],
    ]);
    expect(told[0]?.payload).toContain('10.0.0.1');
    await notifier.flush();
    expect(sent.filter((id) => id.includes('dead-lettered'))).toHaveLength(2);
  });

  it('writes no notice about a lost notice about a lost notice', async () => {
    const notice = { id: 'a:1:dead-lettered', kind: 'dead-lettered' } as never;
    const { notifier, faults, store } = await setUp(itemsOf(notice, [{ to: 'target', name: 'second' }]));
    faults.set('target:second', new Undeliverable('gone'));
    await notifier.flush();
    expect(await deadIds(store)).toHaveLength(1);
    expect(await pendingIds(store)).toEqual([]);
  });

  it('sends a notice again whose outcome the store did not take', async () => {
    const { store, sent, clock } = await setUp([item('a')]);
    let broken = true;
    const notifier = new Notifier({
      clock,
      log: silentLog,
      sender: { send: async ({ id }) => void sent.push(id) },
      store: {
        pendingOutbox: (query) => store.pendingOutbox(query),
        settleOutbox: async (id, result) => {
          if (broken) throw new Error('disk full');
          await store.settleOutbox(id, result);
        },
      },
    });
    await notifier.flush();
    broken = false;
    await notifier.flush();
    expect(sent).toEqual(['a', 'a']);
    expect(await pendingIds(store)).toEqual([]);
  });

  it('stops at once while a receiver hangs, and loses nothing', async () => {
    const { notifier, faults, store } = await setUp([item('a')]);
    faults.set('a', 'hangs');
    notifier.wake();
    await notifier.stop();
    expect(await store.pendingOutbox({ limit: 1 })).toMatchObject([{ id: 'a', attempts: 0 }]);
  });
});
