import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionSignal } from '../transcript/session-record.ts';
import { by, hourMs, name, World } from './control-world.fixture.ts';
import { planDocument } from './rollout.fixture.ts';
import { reportDays, settledNoticeDays, Upkeep, upkeepRowsMax } from './upkeep.ts';

const dayMs = 24 * hourMs;
const plan = { ...planDocument, stages: planDocument.stages.slice(1), maturity: '2h' };

/** A control plane whose loop looks after its stores. */
async function openWorld(given: { readonly log?: Log; readonly tickMs?: number } = {}): Promise<World> {
  const clock = new ManualClock();
  const store = createMemoryRolloutStore(clock);
  const sessions = createMemorySessionStore();
  const upkeep = new Upkeep({ store, sessions, clock });
  return World.open({ store, sessions, clock, plan, loop: { upkeep, tickMs: 1_000, ...given } });
}

async function announce(world: World, count: number, rollout: string, of = 'session'): Promise<void> {
  const startedAtMs = world.clock.nowMs();
  const signals = Array.from({ length: count }, (_, i): SessionSignal => {
    const arm = i % 2 === 0 ? 'candidate' : 'control';
    const session = { sessionId: `${of}-${rollout}-${i}`, arm, startedAtMs } as const;
    return {
      ...{ ...session, kind: 'started', userHash: '', reason: 'SPLIT', rule: 'stage:10' },
      rollout: { name: rollout, epoch: 1 },
    };
  });
  await world.sessions.saveSignals(signals, world.clock.nowMs());
}

const signalsLeft = async ({ sessions }: World, rollout: string) =>
  (await sessions.signals({ rollout, limit: 10_000 })).length;

/** Takes the candidate back and waits until its receipt is closed. */
async function takeBack(world: World): Promise<void> {
  await world.manager.rollback(name, by);
  await world.run(() => world.status.state === 'rolled-back', { perArm: 0 }, 1_000);
}

