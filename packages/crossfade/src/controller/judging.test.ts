import { describe, expect, it } from 'vitest';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionRecord, SessionSignal } from '../transcript/session-record.ts';
import { by, hourMs, name, type Setting, World } from './control-world.fixture.ts';
import { explainVerdict } from './explain-verdict.ts';
import { planDocument } from './rollout.fixture.ts';

/** Half of everybody at once, two days. */
const halfPlan = {
  ...planDocument,
  stages: [{ name: 'half', share: 50, bake: '48h', minSessionsPerHour: 0 }],
};
const minutesMs = 60_000;

const openWorld = (given: Partial<Setting> = {}) =>
  World.open({
    plan: halfPlan,
    store: createMemoryRolloutStore(),
    sessions: createMemorySessionStore(),
    ...given,
  });

const withTail = (missedTailMs: number) => (record: SessionRecord) => ({
  ...record,
  pipeline: { ...record.pipeline, missedTailMs },
});

const isOf = ({ assignment }: SessionRecord, arm: 'candidate' | 'control') => assignment.arm === arm;

async function explanations(world: World) {
  const history = await world.manager.history(name);
  return history
    .filter(({ type }) => type === 'judged')
    .map(({ atMs, sequence }) =>
      explainVerdict(
        history.filter((entry) => entry.sequence <= sequence),
        atMs,
      ),
    );
}

describe('a verdict in the log', () => {
  it('is made again from the log alone, word for word, from the first to the rollback', async () => {
    const world = await openWorld({ plan: planDocument });
    await world.run(() => world.status.stage?.name === '50');
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 2_600, perArm: 6 }, 40);

    const all = await explanations(world);
    expect(all.length).toBeGreaterThan(5);
    expect(all.map((explained) => explained?.replay)).toEqual(all.map(() => 'agrees'));
    expect(all.at(-1)).toMatchObject({
      stage: '50',
      verdict: { verdict: 'fail', culprit: 'finalization-latency' },
    });
    expect(all.at(-1)?.sentence).toContain('Judged again from the log: the same.');
    const now = await world.manager.explainVerdict(name);
    expect(now).toEqual(all.at(-1));
  });

  it('is told from one that somebody wrote over', async () => {
    const world = await openWorld();
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 2_600, perArm: 6 }, 40);
    const history = structuredClone(await world.manager.history(name));
    const judged = history.findLast(({ type }) => type === 'judged')!;
    const { judgement } = judged.event as { judgement: { measurement: { windows: number[][] } } };
    judgement.measurement.windows.forEach((window) => window.fill(0));

    const explained = explainVerdict(history, judged.atMs);
    expect(explained?.replay).toBe('differs');
    expect(explained?.sentence).toContain('Judged again from the log it is another');
  });

  it('that stood at a time is found by it; before the first there is none', async () => {
    const world = await openWorld();
    const startMs = world.clock.nowMs();
    await world.run(() => world.status.verdict?.verdict === 'inconclusive', {}, 4);
    const firstMs = world.clock.nowMs();
    await world.run(() => world.status.state === 'rolling-back', { finalMs: 2_600, perArm: 6 }, 40);

    expect(await world.manager.explainVerdict(name, startMs)).toBeNull();
    expect((await world.manager.explainVerdict(name, firstMs))?.verdict.verdict).toBe('inconclusive');
    expect((await world.manager.explainVerdict(name))?.verdict.verdict).toBe('fail');
  });

  it('of a source that could not answer says that there is nothing to judge again', async () => {
    const world = await openWorld();
    world.sessions.records = () => Promise.reject(new Error('the disk is gone'));
    await world.loop.tick();

    expect(await world.manager.explainVerdict(name)).toMatchObject({
      replay: 'not-judged',
      verdict: { verdict: 'source-error' },
    });
  });
});

