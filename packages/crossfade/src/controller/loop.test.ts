import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog, type Log } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import type { RolloutStore, SessionStore } from '../store/store.ts';
import { EvaluatorRegistry } from './evaluator-registry.ts';
import { ControlLoop, type ControlLoopOptions } from './loop.ts';
import { Notifier } from './notifier.ts';
import { planDocument, sessionOf } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const halfHourMs = 1_800_000;
const hourMs = 3_600_000;
const by = { actor: 'ana', reason: 'finals in half the time' };
const name = 'streaming-2';

interface Setting {
  readonly plan?: object;
  readonly store?: RolloutStore;
  readonly sessions?: SessionStore;
  readonly clock?: ManualClock;
  readonly loop?: Partial<ControlLoopOptions>;
  /** Whether a gateway listens. */
  readonly gateway?: boolean;
}

/** One control plane in this process, with traffic on both arms for as long as it is moved on. */
class World {
  readonly clock: ManualClock;
  readonly store: RolloutStore;
  readonly sessions: SessionStore;
  readonly evaluators: EvaluatorRegistry;
  readonly manager: RolloutManager;
  readonly loop: ControlLoop;
  readonly tickMs: number;
  #sessionCount: number;

  private constructor(
    setting: Setting,
    manager: RolloutManager,
    evaluators: EvaluatorRegistry,
    clock: ManualClock,
  ) {
    this.clock = clock;
    this.store = setting.store as RolloutStore;
    this.sessions = setting.sessions as SessionStore;
    this.manager = manager;
    this.evaluators = evaluators;
    this.tickMs = setting.loop?.tickMs ?? halfHourMs;
    this.#sessionCount = clock.nowMs();
    const { sessions } = this;
    this.loop = new ControlLoop({
      manager,
      sessions,
      clock,
      log: silentLog,
      evaluators,
      ...setting.loop,
      tickMs: this.tickMs,
    });
  }

  static async open(given: Setting = {}): Promise<World> {
    const clock = given.clock ?? new ManualClock();
    const setting = {
      ...given,
      store: given.store ?? createMemoryRolloutStore(),
      sessions: given.sessions ?? createMemorySessionStore(),
    };
    const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
    if (given.gateway !== false) evaluators.connected('gateway-1', 'gateway');
    const manager = await RolloutManager.open({
      store: setting.store,
      clock,
      witnesses: () => evaluators.witnesses(),
    });
    if (manager.states().length === 0) {
      await manager.apply(given.plan ?? planDocument, by);
      await manager.start(name, by);
      await manager.waiveAcceptance(name, by);
    }
    return new World(setting, manager, evaluators, clock);
  }

  get status() {
    return this.manager.status(name);
  }

  /** Moves on tick by tick while sessions end in both arms, until `until` holds or `ticksMax` are over. */
  async run(
    until: () => boolean,
    traffic: { finalMs?: number; perArm?: number } = {},
    ticksMax = 1_000,
  ): Promise<number> {
    for (let ticks = 0; ticks < ticksMax; ticks++) {
      if (until()) return ticks;
      this.clock.advance(this.tickMs);
      await this.traffic(traffic);
      await this.loop.tick();
    }
    return ticksMax;
  }

  async traffic({ finalMs = 400, perArm = 2 }: { finalMs?: number; perArm?: number } = {}): Promise<void> {
    const { epoch } = this.status;
    for (let i = 0; i < perArm; i++) {
      for (const arm of ['candidate', 'control'] as const) {
        const id = `session-${this.#sessionCount++}-${arm}`;
        const late = arm === 'candidate' ? { finalMs } : {};
        await this.sessions.saveSession(
          sessionOf({ id, arm, epoch, endedAtMs: this.clock.nowMs(), ...late }),
          null,
        );
      }
    }
  }

