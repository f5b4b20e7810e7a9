import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import type { RolloutStore } from '../store/store.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'finals in half the time' };
const name = 'streaming-2';
const internal = { targetingKey: 'user-1', plan: 'internal' };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-manager-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function running(store: RolloutStore, clock = new ManualClock()): Promise<RolloutManager> {
  const manager = await RolloutManager.open({ store, clock });
  await manager.apply(planDocument, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  return manager;
}

const stores = {
  memory: () => Promise.resolve(createMemoryRolloutStore()),
  sqlite: () => openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') }),
};

describe.each(Object.entries(stores))('RolloutManager on a %s store', (_kind, openStore) => {
  it('serves the candidate to the audience of the first stage, and to nobody else', async () => {
    const store = await openStore();
    const manager = await running(store);

    expect(manager.decide('transcription', internal)).toMatchObject({
      variant: 'streaming',
      reason: 'TARGETING_MATCH',
    });
    expect(manager.decide('transcription', { targetingKey: 'user-1', plan: 'pro' }).variant).toBe('legacy');
    expect(manager.status(name)).toMatchObject({ state: 'running', stage: { name: 'internal', index: 0 } });
    await store.close();
  });

  it('changes a share on the fly, with the difference in the audit', async () => {
    const store = await openStore();
    const manager = await running(store);
    const stages = planDocument.stages.map((stage) => ({ ...stage, share: stage.name === '100' ? 100 : 50 }));
    await manager.revise(name, { ...planDocument, stages }, { actor: 'bo', reason: 'we are sure enough' });

    const users = Array.from({ length: 2_000 }, (_, i) =>
      manager.decide('transcription', { targetingKey: `user-${i}` }),
    );
    const served = users.filter(({ variant }) => variant === 'streaming').length;
    expect(served).toBeGreaterThan(900);
    expect(served).toBeLessThan(1_100);
    const audit = await manager.history(name);
    expect(audit.at(-1)).toMatchObject({ type: 'revised', actor: 'bo', reason: 'we are sure enough' });
    expect(audit.at(-1)?.text).toContain('stages');
    await store.close();
  });

  it('takes a candidate back at once, and again changes nothing', async () => {
    const store = await openStore();
    const manager = await running(store);
    await manager.rollback(name, { actor: 'ana', reason: 'echoes' });
    const after = await manager.history(name);
    await manager.rollback(name, { actor: 'bo', reason: 'echoes, too' });

    expect(manager.decide('transcription', internal).variant).toBe('legacy');
    expect(manager.status(name)).toMatchObject({
      state: 'rolling-back',
      receipt: { actor: 'ana', reason: 'echoes' },
    });
    expect(await manager.history(name)).toEqual(after);
    expect(await store.verify()).toBeNull();
    await store.close();
  });

  it('stands after a restart exactly where it was left, and its ruleset never goes back', async () => {
    const store = await openStore();
    const clock = new ManualClock();
    const before = await running(store, clock);
    await before.pause(name, by);
    const again = await RolloutManager.open({ store, clock });

    expect(again.states()).toEqual(before.states());
    expect({ ...again.ruleset(), revision: 0 }).toEqual({ ...before.ruleset(), revision: 0 });
    expect(again.ruleset().revision).toBeGreaterThanOrEqual(before.ruleset().revision);
    await store.close();
  });

  it('lets two processes on one store take turns: each command is decided on what the other wrote', async () => {
    const store = await openStore();
    const one = await running(store);
    const other = await RolloutManager.open({ store });
    await one.pause(name, by);
    await other.rollback(name, by);
    await one.resume(name, by).catch((error: unknown) => error);

    expect(one.status(name).state).toBe('rolling-back');
    expect(one.decide('transcription', internal).variant).toBe('legacy');
    await store.close();
  });
});

describe('RolloutManager', () => {
  it('refuses a second rollout of a flag until the first is over, and names both', async () => {
    const manager = await running(createMemoryRolloutStore());
    const second = { ...planDocument, name: 'streaming-3' };
    await expect(manager.apply(second, by)).rejects.toMatchObject({
      code: 'ROLLOUT_CONFLICT',
      message: expect.stringContaining(name),
    });
    expect(manager.states()).toHaveLength(1);
  });

  it('refuses a build that was taken back, unless a person takes it on', async () => {
    const manager = await running(createMemoryRolloutStore());
    await manager.rollback(name, by);
    await manager.tell(name, {
      type: 'finish-rollback',
      actor: { kind: 'automatic', name: 'test' },
      reason: 'done',
    });
    const again = { ...planDocument, name: 'streaming-3' };

    await expect(manager.apply(again, by)).rejects.toMatchObject({ code: 'COMMAND_REFUSED' });
    await expect(manager.apply(again, { ...by, evenIfRolledBack: true })).resolves.toMatchObject({
      state: 'draft',
    });
  });

  it('says which rollouts there are when it is asked for another', async () => {
    const manager = await running(createMemoryRolloutStore());
    expect(() => manager.status('nope')).toThrow(name);
    await expect(manager.pause('nope', by)).rejects.toMatchObject({ code: 'ROLLOUT_UNKNOWN' });
  });

  it('never throws out of a decision, whatever it is given', async () => {
    const manager = await running(createMemoryRolloutStore());
    expect(manager.decide('nope')).toMatchObject({ reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' });
    expect(manager.decide('transcription', 'no context' as never)).toMatchObject({ variant: 'legacy' });
    expect(manager.explain('transcription', internal)).toContain('streaming');
  });

  it('keeps serving a leased candidate in process however long nothing happens', async () => {
    const clock = new ManualClock();
    const manager = await running(createMemoryRolloutStore(), clock);
    clock.advance(3_600_000);
    expect(manager.decide('transcription', internal).variant).toBe('streaming');
  });

  it('tells subscribers every event in order, and ends when asked', async () => {
    const manager = await running(createMemoryRolloutStore());
    const stop = new AbortController();
    const events = manager.subscribe({ signal: stop.signal });
    await manager.pause(name, by);
    const first = await events.next();
    const second = events.next();
    await manager.resume(name, by);

    expect(first.value).toMatchObject({ type: 'paused', actor: 'ana' });
    expect((await second).value).toMatchObject({ type: 'resumed' });
    const last = events.next();
    stop.abort();
    expect(await last).toEqual({ value: undefined, done: true });
  });

  it('keeps nothing for a subscriber that is slow: it reads what it has not seen, from where it was', async () => {
    const store = createMemoryRolloutStore();
    const manager = await running(store);
    const events = manager.subscribe({ after: 0 });
    const seen = [(await events.next()).value?.sequence];
    for (let at = 0; at < 1_100; at++)
      await (at % 2 === 0 ? manager.pause(name, by) : manager.resume(name, by));
    const total = manager.status(name).revision;
    while (seen.length < total) seen.push((await events.next()).value?.sequence);
    expect(seen).toEqual(Array.from({ length: total }, (_, at) => at + 1));
    const last = events.next();
    await manager.close();
    expect(await last).toEqual({ value: undefined, done: true });
  });

  it('ends a subscription that was aborted before it began, and one whose loop is left', async () => {
    const manager = await running(createMemoryRolloutStore());
    const aborted = manager.subscribe({ after: 0, signal: AbortSignal.abort() });
    expect(await aborted.next()).toEqual({ value: undefined, done: true });
    for await (const event of manager.subscribe({ after: 0 })) if (event.type === 'started') break;
    await manager.close();
  });

  it('writes the notices of a command with its events, once', async () => {
    const store = createMemoryRolloutStore();
    const manager = await running(store);
    await manager.rollback(name, { actor: 'ana', reason: 'echoes' });
    await manager.rollback(name, { actor: 'ana', reason: 'echoes' });
    const outbox = await store.pendingOutbox({ limit: 100 });

    expect(outbox.map(({ kind }) => kind)).toEqual([
      'awaiting-acceptance',
      'stage-entered',
      'rollback-started',
    ]);
    expect(JSON.parse(outbox[2]?.payload ?? '')).toMatchObject({
      notice: { rollout: name, reason: 'echoes' },
    });
  });

  it('keeps what it knew when the store fails, and goes on when it is back', async () => {
    const store = createMemoryRolloutStore();
    const manager = await running(store);
    const append = store.append.bind(store);
    store.append = () => Promise.reject(new CrossfadeError('STORE_UNAVAILABLE', 'The disk is full.'));
    await expect(manager.pause(name, by)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(manager.status(name).state).toBe('running');

    store.append = append;
    await expect(manager.pause(name, by)).resolves.toMatchObject({ state: 'paused' });
  });

  it('counts a command once whose append was stored but not answered', async () => {
    const store = createMemoryRolloutStore();
    const manager = await running(store);
    const append = store.append.bind(store);
    store.append = async (...args) => {
      await append(...args);
      store.append = append;
      throw new CrossfadeError('STORE_UNAVAILABLE', 'The connection broke.');
    };
    await expect(manager.pause(name, by)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });

    expect(manager.status(name).state).toBe('paused');
    const types = (await manager.history(name)).map(({ type }) => type);
    expect(types.filter((type) => type === 'paused')).toHaveLength(1);
  });

  it('gives up after ten lost races, but a rollback goes on', async () => {
    const store = createMemoryRolloutStore();
    const manager = await running(store);
    const append = store.append.bind(store);
    let losses = 50;
    store.append = (...args) =>
      losses-- > 0
        ? Promise.reject(new CrossfadeError('STORE_CONFLICT', 'Another writer was first.'))
        : append(...args);

    await expect(manager.pause(name, by)).rejects.toMatchObject({ code: 'STORE_CONFLICT' });
    expect(losses).toBe(40);
    await expect(manager.rollback(name, by)).resolves.toMatchObject({ state: 'rolling-back' });
  });
});