describe('evidence over a restart', () => {
  it.each(['with its snapshot', 'without a snapshot'])(
    'is the same %s: no error is spent twice',
    async (how) => {
      const [store, sessions] = [createMemoryRolloutStore(), createMemorySessionStore()];
      const before = await openWorld({ store, sessions, loop: { tickMs: 10 * minutesMs } });
      const slightlyLate = { finalMs: 700, perArm: 5 };
      await before.run(() => false, slightlyLate, 30);
      // One that comes after its minute has matured stays a latecomer, whenever it is read.
      const late = { ...(await sessions.records({ limit: 1 }))[0]!.record, sessionId: 'latecomer' };
      await sessions.saveSession(late, null, before.clock.nowMs());
      await before.run(() => false, slightlyLate, 2);

      if (how === 'without a snapshot') await sessions.dropSnapshot(`evidence:${name}`);
      const after = await openWorld({
        store,
        sessions,
        clock: before.clock,
        loop: { tickMs: 10 * minutesMs },
      });
      await after.loop.tick();
      await before.loop.tick();
      expect(before.loop.comparison(name)?.sessions.candidate).toBeGreaterThan(100);
      expect(after.loop.comparison(name)).toEqual(before.loop.comparison(name));
    },
  );
});

describe('what a running rollout is held or taken back by', () => {
  it('an incident of both arms holds, pages, and goes on in a new epoch; it takes nothing back', async () => {
    const plan = { ...halfPlan, incidentHold: '1h' };
    const world = await openWorld({ plan, loop: { tickMs: 10 * minutesMs } });
    await world.run(() => false, { perArm: 20 }, 8);
    await world.run(
      () => world.status.holding?.startsWith('Both arms') === true,
      { perArm: 20, change: withTail(900) },
      40,
    );
    expect(world.status).toMatchObject({ state: 'running', epoch: 1, verdict: { verdict: 'inconclusive' } });
    const bakedMs = world.status.stage?.bakedMs;

    await world.run(() => world.status.epoch === 2, { perArm: 20 }, 8);
    expect(world.status).toMatchObject({ state: 'running', epoch: 2, stage: { bakedMs: 0 } });
    expect(bakedMs).toBeGreaterThan(0);
    await world.run(() => world.status.state === 'completed', { perArm: 5 }, 400);
    expect(world.status.state).toBe('completed');
    const kinds = (await world.store.pendingOutbox({ limit: 100 })).map(({ kind }) => kind);
    expect(kinds).toContain('held');
  });

  it('a session whose user lost audio raises an alarm of its own, pauses and pages, once', async () => {
    const world = await openWorld();
    const lossy = (record: SessionRecord, i: number) =>
      i === 0 && isOf(record, 'control')
        ? { ...record, user: { ...record.user, samplesCovered: record.user.samplesOffered - 1_600 } }
        : record;
    await world.run(() => false, {}, 2);
    await world.traffic({ change: lossy });
    await world.loop.tick();
    expect(world.status.state).toBe('paused');
    const alarms = async () => (await world.manager.history(name)).filter(({ type }) => type === 'alarmed');
    expect((await alarms())[0]?.reason).toContain(
      '1 sessions did not give their users all, 0 are allowed: 100 ms of audio',
    );

    await world.manager.resume(name, by);
    await world.run(() => false, {}, 4);
    expect(world.status.state).toBe('running');
    expect(await alarms()).toHaveLength(1);
  });

  it('a pipeline that names another build than the plan breaks the comparison and holds', async () => {
    const world = await openWorld();
    const attempt = {
      startSample: 0,
      samplesForwarded: 160_000,
      samplesCovered: 160_000,
      end: 'closed',
      reason: '',
    } as const;
    const servedBy = (build: string) => (record: SessionRecord) => ({
      ...record,
      pipeline: {
        ...record.pipeline,
        attempts: [{ ...attempt, upstream: record.assignment.upstream, build }],
      },
    });
    await world.run(() => false, { change: servedBy('build-2') }, 2);
    expect(world.status.verdict?.verdict).toBe('inconclusive');
    await world.run(() => false, { change: servedBy('build-7') }, 1);
    expect(world.status).toMatchObject({ state: 'running', verdict: { verdict: 'invalid' } });
    expect(world.status.holding).toBe(
      '2 of 6 candidate sessions were served by build build-7, the plan says build-2: another build is judged than is rolled out.',
    );
  });

  it('a candidate that is dead is taken back by its guard within four sessions, and open sessions are moved at once', async () => {
    const world = await openWorld({ loop: { tickMs: 10_000 } });
    const dead = (record: SessionRecord) =>
      isOf(record, 'control')
        ? record
        : {
            ...record,
            pipeline: {
              ...record.pipeline,
              samplesCovered: 0,
              entries: 0,
              failed: true,
              finalLatencyCount: 0,
            },
          };
    await world.run(() => false, { perArm: 20 }, 2);
    await world.run(() => world.status.state === 'rolling-back', { perArm: 2, change: dead }, 5);

    expect(world.status.receipt).toMatchObject({ policy: 'cut', evidence: { culprit: 'dead-candidate' } });
    expect(world.status.receipt?.reason).toMatch(
      /^The last 4 candidate sessions were dead, acted at 4; the last \d+ of control lived\.$/,
    );
  });

  it('a candidate whose sessions never report their end is taken back, though nothing bad was reported', async () => {
    const world = await openWorld({ loop: { tickMs: 5 * minutesMs } });
    let said = 0;
    const silent = (record: SessionRecord) => (isOf(record, 'control') ? record : null);
    const announce = async (): Promise<void> => {
      const signals = Array.from({ length: 20 }, (_, i): SessionSignal => {
        return {
          kind: 'started',
          sessionId: `announced-${said++}`,
          arm: i % 2 === 0 ? 'candidate' : 'control',
          rollout: { name, epoch: 1 },
          userHash: '',
          reason: 'SPLIT',
          rule: 'stage:half',
          startedAtMs: world.clock.nowMs(),
        };
      });
      // Control's sessions end; the candidate's are never heard of again.
      await world.sessions.saveSignals(
        signals.filter(({ arm }) => arm === 'candidate'),
        world.clock.nowMs(),
      );
    };
    for (let i = 0; i < 40 && world.status.state === 'running'; i++) {
      await announce();
      await world.run(() => false, { perArm: 10, change: silent }, 1);
    }
    expect(world.status.state).toBe('rolling-back');
    expect(['early-failure', 'error-rate', 'silent-candidate', undefined]).toContain(
      world.status.receipt?.evidence?.culprit,
    );
  });
});

