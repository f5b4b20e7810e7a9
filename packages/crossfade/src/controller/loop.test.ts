import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog, type Log } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { recordOf } from '../analysis/record.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import { by, hourMs, name, World, type Setting } from './control-world.fixture.ts';
import { Notifier } from './notifier.ts';
import { planDocument } from './rollout.fixture.ts';

const openWorld = (given: Partial<Setting> = {}) =>
  World.open({ store: createMemoryRolloutStore(), sessions: createMemorySessionStore(), ...given });

/** The four stages at an eighth of their bake, where the length is not the point: a look costs what it costs. */
const shortPlan = {
  ...planDocument,
  stages: planDocument.stages.map((stage) => ({ ...stage, bake: '6h' })),
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-loop-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the control loop', () => {
  it('walks a good candidate through four stages of 48 hours to completion', async () => {
    const world = await openWorld({ loop: { tickMs: 2 * hourMs } });
    const ticks = await world.run(() => world.status.state === 'completed', { perArm: 4 });

    const stages = (await world.manager.history(name)).filter(({ type }) => type === 'stage-entered');
    expect(stages.map(({ event }) => (event as { after: { stage: string } }).after.stage)).toEqual([
      'internal',
      '10',
      '50',
      '100',
    ]);
    expect((ticks * world.tickMs) / hourMs).toBeGreaterThanOrEqual(4 * 48);
    expect((ticks * world.tickMs) / hourMs).toBeLessThan(4 * 48 + 18);
    expect(world.manager.decide('transcription', { targetingKey: 'anybody' }).variant).toBe('streaming');
    expect(await world.store.verify()).toBeNull();
  });

  it('takes a candidate back whose finals come late, and closes the receipt when the gateway is done', async () => {
    const world = await openWorld();
    await world.run(() => world.status.stage?.name === '10');
    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 2_600 }, 20);

    expect(world.status.receipt).toMatchObject({
      actor: 'judge',
      completedAtMs: null,
      unacknowledged: ['gateway-1'],
    });
    expect(world.status.receipt?.reason).toMatch(
      /^finalization latency p95: 2,6\d\d ms against 4\d\d ms in control, limit 1,500 ms; \d+ sessions; evidence \d+ : 1, acted at 20 : 1\.$/,
    );
    expect(world.manager.decide('transcription', { targetingKey: 'a', plan: 'internal' }).variant).toBe(
      'legacy',
    );

    const drain = world.manager.ruleset().drains?.[0];
    expect(drain).toMatchObject({ rollout: name, variant: 'streaming', policy: 'finish' });
    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    const report = { type: 'drain-report', gateway: 'gateway-1', actor, reason: 'report' } as const;
    const open = { sessionId: 's-1', samplesLost: 0 };
    await world.manager.tell(name, { ...report, sessions: [{ ...open, outcome: 'open' }], done: false });
    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.loop.tick();
    expect(world.status.state).toBe('rolling-back');

    await world.manager.tell(name, { ...report, sessions: [{ ...open, outcome: 'finished' }], done: true });
    await world.loop.tick();
    expect(world.status).toMatchObject({
      state: 'rolled-back',
      receipt: {
        unacknowledged: [],
        unreported: [],
        samplesLost: 0,
        sessions: [{ sessionId: 's-1', gateway: 'gateway-1', outcome: 'finished', samplesLost: 0 }],
      },
    });
  });

  it('completes the receipt by the record of a session whose gateway says no more', async () => {
    const sessions = createMemorySessionStore();
    const world = await openWorld({ sessions, loop: { tickMs: 30_000 } });
    await world.manager.rollback(name, by);
    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    const moved = [{ sessionId: 's-1', outcome: 'migrated', ended: false, samplesLost: 0 }] as const;
    const report = { type: 'drain-report', gateway: 'gateway-1', actor, reason: 'report' } as const;
    await world.manager.tell(name, { ...report, sessions: moved, done: true });
    expect(world.status.receipt).toMatchObject({ running: 1 });
    await sessions.saveSession(recordOf({ id: 's-1' }), null);
    await world.run(() => world.status.receipt?.running === 0, { perArm: 0 }, 10);
    expect(world.status.receipt).toMatchObject({ running: 0, sessions: [{ outcome: 'migrated' }] });
  });

  it('does not take an acknowledgement of an older ruleset for one of the rollback', async () => {
    const world = await openWorld({ loop: { tickMs: 1_000 } });
    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.manager.rollback(name, by);
    await world.loop.tick();
    expect(world.status.receipt).toMatchObject({ unacknowledged: ['gateway-1'], admissionStoppedAtMs: null });

    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.loop.tick();
    expect(world.status.receipt).toMatchObject({ unacknowledged: [], admissionStoppedBy: 'acknowledgement' });
  });

  it('closes a rollback after its limits and lists who never answered', async () => {
    const world = await openWorld({ loop: { tickMs: 30_000 } });
    await world.manager.rollback(name, by);
    await world.run(() => world.status.state === 'rolled-back', { perArm: 0 }, 100);

    expect(world.status.receipt).toMatchObject({
      unacknowledged: ['gateway-1'],
      unreported: ['gateway-1'],
      admissionStoppedBy: 'lease',
    });
    const receipt = world.status.receipt;
    expect((receipt?.completedAtMs ?? 0) - (receipt?.rolledBackAtMs ?? 0)).toBeLessThanOrEqual(660_000);
  });

  it('goes on in the middle after a restart, neither losing bake time nor taking a stage twice', async () => {
    const clock = new ManualClock();
    const store = await openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') });
    const sessions = createMemorySessionStore();
    const loop = { tickMs: hourMs };
    const before = await openWorld({ store, sessions, clock, loop });
    await before.run(() => before.status.stage?.name === '10');
    await before.run(() => (before.status.stage?.bakedMs ?? 0) >= 20 * hourMs);
    const { bakedMs } = before.status.stage ?? {};

    // Killed: nothing is closed or flushed. A day passes before it is back.
    clock.advance(24 * hourMs);
    const after = await openWorld({ store, sessions, clock, loop });
    expect(after.status.stage).toMatchObject({ name: '10', bakedMs });
    const ticks = await after.run(() => after.status.stage?.name === '50');
    expect((ticks * after.tickMs) / hourMs).toBeGreaterThan(27);
    expect((ticks * after.tickMs) / hourMs).toBeLessThan(31);
    await after.run(() => after.status.stage?.name === '100');
    expect((await after.types()).filter((type) => type === 'stage-entered')).toHaveLength(4);
    await store.close();
  });

  it('waits for gateways to come back before it closes a rollback that began just after a start', async () => {
    const world = await openWorld({ gateway: false, loop: { tickMs: 1_000 } });
    await world.manager.rollback(name, by);
    await world.run(() => world.status.state === 'rolled-back', { perArm: 0 }, 10);
    expect(world.status.state).toBe('rolling-back');
    expect(world.manager.ruleset().drains).toHaveLength(1);

    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    const sessions = [{ sessionId: 's-1', outcome: 'open', samplesLost: 0 }] as const;
    const report = { type: 'drain-report', gateway: 'gateway-1', actor, reason: 'report' } as const;
    await world.manager.tell(name, { ...report, sessions, done: false });
    await world.run(() => false, { perArm: 0 }, 30);
    expect(world.status.state).toBe('rolling-back');
    const ended = sessions.map((session) => ({ ...session, outcome: 'migrated' as const }));
    await world.manager.tell(name, { ...report, sessions: ended, done: true });
    await world.loop.tick();
    expect(world.status).toMatchObject({
      state: 'rolled-back',
      receipt: { sessions: [{ outcome: 'migrated' }] },
    });
  });

  it('carries a rollback over a restart', async () => {
    const clock = new ManualClock();
    const store = createMemoryRolloutStore();
    const before = await openWorld({ store, clock, loop: { tickMs: 1_000 } });
    // Everybody has come back by then.
    clock.advance(15_000);
    await before.manager.rollback(name, by);

    clock.advance(1_000);
    const after = await openWorld({ store, clock, loop: { tickMs: 1_000 } });
    const actor = { kind: 'automatic', name: 'gateway-1' } as const;
    await after.manager.tell(name, {
      type: 'drain-report',
      gateway: 'gateway-1',
      sessions: [],
      done: true,
      actor,
      reason: 'report',
    });
    after.evaluators.acknowledged('gateway-1', after.manager.ruleset().revision);
    await after.loop.tick();
    expect(after.status.state).toBe('rolled-back');
  });
});

