import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { phases, type Phase } from '../rollout/state.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import type { RolloutStore } from '../store/store.ts';
import { EvaluatorRegistry } from './evaluator-registry.ts';
import { ControlLoop } from './loop.ts';
import { Notifier } from './notifier.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';
import { settleRollbacks } from './settle-rollbacks.ts';

const by = { actor: 'ana', reason: 'echoes' };
const { name } = planDocument;
const user = { targetingKey: 'u', plan: 'internal' };

/** Brings a rollout into a phase by its own commands. */
async function bring(manager: RolloutManager, phase: Phase): Promise<void> {
  await manager.apply(planDocument, by);
  if (phase === 'draft') return;
  await manager.start(name, by);
  if (phase === 'awaiting-acceptance') return;
  await manager.waiveAcceptance(name, by);
  if (phase === 'paused') await manager.pause(name, by);
  if (phase === 'completed')
    for (const _ of planDocument.stages) await manager.advance(name, { ...by, withoutPass: true });
  if (phase === 'rolling-back' || phase === 'rolled-back') await manager.rollback(name, by);
  if (phase === 'rolled-back') await settleRollbacks(manager);
}

/** A store whose every call waits until the test lets it go on. */
function slowStore(store: RolloutStore) {
  const waiting: (() => void)[] = [];
  const calls: string[] = [];
  const slow = new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return async (...args: readonly unknown[]) => {
        calls.push(String(key));
        await new Promise<void>((resolve) => waiting.push(resolve));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { slow, calls, next: () => waiting.shift()?.() };
}

describe('a rollback', () => {
  it.each(phases)('is taken in %s, twice, and is over when nothing is left to wait for', async (phase) => {
    const manager = await RolloutManager.open({ store: createMemoryRolloutStore() });
    await bring(manager, phase);
    await manager.rollback(name, by);
    const { revision } = await manager.rollback(name, by);
    expect(manager.decide('transcription', user)).toMatchObject({ variant: 'legacy' });
    await settleRollbacks(manager);
    expect(manager.status(name)).toMatchObject({ state: 'rolled-back', receipt: { samplesLost: 0 } });
    await manager.rollback(name, by);
    const starts = (await manager.history(name)).filter(({ type }) => type === 'rollback-started');
    expect(starts).toHaveLength(1);
    expect(manager.status(name).revision).toBeGreaterThanOrEqual(revision);
  });

  it('goes before every command that waits, and they find it done', async () => {
    const { slow, next } = slowStore(createMemoryRolloutStore());
    const opening = RolloutManager.open({ store: slow });
    const letGo = async (until: Promise<unknown>): Promise<void> => {
      let done = false;
      void until.finally(() => (done = true)).catch(() => {});
      while (!done) {
        next();
        await nextTurn();
      }
    };
    await letGo(opening);
    const manager = await opening;
    await letGo(bring(manager, 'running'));
    const others = [
      manager.advance(name, { ...by, withoutPass: true }),
      ...Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? manager.pause(name, by) : manager.disable(name, by),
      ),
    ];
    const settled = Promise.allSettled(others);
    // One transition is in the store already; the rollback comes next, whatever else waits.
    const rollback = manager.rollback(name, by);
    await letGo(rollback);
    expect(manager.status(name).state).toBe('rolling-back');
    await letGo(settled);
    const reading = manager.history(name);
    await letGo(reading);
    const log = await reading;
    expect(log.map(({ type }) => type).slice(-2)).toEqual(['stage-entered', 'rollback-started']);
    expect(manager.decide('transcription', user)).toMatchObject({ variant: 'legacy' });
  });

  it('costs one write of a slow store, and users get control with it', async () => {
    const { slow, calls, next } = slowStore(createMemoryRolloutStore());
    const opening = RolloutManager.open({ store: slow });
    next();
    const manager = await opening;
    const ready = bring(manager, 'running');
    while (manager.states()[0]?.phase !== 'running') {
      next();
      await nextTurn();
    }
    await ready;
    calls.length = 0;
    const rollback = manager.rollback(name, by);
    await nextTurn();
    next();
    await rollback;
    expect(calls).toEqual(['append']);
    expect(manager.decide('transcription', user)).toMatchObject({ variant: 'legacy' });
  });

  it('comes to its end while the receiver of notices hangs, and is told when it answers again', async () => {
    const clock = new ManualClock();
    const store = createMemoryRolloutStore();
    const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
    const manager = await RolloutManager.open({ store, clock, witnesses: () => evaluators.witnesses() });
    await bring(manager, 'running');
    const told: string[] = [];
    let hangs = true;
    const sender = {
      send: ({ kind }: { kind: string }) =>
        hangs ? new Promise<void>(() => {}) : Promise.resolve(void told.push(kind)),
    };
    const notifier = new Notifier({ store, clock, log: silentLog, sender });
    const sessions = createMemorySessionStore();
    const loop = new ControlLoop({ manager, sessions, clock, log: silentLog, evaluators, notifier });
    clock.advance(20_000);
    evaluators.connected('gateway-1', 'gateway');
    await loop.tick();
    await manager.rollback(name, by);
    evaluators.acknowledged('gateway-1', manager.ruleset().revision);
    const { drainId } = manager.status(name).receipt!;
    await manager.tell(name, {
      type: 'drain-report',
      gateway: 'gateway-1',
      ...{ sessions: [], done: true, actor: { kind: 'automatic', name: 'gateway-1' }, reason: drainId },
    });
    await loop.tick();
    expect(manager.status(name).state).toBe('rolled-back');
    hangs = false;
    for (let i = 0; i < 200 && !told.includes('rolled-back'); i++) {
      clock.advance(20_000);
      await loop.tick();
      await nextTurn();
    }
    expect(told).toEqual(expect.arrayContaining(['rollback-started', 'rolled-back']));
  });
});

