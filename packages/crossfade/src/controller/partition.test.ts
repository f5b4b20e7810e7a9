import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { below, seededRandom } from '@crossfade/sdk/core/random';
import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import { expect, test } from 'vitest';
import { exposureLeaseMs } from '../rollout/lease.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { EvaluatorRegistry } from './evaluator-registry.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';
import { settleRollbacks } from './settle-rollbacks.ts';

const name = planDocument.name;
const by = { actor: 'ana', reason: 'partitions' };
const internal = { targetingKey: 'user-1', plan: 'internal' };
/** As the control plane says that it is there. */
const heartbeatMs = 5_000;

/** An evaluator behind a network that can be cut; what it was told while it was cut off is lost. */
class Remote {
  readonly id: string;
  readonly evaluator: Evaluator;
  readonly #world: World;
  #leave: (() => void) | null = null;
  heardAtMs = -Infinity;

  constructor(id: string, world: World) {
    this.id = id;
    this.evaluator = new Evaluator({ clock: world.clock });
    this.#world = world;
  }

  get isCut(): boolean {
    return this.#leave === null;
  }

  cut(): void {
    this.#leave?.();
    this.#leave = null;
  }

  mend(): void {
    this.#leave ??= this.#world.registry.connected(this.id, 'sdk');
    this.hear();
  }

  /** A heartbeat or a change arrives, with the ruleset that stands. */
  hear(): void {
    if (this.isCut) return;
    this.evaluator.apply(this.#world.manager.ruleset());
    this.evaluator.heard();
    this.heardAtMs = this.#world.clock.monotonicMs();
    this.#world.registry.acknowledged(this.id, this.evaluator.revision);
  }

  get serves(): string | undefined {
    return this.evaluator.evaluate('transcription', internal).variant;
  }
}

class World {
  readonly clock: ManualClock;
  readonly registry: EvaluatorRegistry;
  readonly manager: RolloutManager;

  private constructor(clock: ManualClock, registry: EvaluatorRegistry, manager: RolloutManager) {
    this.clock = clock;
    this.registry = registry;
    this.manager = manager;
  }

  static async open(): Promise<World> {
    const clock = new ManualClock();
    const registry = new EvaluatorRegistry({ clock, leaseMs: exposureLeaseMs });
    const witnesses = () => registry.witnesses();
    const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock, witnesses });
    await manager.apply(planDocument, by);
    await manager.start(name, by);
    await manager.waiveAcceptance(name, by);
    return new World(clock, registry, manager);
  }
}

test.each(Array.from({ length: 12 }, (_, at) => at + 1))(
  'however the network is cut, nobody serves the candidate longer than a lease after a rollback, and the receipt lists the silent (seed %d)',
  async (seed) => {
    const random = seededRandom(seed);
    const world = await World.open();
    const remotes = Array.from({ length: 5 }, (_, at) => new Remote(`app-${at}`, world));
    for (const remote of remotes) remote.mend();
    const rollbackAt = 20 + below(random, 20);
    let rolledBackAtMs = Infinity;
    for (let step = 0; step < 80; step++) {
      world.clock.advance(heartbeatMs);
      for (const remote of remotes) {
        if (random.next() < 0.15) {
          if (remote.isCut) remote.mend();
          else remote.cut();
        }
        remote.hear();
      }
      if (step === rollbackAt) {
        await world.manager.rollback(name, by);
        rolledBackAtMs = world.clock.monotonicMs();
        for (const remote of remotes) remote.hear();
      }
      await settleRollbacks(world.manager, world.registry);
      for (const remote of remotes) {
        const silentMs = world.clock.monotonicMs() - remote.heardAtMs;
        const isLate = world.clock.monotonicMs() - rolledBackAtMs >= exposureLeaseMs;
        const knows = remote.heardAtMs >= rolledBackAtMs;
        const mayServe = silentMs < exposureLeaseMs && !knows;
        expect(remote.serves, `${remote.id} at step ${step}`).toBe(mayServe ? 'streaming' : 'legacy');
        if (isLate) expect(remote.serves).toBe('legacy');
      }
    }
    const { receipt, state } = world.manager.status(name);
    const acknowledged = remotes.filter(({ heardAtMs }) => heardAtMs >= rolledBackAtMs).map(({ id }) => id);
    expect(
      receipt?.unacknowledged.filter((id) => acknowledged.includes(id) && state === 'rolling-back'),
    ).toEqual([]);
    for (const id of receipt?.unacknowledged ?? []) expect(remotes.map((one) => one.id)).toContain(id);
  },
);

test('a receipt lists by name whoever was heard within its lease and never acknowledged', async () => {
  const world = await World.open();
  const [near, cut, gone] = ['near', 'cut', 'gone'].map((id) => new Remote(id, world));
  for (const remote of [near!, cut!, gone!]) remote.mend();
  gone!.cut();
  world.clock.advance(exposureLeaseMs + 1);
  near!.hear();
  cut!.hear();
  cut!.cut();
  world.clock.advance(10_000);
  near!.hear();
  await world.manager.rollback(name, by);
  near!.hear();
  await settleRollbacks(world.manager, world.registry);
  expect(world.manager.status(name)).toMatchObject({
    state: 'rolling-back',
    receipt: { admissionStoppedBy: null, unacknowledged: ['cut'] },
  });
  expect([near!.serves, cut!.serves, gone!.serves]).toEqual(['legacy', 'streaming', 'legacy']);

  world.clock.advance(exposureLeaseMs - 10_000);
  near!.hear();
  await settleRollbacks(world.manager, world.registry);
  expect(cut!.serves).toBe('legacy');
  world.clock.advance(10_000);
  expect(world.manager.status(name)).toMatchObject({
    receipt: { admissionStoppedBy: 'lease', unacknowledged: ['cut'] },
  });
});
