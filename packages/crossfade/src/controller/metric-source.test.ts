import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { describe, expect, it } from 'vitest';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { EvidenceReader } from './evidence.ts';
import { ControlLoop } from './loop.ts';
import type { MetricSource } from './metric-source.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'a trial' };
const { name } = planDocument;

type Script = 'answers' | 'fails' | 'hangs';

/** A source that does what it is told, and answers as the built-in one. */
async function setUp(): Promise<{
  readonly clock: ManualClock;
  readonly manager: RolloutManager;
  readonly loop: ControlLoop;
  readonly script: { does: Script };
}> {
  const clock = new ManualClock();
  const sessions = createMemorySessionStore();
  const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock });
  await manager.apply({ ...planDocument, noDataLimit: '1h' }, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  const built = new EvidenceReader(sessions);
  const script = { does: 'answers' as Script };
  const source: MetricSource = {
    read: (state, budget, nowMs) => {
      if (script.does === 'hangs') return new Promise(() => {});
      if (script.does === 'fails') return Promise.reject(new Error('503 from the metrics system'));
      return built.read(state, budget, nowMs);
    },
    keep: (rollout, nowMs) => built.keep(rollout, nowMs),
    forget: (rollout) => built.forget(rollout),
    names: () => built.names(),
  };
  const loop = new ControlLoop({ manager, sessions, source, clock, log: silentLog, tickMs: 60_000 });
  return { clock, manager, loop, script };
}

describe('a metric source', () => {
  it('that fails is a source-error with its reason, and nothing is promoted', async () => {
    const { manager, loop, script } = await setUp();
    script.does = 'fails';
    await loop.tick();
    expect(manager.status(name)).toMatchObject({
      state: 'running',
      stage: { index: 0 },
      verdict: { verdict: 'source-error', sentence: expect.stringContaining('503 from the metrics system') },
    });
    script.does = 'answers';
    await loop.tick();
    expect(manager.status(name).verdict?.verdict).toBe('no-data');
  });

  it('that hangs is one that cannot answer, and a rollback does not wait for it', async () => {
    const { clock, manager, loop, script } = await setUp();
    script.does = 'hangs';
    const looking = loop.tick();
    await manager.rollback(name, by);
    expect(manager.status(name).state).toBe('rolling-back');
    clock.advance(10_000);
    await looking;
    expect(manager.status(name).state).toBe('rolled-back');
  });

  it('that cannot answer for too long pauses the rollout, and somebody is told', async () => {
    const { clock, manager, loop, script } = await setUp();
    script.does = 'fails';
    for (let minutes = 0; minutes < 62; minutes++) {
      await loop.tick();
      clock.advance(60_000);
    }
    expect(manager.status(name).state).toBe('paused');
    expect((await manager.history(name)).at(-1)?.reason).toContain('source-error');
  });

  it('keeps what it measured with the verdict', async () => {
    const { manager, loop } = await setUp();
    await loop.tick();
    const judged = (await manager.history(name)).find(({ type }) => type === 'judged');
    expect(judged?.event).toMatchObject({ judgement: { measurement: { metrics: expect.any(Array) } } });
  });
});
