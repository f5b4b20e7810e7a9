import { describe, expect, it } from 'vitest';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionStore } from '../store/store.ts';
import { by, name, World } from './control-world.fixture.ts';
import { planDocument, sessionOf } from './rollout.fixture.ts';

const dayMs = 24 * 3_600_000;
const nowMs = 40 * dayMs;

const halfPlan = {
  ...planDocument,
  stages: [{ name: 'half', share: 50, bake: '48h', minSessionsPerHour: 0 }],
};

interface Before {
  readonly count: number;
  readonly ageMs?: number;
  /** Latency of a session's finals, ms. */
  readonly finalMs?: (i: number) => number;
}

/** Sessions of control of another rollout, before this one. */
async function sessionsBefore({
  count,
  ageMs = dayMs,
  finalMs = (i) => 300 + 2 * (i % 100),
}: Before): Promise<SessionStore> {
  const sessions = createMemorySessionStore();
  for (let i = 0; i < count; i++) {
    const at = { epoch: 1, rollout: 'before', endedAtMs: nowMs - ageMs + i };
    const record = sessionOf({ id: `before-${i}`, arm: 'control', finalMs: finalMs(i), ...at });
    await sessions.saveSession(record, null, at.endedAtMs);
  }
  return sessions;
}

const open = (sessions: SessionStore, plan: object = halfPlan): Promise<World> =>
  World.open({ plan, store: createMemoryRolloutStore(), sessions, clock: new ManualClock(nowMs) });

/** The p95 of those sessions, 488 ms, as a sketch has it: at most 2 % above. */
const edgeMs = 493;

const historyOf = ({ manager }: World) => manager.state(name).budget?.history;

describe("control's sessions before a rollout", () => {
  it('are what it is measured by, and the audit says so', async () => {
    const world = await open(await sessionsBefore({ count: 300 }));

    expect(historyOf(world)).toMatchObject({
      sessions: 300,
      baselines: { 'finalization-latency': { p95Ms: edgeMs } },
    });
    const entered = (await world.manager.history(name)).find(({ type }) => type === 'stage-entered');
    expect(entered?.text).toContain(
      'Measured by 300 sessions of control before it, over 299ms; finals count as slow from 493 ms.',
    );
  });

  it('let a slower build be seen that is far inside the limit, and the verdict is made again from the log', async () => {
    const slower = { finalMs: 900, perArm: 10 };
    const blind = await open(createMemorySessionStore());
    const world = await open(await sessionsBefore({ count: 300 }));
    for (const each of [blind, world]) await each.run(() => each.status.state === 'rolling-back', slower, 40);

    expect(blind.status.state).toBe('running');
    expect(world.status).toMatchObject({
      state: 'rolling-back',
      verdict: { culprit: 'finalization-latency' },
    });
    expect((await world.manager.explainVerdict(name))?.replay).toBe('agrees');
  });

  it.each([
    ['they are too few', { count: 199 }],
    ['they are of last month', { count: 300, ageMs: 30 * dayMs }],
  ])('are left out when %s', async (_why, before) => {
    expect(historyOf(await open(await sessionsBefore(before)))).toBeNull();
  });

  it.each([
    ['are all alike, a tenth above', () => 800, 880, 900],
    ['are far inside the limit, a fifth of it', (i: number) => 10 + (i % 5), 300, 300],
  ])('that %s is slow', async (_what, finalMs, leastMs, mostMs) => {
    const world = await open(await sessionsBefore({ count: 300, finalMs }));
    const { p95Ms } = historyOf(world)?.baselines['finalization-latency'] ?? {};

    expect(p95Ms).toBeGreaterThanOrEqual(leastMs);
    expect(p95Ms).toBeLessThanOrEqual(mostMs);
  });

  it("yield to the plan's word", async () => {
    const metrics = { 'finalization-latency': { history: 1_000 } };
    const world = await open(await sessionsBefore({ count: 300 }), { ...halfPlan, metrics });
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 900, perArm: 10 }, 40);

    expect(world.status.state).toBe('running');
  });

  it('are taken anew with a new error budget, kept where there are too few, and with nothing else', async () => {
    const world = await open(await sessionsBefore({ count: 300 }));
    await world.run(() => false, {}, 5);
    await world.manager.revise(name, { ...halfPlan, drain: 'cut' }, by);
    expect(historyOf(world)?.sessions).toBe(300);
    await world.manager.revise(name, { ...halfPlan, drain: 'cut', alpha: 0.01 }, by);
    expect(historyOf(world)?.sessions).toBe(310);
    world.clock.advance(30 * dayMs);
    await world.manager.revise(name, { ...halfPlan, drain: 'cut', alpha: 0.02 }, by);
    expect(historyOf(world)?.sessions).toBe(310);
  });

  it('keep no rollback waiting while they are read', async () => {
    const sessions = await sessionsBefore({ count: 300 });
    const world = await open(sessions);
    let answer = (): void => undefined;
    sessions.newestRecords = () => new Promise((resolve) => (answer = () => resolve([])));
    const revised = world.manager
      .revise(name, { ...halfPlan, alpha: 0.01 }, by)
      .catch((error: unknown) => error);
    await world.manager.rollback(name, by);

    expect(world.status.state).toBe('rolling-back');
    answer();
    expect(await revised).toMatchObject({ code: 'COMMAND_REFUSED' });
  });

  it('that cannot be read keep no rollout from beginning', async () => {
    const sessions = await sessionsBefore({ count: 300 });
    sessions.newestRecords = () =>
      Promise.reject(new CrossfadeError('STORE_UNAVAILABLE', 'The disk is gone.'));
    const world = await open(sessions);

    expect(historyOf(world)).toBeNull();
    expect(world.status.state).toBe('running');
  });
});
