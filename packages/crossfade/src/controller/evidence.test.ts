import { expect, it } from 'vitest';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { EvidenceReader } from './evidence.ts';
import type { Reading } from './reading.ts';
import { planDocument, sessionOf } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'a restored backup' };
const { name } = planDocument;

/** Gaps in seconds after an origin. */
function inSeconds({ evidence }: Reading, originMs: number) {
  return evidence.observed.gaps.map((gap) => gap.map((ms) => (ms - originMs) / 1_000));
}

async function running(clock: ManualClock): Promise<RolloutManager> {
  const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock });
  await manager.apply(planDocument, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  return manager;
}

it('reads on before the first gateway is heard, and takes that time for no gap; afterwards silence is one', async () => {
  const clock = new ManualClock();
  const manager = await running(clock);
  let silentMs: number | null = null;
  const reader = new EvidenceReader(createMemorySessionStore(), { gatewaySilentMs: () => silentMs });
  const look = () => reader.read(manager.state(name), manager.state(name).budget!, clock.nowMs());
  await look();
  clock.advance(3_600_000);
  expect(await look()).toMatchObject({ isComplete: true, unheardSinceMs: null });

  silentMs = 0;
  const reading = await look();
  expect(reading.isComplete).toBe(true);
  expect(reading.evidence.observed.gaps).toEqual([]);

  const heardAtMs = clock.nowMs();
  silentMs = null;
  clock.advance(600_000);
  expect(await look()).toMatchObject({ isComplete: false, unheardSinceMs: heardAtMs });
});

it('gives reports as long as a silence took, at most a minute, and no gap twice', async () => {
  const clock = new ManualClock();
  const originMs = clock.nowMs();
  const manager = await running(clock);
  const sessions = createMemorySessionStore();
  const options = { gapMs: 10_000, gatewaySilentMs: () => 0 };
  let reader = new EvidenceReader(sessions, options);
  const gapsAt = async (second: number) => {
    clock.advance(originMs + second * 1_000 - clock.nowMs());
    const reading = await reader.read(manager.state(name), manager.state(name).budget!, clock.nowMs());
    return inSeconds(reading, originMs);
  };
  await gapsAt(0);
  const first = [0, 62];
  expect(await gapsAt(31)).toEqual([first]);
  // Known after a crash that comes at once, and no longer than it was.
  reader = new EvidenceReader(sessions, options);
  expect(await gapsAt(32)).toEqual([first]);
  await gapsAt(35);
  expect(await gapsAt(100)).toEqual([first, [62, 160]]);
});

it('takes a look that is a little late for no gap, though the answer before it was some seconds old', async () => {
  const clock = new ManualClock();
  const originMs = clock.nowMs();
  const manager = await running(clock);
  const sessions = createMemorySessionStore();
  let silentMs: number | null = 0;
  const options = { gapMs: 10_000, gatewaySilentMs: () => silentMs };
  let reader = new EvidenceReader(sessions, options);
  const lookAt = async (second: number, silentSeconds: number | null) => {
    clock.advance(originMs + second * 1_000 - clock.nowMs());
    silentMs = silentSeconds === null ? null : silentSeconds * 1_000;
    const reading = await reader.read(manager.state(name), manager.state(name).budget!, clock.nowMs());
    await reader.keep(name, clock.nowMs());
    return { gaps: inSeconds(reading, originMs), isHeard: reading.isComplete };
  };
  await lookAt(0, 0);
  await lookAt(6, 6);
  expect(await lookAt(15, 1)).toEqual({ gaps: [], isHeard: true });
  await lookAt(20, 6);
  // A restart that takes four seconds, and a gateway that comes back after three more.
  reader = new EvidenceReader(sessions, options);
  expect(await lookAt(24, null)).toEqual({ gaps: [], isHeard: false });
  expect(await lookAt(27, 0)).toEqual({ gaps: [], isHeard: true });
  await lookAt(32, 5);
  // A silence is one from where it began, though a look lies in it.
  expect(await lookAt(38, 11)).toEqual({ gaps: [], isHeard: false });
  expect(await lookAt(39, 0)).toEqual({ gaps: [[27, 51]], isHeard: true });
});

it('reads on from the gaps that an older program kept, each with a third number', async () => {
  const clock = new ManualClock();
  const originMs = clock.nowMs();
  const manager = await running(clock);
  const sessions = createMemorySessionStore();
  const gaps = [[originMs, originMs + 62_000, 31_000]];
  const look = { schema: 'crossfade.look/1', lookedAtMs: originMs, heardAtMs: originMs, gaps };
  await sessions.saveSnapshot(`look:${name}`, JSON.stringify(look));
  clock.advance(100_000);
  const reader = new EvidenceReader(sessions, { gapMs: 10_000, gatewaySilentMs: () => 0 });
  const reading = await reader.read(manager.state(name), manager.state(name).budget!, clock.nowMs());
  expect(inSeconds(reading, originMs)).toEqual([
    [0, 62],
    [62, 160],
  ]);
});

it('reads on past reports of an epoch that the rollout has not reached, says so once, and counts them as unknown', async () => {
  const clock = new ManualClock();
  const manager = await running(clock);
  const sessions = createMemorySessionStore();
  const { epoch } = manager.state(name);
  const save = async (id: string, ofEpoch: number) => {
    const rule = 'audience:internal';
    const at = { endedAtMs: clock.nowMs(), rule };
    const record = sessionOf({ id, arm: 'candidate', epoch: ofEpoch, ...at });
    const { arm, userHash, reason } = record.assignment;
    const rollout = { name, epoch: ofEpoch };
    const kind = 'started' as const;
    const { startedAtMs, sessionId } = record;
    const signal = { kind, sessionId, arm, userHash, reason, rule, rollout, startedAtMs };
    await sessions.saveSignals([signal], clock.nowMs());
    await sessions.saveSession(record, null, clock.nowMs());
  };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };
  const reader = new EvidenceReader(sessions, { log });
  const look = () => reader.read(manager.state(name), manager.state(name).budget!, clock.nowMs());
  clock.advance(60_000);
  await save('of-another-life-1', epoch + 6);
  await save('of-another-life-2', epoch + 6);
  await save('of-this-life', epoch);

  expect((await look()).isComplete).toBe(false);
  clock.advance(1_000);
  const reading = await look();
  expect(reading.isComplete).toBe(true);
  expect(reading.recordsAfter).toBe(3);
  expect(reading.evidence.ended.refused['unknown-epoch']).toBe(4);
  expect(reading.evidence.ended.waiting(epoch).candidate).toBe(1);
  expect(warnings).toHaveLength(1);

  await save('of-another-life-3', epoch + 6);
  clock.advance(1_000);
  expect((await look()).isComplete).toBe(true);
  expect(warnings).toHaveLength(1);
});