describe('a rollback of a controller that is killed', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crossfade-rollback-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** The whole way of a rollback, again and again from where the log stands; each step may be repeated. */
  async function walk(store: RolloutStore, clock: ManualClock): Promise<RolloutManager> {
    const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
    evaluators.connected('gateway-1', 'gateway');
    const manager = await RolloutManager.open({ store, clock, witnesses: () => evaluators.witnesses() });
    await manager.apply(planDocument, by).catch(() => {});
    await manager.start(name, by).catch(() => {});
    if (manager.state(name).phase === 'awaiting-acceptance') await manager.waiveAcceptance(name, by);
    await manager.rollback(name, by);
    evaluators.acknowledged('gateway-1', manager.ruleset().revision);
    const sessions = [{ sessionId: 's1', outcome: 'finished', samplesLost: 0 }] as const;
    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    await manager.tell(name, {
      type: 'drain-report',
      gateway: 'gateway-1',
      sessions,
      done: true,
      actor,
      reason: '',
    });
    clock.advance(20_000);
    await settleRollbacks(manager, evaluators);
    return manager;
  }

  it('before its gateways came back to it waits for them in the next one too', async () => {
    const store = await openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') });
    const clock = new ManualClock();
    const open = async () => {
      const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
      const witnesses = () => evaluators.witnesses();
      return { evaluators, manager: await RolloutManager.open({ store, clock, witnesses }) };
    };
    const first = await open();
    await bring(first.manager, 'rolling-back');
    clock.advance(1_000);
    const { manager, evaluators } = await open();
    await settleRollbacks(manager, evaluators);
    expect(manager.ruleset().drains).toMatchObject([{ rollout: name }]);

    evaluators.connected('gateway-1', 'gateway');
    evaluators.acknowledged('gateway-1', manager.ruleset().revision);
    await settleRollbacks(manager, evaluators);
    const sessions = [{ sessionId: 's1', outcome: 'migrated', samplesLost: 0 }] as const;
    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    const report = { type: 'drain-report', gateway: 'gateway-1', sessions, done: true } as const;
    await manager.tell(name, { ...report, actor, reason: 'moved' });
    clock.advance(15_000);
    await settleRollbacks(manager, evaluators);
    expect(manager.status(name)).toMatchObject({
      state: 'rolled-back',
      receipt: { sessions: [{ sessionId: 's1' }], unacknowledged: [], unreported: [] },
    });
    await store.close();
  });

  it.each(['before', 'after'] as const)('%s any call of its store comes to the same end', async (moment) => {
    for (let killAt = 1; ; killAt++) {
      const store = await openSqliteRolloutStore({ file: join(folder, `${moment}-${killAt}.sqlite`) });
      const clock = new ManualClock();
      let calls = 0;
      const dying = new Proxy(store, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== 'function') return value;
          return async (...args: readonly unknown[]) => {
            calls++;
            // A killed process: nothing after this instruction happens.
            if (calls > killAt || (calls === killAt && moment === 'before')) return new Promise(() => {});
            const result: unknown = await Reflect.apply(value, target, args);
            return calls === killAt ? new Promise(() => {}) : result;
          };
        },
      });
      const first = walk(dying, clock).then(() => 'done' as const);
      const killed = (async () => {
        while (calls < killAt) await nextTurn();
        await nextTurn();
        return 'killed' as const;
      })();
      const how = await Promise.race([first, killed]);
      const manager = await walk(store, clock);
      const types = (await manager.history(name)).map(({ type }) => type);
      expect(manager.status(name)).toMatchObject({ state: 'rolled-back', receipt: { unacknowledged: [] } });
      expect(types).toEqual([...new Set(types)]);
      expect(manager.status(name).receipt?.sessions).toHaveLength(1);
      expect(await store.verify()).toBeNull();
      const notices = (await store.pendingOutbox({ limit: 100 })).map(({ kind }) => kind);
      expect(notices).toEqual(['awaiting-acceptance', 'stage-entered', 'rollback-started', 'rolled-back']);
      await store.close();
      if (how === 'done') return expect(killAt).toBeGreaterThan(8);
    }
  });
});
