import { describe, expect, it } from 'vitest';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { by, halfHourMs, hourMs, name, World, type Setting } from './control-world.fixture.ts';
import { planDocument } from './rollout.fixture.ts';

const openWorld = (given: Partial<Setting> = {}) =>
  World.open({ store: createMemoryRolloutStore(), sessions: createMemorySessionStore(), ...given });

describe('the bake clock', () => {
  it('stands without data: no data is never a pass', async () => {
    const world = await openWorld();
    await world.run(() => false, { perArm: 0 }, 10);
    expect(world.status).toMatchObject({
      state: 'running',
      stage: { name: 'internal', bakedMs: 0 },
      verdict: { verdict: 'no-data' },
    });
    expect(world.status.holding).toContain('No session ended for 30m');
  });

  it('stands while no gateway is heard, says so, and counts none of that time', async () => {
    const world = await openWorld({ gateway: false, loop: { tickMs: 1_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(() => false, {}, 120);
    expect(world.status).toMatchObject({ holding: 'No gateway is heard.', stage: { bakedMs: 0 } });

    world.evaluators.connected('gateway-1', 'gateway');
    await world.run(() => false, {}, 60);
    expect(world.status.holding).toBeNull();
    expect(world.status.stage?.bakedMs).toBeGreaterThan(0);
    expect(world.status.stage?.bakedMs).toBeLessThanOrEqual(60_000);
  });

  it('stands when a gateway that answers says nothing more, though its stream is open', async () => {
    const world = await openWorld({ gateway: false, loop: { tickMs: 1_000 } });
    world.evaluators.connected('gateway-1', 'gateway', { answers: true });
    await world.run(() => false, { perArm: 20 }, 9);
    expect(world.status.holding).not.toBe('No gateway is heard.');
    await world.run(() => false, {}, 60);
    expect(world.status.holding).toBe('No gateway is heard.');
    expect(world.status.verdict).toMatchObject({ verdict: 'no-data' });
    expect(world.status.stage?.bakedMs).toBeLessThanOrEqual(10_000);
  });

  it('stands while a gateway cannot route to the candidate, and says what it knows', async () => {
    const plan = { ...planDocument, candidate: { ...planDocument.candidate, upstream: 'nowhere' } };
    const world = await openWorld({ plan, gateway: false, loop: { tickMs: 1_000 } });
    const leave = world.evaluators.connected('gateway-1', 'gateway', { upstreams: ['legacy', 'streaming'] });
    await world.run(() => false, { perArm: 20 }, 5);
    expect(world.status).toMatchObject({
      holding: 'gateway-1 knows no upstream nowhere; it has legacy, streaming.',
      stage: { bakedMs: 0 },
    });

    leave();
    world.evaluators.connected('gateway-1', 'gateway', { upstreams: ['legacy', 'nowhere'] });
    await world.run(() => false, {}, 2);
    expect(world.status.holding).toBeNull();
  });

  it('does not count a gap in which nobody looked', async () => {
    const world = await openWorld({ loop: { tickMs: 1_000 } });
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
    const world = await openWorld({ loop: { tickMs: 10_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(
      () => world.status.holding !== null && world.status.epoch > 0 && world.clock.monotonicMs() > 0,
      {},
      1,
    );
    await world.run(() => (world.status.holding ?? '').startsWith('No session ended'), { perArm: 0 }, 200);
    expect(world.status.holding).toMatch(/^No session ended for 15m/);
    // What was healthy until then is written with the minute that it ends in.
    expect(world.clock.monotonicMs()).toBeLessThan(17 * 60_000);
  });

  it('asks for as many sessions an hour as the stage does', async () => {
    const few = { ...planDocument, stages: [{ name: 'half', share: 50, minSessionsPerHour: 100 }] };
    const world = await openWorld({ plan: few });
    await world.run(() => false, { perArm: 20 }, 6);
    expect(world.status.holding).toContain('100 sessions an hour, got 40');

    await world.run(() => false, { perArm: 60 }, 3);
    expect(world.status.holding).toBeNull();
  });

  it('stands and freezes the share in a pause, and resumes where it was', async () => {
    const world = await openWorld();
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
    const world = await openWorld({ loop: { tickMs: 1_000 } });
    await world.traffic({ perArm: 20 });
    await world.run(() => false, { perArm: 0 }, 600);
    const baked = (await world.types()).filter((type) => type === 'baked');
    expect(baked.length).toBeGreaterThanOrEqual(9);
    expect(baked.length).toBeLessThanOrEqual(12);
  });

  it('counts observed time many times over on a compressed clock', async () => {
    // Waiting is compressed, sessions are not: theirs take ten seconds.
    const plan = { ...planDocument, maturity: '10s' };
    const world = await openWorld({ plan, loop: { tickMs: 1_000, timeScale: 8_640 } });
    await world.traffic({ perArm: 20 });
    const ticks = await world.run(() => world.status.state === 'completed', { perArm: 10 }, 200);
    // 48 hours are 20 seconds; a verdict and a look come to each stage.
    expect(ticks).toBeGreaterThanOrEqual(80);
    expect(ticks).toBeLessThanOrEqual(100);
  });
});