  async types(): Promise<readonly string[]> {
    return (await this.manager.history(name)).map(({ type }) => type);
  }
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-loop-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the control loop', () => {
  it('walks a good candidate through four stages of 48 hours to completion', async () => {
    const world = await World.open();
    const ticks = await world.run(() => world.status.state === 'completed');

    const stages = (await world.manager.history(name)).filter(({ type }) => type === 'stage-entered');
    expect(stages.map(({ event }) => (event as { after: { stage: string } }).after.stage)).toEqual([
      'internal',
      '10',
      '50',
      '100',
    ]);
    expect((ticks * world.tickMs) / hourMs).toBeGreaterThanOrEqual(4 * 48);
    expect((ticks * world.tickMs) / hourMs).toBeLessThan(4 * 48 + 12);
    expect(world.manager.decide('transcription', { targetingKey: 'anybody' }).variant).toBe('streaming');
    expect(await world.store.verify()).toBeNull();
  });

  it('takes a candidate back whose finals come late, and closes the receipt when the gateway is done', async () => {
    const world = await World.open();
    await world.run(() => world.status.stage?.name === '10');
    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 2_600 }, 20);

    expect(world.status.receipt).toMatchObject({
      actor: 'judge',
      completedAtMs: null,
      unacknowledged: ['gateway-1'],
    });
    expect(world.status.receipt?.reason).toMatch(
      /finalization latency p95 of the candidate 2,6\d\d ms, limit 1,500 ms/,
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

  it('does not take an acknowledgement of an older ruleset for one of the rollback', async () => {
    const world = await World.open({ loop: { tickMs: 1_000 } });
    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.manager.rollback(name, by);
    await world.loop.tick();
    expect(world.status.receipt).toMatchObject({ unacknowledged: ['gateway-1'], admissionStoppedAtMs: null });

    world.evaluators.acknowledged('gateway-1', world.manager.ruleset().revision);
    await world.loop.tick();
    expect(world.status.receipt).toMatchObject({ unacknowledged: [], admissionStoppedBy: 'acknowledgement' });
  });

  it('closes a rollback after its limits and lists who never answered', async () => {
    const world = await World.open({ loop: { tickMs: 30_000 } });
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
    const before = await World.open({ store, sessions, clock });
    await before.run(() => before.status.stage?.name === '10');
    await before.run(() => (before.status.stage?.bakedMs ?? 0) >= 20 * hourMs);
    const { bakedMs } = before.status.stage ?? {};

    // Killed: nothing is closed or flushed. A day passes before it is back.
    clock.advance(24 * hourMs);
    const after = await World.open({ store, sessions, clock });
    expect(after.status.stage).toMatchObject({ name: '10', bakedMs });
    const ticks = await after.run(() => after.status.stage?.name === '50');
    expect((ticks * after.tickMs) / hourMs).toBeGreaterThan(27);
    expect((ticks * after.tickMs) / hourMs).toBeLessThan(30);
    await after.run(() => after.status.state === 'completed');
    expect((await after.types()).filter((type) => type === 'stage-entered')).toHaveLength(4);
    await store.close();
  });

  it('carries a rollback over a restart', async () => {
    const clock = new ManualClock();
    const store = createMemoryRolloutStore();
    const before = await World.open({ store, clock, loop: { tickMs: 1_000 } });
    await before.manager.rollback(name, by);

    const after = await World.open({ store, clock, loop: { tickMs: 1_000 } });
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

describe('the bake clock', () => {
  it('stands without data: no data is never a pass', async () => {
    const world = await World.open();
    await world.run(() => false, { perArm: 0 }, 10);
    expect(world.status).toMatchObject({
      state: 'running',
      stage: { name: 'internal', bakedMs: 0 },
      verdict: { verdict: 'no-data' },
    });
    expect(world.status.holding).toContain('0 sessions of the candidate');
  });

  it('stands while no gateway is heard, says so, and counts none of that time', async () => {
    const world = await World.open({ gateway: false, loop: { tickMs: 1_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(() => false, {}, 120);
    expect(world.status).toMatchObject({ holding: 'No gateway is heard.', stage: { bakedMs: 0 } });

    world.evaluators.connected('gateway-1', 'gateway');
    await world.run(() => false, {}, 60);
    expect(world.status.holding).toBeNull();
    expect(world.status.stage?.bakedMs).toBeGreaterThan(0);
    expect(world.status.stage?.bakedMs).toBeLessThanOrEqual(60_000);
  });

  it('does not count a gap in which nobody looked', async () => {
    const world = await World.open({ loop: { tickMs: 1_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(() => (world.status.stage?.bakedMs ?? 0) > 0, {}, 200);
    const bakedMs = world.status.stage?.bakedMs ?? 0;

    world.clock.advance(5 * hourMs);
    await world.traffic();
    await world.loop.tick();
    expect(world.status.stage?.bakedMs).toBeLessThanOrEqual(bakedMs + 60_000);
    expect(world.status.holding).toBe('Nobody looked for 5h.');
    await world.run(() => false, {}, 2);
    expect(world.status.holding).toBeNull();
  });

  it('stands when no session has ended for a quarter of an hour', async () => {
    const world = await World.open({ loop: { tickMs: 10_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(
      () => world.status.holding !== null && world.status.epoch > 0 && world.clock.monotonicMs() > 0,
      {},
      1,
    );
    await world.run(() => (world.status.holding ?? '').startsWith('No session ended'), { perArm: 0 }, 200);
    expect(world.status.holding).toMatch(/^No session ended for 15m/);
    expect(world.clock.monotonicMs()).toBeLessThan(16 * 60_000);
  });

  it('asks for as many sessions an hour as the stage does', async () => {
    const few = { ...planDocument, stages: [{ name: 'half', share: 50, minSessionsPerHour: 100 }] };
    const world = await World.open({ plan: few });
    await world.run(() => false, { perArm: 20 }, 6);
    expect(world.status.holding).toContain('100 sessions an hour, got 40');

    await world.run(() => false, { perArm: 60 }, 3);
    expect(world.status.holding).toBeNull();
  });

  it('stands and freezes the share in a pause, and resumes where it was', async () => {
    const world = await World.open();
    await world.run(() => (world.status.stage?.bakedMs ?? 0) >= 10 * hourMs);
    const { bakedMs = 0 } = world.status.stage ?? {};
    await world.manager.pause(name, by);
    await world.run(() => false, {}, 48);
    await world.manager.resume(name, by);

    expect(world.status.stage?.bakedMs).toBe(bakedMs);
    await world.run(() => false, {}, 2);
    expect(world.status.stage?.bakedMs).toBe(bakedMs + 2 * halfHourMs);
  });

  it('writes no more than one event a minute while it runs', async () => {
    const world = await World.open({ loop: { tickMs: 1_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(() => false, { perArm: 0 }, 600);
    const baked = (await world.types()).filter((type) => type === 'baked');
    expect(baked.length).toBeGreaterThanOrEqual(9);
    expect(baked.length).toBeLessThanOrEqual(12);
  });

  it('counts observed time many times over on a compressed clock', async () => {
    const world = await World.open({ loop: { tickMs: 1_000, timeScale: 8_640 } });
    await world.traffic({ perArm: 20 });
    const ticks = await world.run(() => world.status.state === 'completed', { perArm: 10 }, 200);
    // 48 hours are 20 seconds; a verdict and a look come to each stage.
    expect(ticks).toBeGreaterThanOrEqual(80);
    expect(ticks).toBeLessThanOrEqual(100);
  });
});

describe('a look that fails', () => {
  it('says source-error when the records cannot be read, and recovers', async () => {
    const sessions = createMemorySessionStore();
    const world = await World.open({ sessions, loop: { tickMs: 1_000 } });
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
    expect(world.status.verdict?.verdict).toBe('pass');
  });

  it('never ends the loop: the next look comes after its wait', async () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (_fields, message) => void lines.push(message) };
    const store = createMemoryRolloutStore();
    const clock = new ManualClock();
    const world = await World.open({ store, clock, loop: { tickMs: 1_000, log } });
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
    const world = await World.open({ store, clock, loop: { notifier } });
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
    const world = await World.open();
    await world.run(() => world.status.state === 'completed');
    await world.run(() => world.status.state !== 'completed', { finalMs: 9_000 }, 2_000);
    expect(world.status.state).toBe('rolling-back');
  });
});