describe('a look that fails', () => {
  it('says source-error when the records cannot be read, and recovers', async () => {
    const sessions = createMemorySessionStore();
    const world = await openWorld({ sessions, loop: { tickMs: 1_000 } });
    const records = sessions.records.bind(sessions);
    sessions.records = () => Promise.reject(new Error('the disk is gone'));
    await world.loop.tick();
    expect(world.status.verdict).toMatchObject({
      verdict: 'source-error',
      sentence: expect.stringContaining('the disk is gone'),
    });

    sessions.records = records;
    await world.traffic({ perArm: 20 });
    await world.loop.tick();
    expect(world.status.verdict?.verdict).toBe('inconclusive');
    expect(world.status.verdict?.sentence).toContain(
      '0 sessions of the candidate have matured, 20 wait for it',
    );
  });

  it('never ends the loop: the next look comes after its wait', async () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (_fields, message) => void lines.push(message) };
    const store = createMemoryRolloutStore();
    const clock = new ManualClock();
    const world = await openWorld({ store, clock, loop: { tickMs: 1_000, log } });
    store.append = () => Promise.reject(new Error('no'));
    await world.loop.tick();
    await world.loop.tick();
    expect(lines.length).toBeGreaterThanOrEqual(2);
  });

  it('sends the notices that the commands left', async () => {
    const sent: string[] = [];
    const store = createMemoryRolloutStore();
    const clock = new ManualClock();
    const notifier = new Notifier({
      store,
      clock,
      log: silentLog,
      sender: { send: async ({ kind }) => void sent.push(kind) },
    });
    const world = await openWorld({ store, clock, loop: { notifier }, plan: shortPlan });
    await world.run(() => world.status.state === 'completed');
    expect(sent).toEqual([
      'awaiting-acceptance',
      'stage-entered',
      'stage-entered',
      'stage-entered',
      'stage-entered',
      'completed',
    ]);
  });

  it('takes a completed candidate back when it turns bad', async () => {
    const world = await openWorld({ plan: shortPlan });
    await world.run(() => world.status.state === 'completed');
    await world.run(() => world.status.state !== 'completed', { finalMs: 9_000 }, 2_000);
    expect(world.status.state).toBe('rolling-back');
  });
});