describe('a bake that proves too little', () => {
  const gated = { ...halfPlan, gates: [{ metric: 'orphan-rate', liveAtStage: 'half' }] };

  it('is extended once, then a person is asked; who resumes grants as long again', async () => {
    const world = await openWorld({ plan: gated });
    const extended = async () => (await world.types()).filter((type) => type === 'bake-extended').length;
    await world.run(() => (world.status.stage?.bakedMs ?? 0) >= 47 * hourMs);
    expect(await extended()).toBe(0);
    await world.run(() => false, {}, 6);
    expect(await extended()).toBe(1);
    expect(world.status).toMatchObject({ state: 'running', verdict: { verdict: 'inconclusive' } });

    await world.run(() => world.status.state === 'paused', {}, 100);
    expect((await world.manager.history(name)).at(-1)?.reason).toMatch(
      /^Baked 4d, extension included, and not proven: 0 of 1 gates are proven\. orphan rate: .* A person is asked\.$/,
    );
    await world.manager.resume(name, by);
    await world.run(() => false, {}, 10);
    expect(world.status.state).toBe('running');
  });
});

describe('an error budget', () => {
  it('is kept over a new share, and a new one begins with another margin', async () => {
    const plan = { ...planDocument, stages: planDocument.stages.slice(1) };
    const world = await openWorld({ plan });
    const budget = () => world.manager.state(name).budget;
    await world.run(() => world.status.stage?.name === '50');
    expect(budget()).toMatchObject({
      number: 1,
      epochs: [
        { epoch: 1, share: 0.1 },
        { epoch: 2, share: 0.5 },
      ],
    });

    const status = await world.manager.revise(
      name,
      { ...plan, metrics: { 'error-rate': { rollbackMargin: 30 } } },
      by,
    );
    expect(status.epoch).toBe(3);
    expect(budget()).toMatchObject({ number: 2, epochs: [{ epoch: 3, share: 0.5 }] });
    expect((await world.manager.history(name)).at(-1)?.text).toContain('with a new error budget');
    await world.run(() => false, {}, 3);
    expect(world.status.verdict?.verdict).toBe('inconclusive');
  });
});