describe('upkeep', () => {
  it('drops the signals of a rollout that is over, once they are older than the longest maturity and a day', async () => {
    const world = await openWorld();
    await announce(world, 4, name);
    await world.manager.apply({ ...plan, name: 'other', flag: 'other' }, by);
    await takeBack(world);
    await announce(world, 4, name, 'late');

    world.clock.advance(dayMs + 2 * hourMs - 60_000);
    await world.loop.tick();
    expect(await signalsLeft(world, name)).toBe(4);

    world.clock.advance(hourMs);
    await world.loop.tick();
    expect(await signalsLeft(world, name)).toBe(0);
  });

  it('keeps every signal of a rollout that runs, so that a reading that begins anew has the same sums', async () => {
    // A look a day is in time here: what nobody looked at would not mature.
    const world = await openWorld({ tickMs: dayMs });
    // Neither is heard of again: one of twenty in the candidate, which counts and proves no harm.
    await announce(world, 2, name);
    await announce(world, 4, 'nobody knows it');
    await world.traffic({ perArm: 19 });
    await world.loop.tick();
    world.clock.advance(3 * dayMs);
    await world.loop.tick();
    world.clock.advance(hourMs);
    await world.loop.tick();
    expect(world.status.state).toBe('running');
    expect(await signalsLeft(world, name)).toBe(2);
    expect(await signalsLeft(world, 'nobody knows it')).toBe(0);

    const { sessions, store, clock } = world;
    const before = world.loop.comparison(name);
    await sessions.dropSnapshot(`evidence:${name}`);
    const after = await World.open({ store, sessions, clock, plan, loop: { tickMs: dayMs } });
    await after.loop.tick();
    expect(before).toMatchObject({ sessions: { candidate: 20, control: 172 } });
    expect(after.loop.comparison(name)).toEqual(before);
  });

  it('keeps the signals of a completed rollout until another one takes its flag', async () => {
    const world = await openWorld();
    while (world.status.state !== 'completed')
      await world.manager.advance(name, { ...by, withoutPass: true });
    await announce(world, 2, name);
    await world.loop.tick();
    world.clock.advance(3 * dayMs);
    await world.loop.tick();
    expect(world.status.state).toBe('completed');
    expect(await signalsLeft(world, name)).toBe(2);

    const next = { ...plan, name: 'streaming-3', candidate: { ...plan.candidate, build: 'build-3' } };
    await world.manager.apply(next, by);
    await world.manager.start(next.name, by);
    await world.manager.waiveAcceptance(next.name, by);
    world.clock.advance(hourMs);
    await world.loop.tick();
    expect(await signalsLeft(world, name)).toBe(0);
  });

  it('drops old reports of a completed rollout, of others and of none, and goes on judging from the sums', async () => {
    const world = await openWorld({ tickMs: dayMs });
    while (world.status.state !== 'completed')
      await world.manager.advance(name, { ...by, withoutPass: true });
    await announce(world, 2, name);
    await world.traffic({ perArm: 20 });
    const { record } = (await world.sessions.records({ limit: 1 }))[0]!;
    const { rollout: _, ...assignment } = record.assignment;
    const ofNone = { ...record, sessionId: 'of none', assignment };
    await world.sessions.saveSession(ofNone, null, world.clock.nowMs());
    const recordsLeft = async () => (await world.sessions.records({ limit: 10_000 })).length;
    expect(await recordsLeft()).toBe(41);
    for (let days = 0; days < reportDays; days++) {
      world.clock.advance(dayMs);
      await world.loop.tick();
    }
    expect([await recordsLeft(), await signalsLeft(world, name)]).toEqual([41, 2]);
    const before = world.loop.comparison(name);

    world.clock.advance(dayMs);
    await world.loop.tick();
    expect([await recordsLeft(), await signalsLeft(world, name)]).toEqual([0, 0]);
    expect(before?.sessions).toMatchObject({ candidate: 20 });
    expect(world.loop.comparison(name)?.sessions).toEqual(before?.sessions);
  });

  it('keeps every report of a rollout that is paused, however old, so that its sums can be made again', async () => {
    const world = await openWorld({ tickMs: dayMs });
    await announce(world, 2, name);
    await world.traffic({ perArm: 19 });
    await world.manager.pause(name, by);
    const kept = async () => [(await world.sessions.records()).length, await signalsLeft(world, name)];
    const before = await kept();
    for (let days = 0; days < reportDays + 2; days++) {
      world.clock.advance(dayMs);
      await world.loop.tick();
    }
    expect(world.status.state).toBe('paused');
    expect(await kept()).toEqual(before);
  });

  it('forgets a notice thirty days after it was sent', async () => {
    const world = await openWorld();
    const [notice] = await world.store.pendingOutbox({ limit: 1 });
    await world.store.settleOutbox(notice!.id, { is: 'sent' });
    const isForgotten = async () => {
      // An id that was used is not taken again: only one that is forgotten waits.
      const { revision } = world.manager.state(name);
      await world.store.append(name, revision, [], [notice!], world.clock.nowMs());
      return (await world.store.pendingOutbox({ limit: 100 })).some(({ id }) => id === notice!.id);
    };
    world.clock.advance(settledNoticeDays * dayMs);
    await world.loop.tick();
    expect(await isForgotten()).toBe(false);
    world.clock.advance(hourMs);
    await world.loop.tick();
    expect(await isForgotten()).toBe(true);
  });

  it('works a backlog off a bounded batch a look, then rests for an hour', async () => {
    const world = await openWorld();
    await announce(world, 2 * upkeepRowsMax + 1, 'nobody knows it');
    world.clock.advance(2 * dayMs);
    for (const left of [upkeepRowsMax + 1, 1, 0]) {
      await world.loop.tick();
      expect(await signalsLeft(world, 'nobody knows it')).toBe(left);
    }
    await announce(world, 1, 'nobody knows it', 'another');
    world.clock.advance(hourMs - 1);
    const dropRecords = world.sessions.dropRecords.bind(world.sessions);
    let asked = 0;
    world.sessions.dropRecords = (options) => {
      asked += 1;
      return dropRecords(options);
    };
    await world.loop.tick();
    expect(asked).toBe(0);
    world.clock.advance(1);
    await world.loop.tick();
    expect(asked).toBe(1);
  });

  it('leaves the stores to a rollback while one is under way', async () => {
    const world = await openWorld();
    await announce(world, 1, 'nobody knows it');
    world.clock.advance(2 * dayMs);
    await world.manager.rollback(name, by);
    await world.loop.tick();
    expect(world.status.state).toBe('rolling-back');
    expect(await signalsLeft(world, 'nobody knows it')).toBe(1);
    await world.run(() => world.status.state === 'rolled-back', { perArm: 0 }, 1_000);
    await world.loop.tick();
    expect(await signalsLeft(world, 'nobody knows it')).toBe(0);
  });

  it('says so when a store refuses, keeps nothing else from its turn, and asks again in an hour', async () => {
    const lines: string[] = [];
    const world = await openWorld({
      log: { ...silentLog, error: (_fields, message) => void lines.push(message) },
    });
    let asked = 0;
    world.sessions.dropSignals = () => {
      asked += 1;
      return Promise.reject(new Error('the disk is full'));
    };
    await world.loop.tick();
    await world.loop.tick();
    expect([asked, lines]).toEqual([1, ['the control loop failed: upkeep']]);
    expect(world.status.verdict?.verdict).toBe('no-data');
    world.clock.advance(hourMs);
    await world.loop.tick();
    expect(asked).toBe(2);
  });
});
