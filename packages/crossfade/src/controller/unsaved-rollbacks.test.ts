import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { beforeEach, expect, test } from 'vitest';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { RolloutStore } from '../store/store.ts';
import { ControlLoop } from './loop.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'an echo in calls' };
const name = 'streaming-2';
const internal = { targetingKey: 'user-1', plan: 'internal' };
const automatic = { actor: { kind: 'automatic', name: 'judge' }, reason: 'finals come late' } as const;

let store: RolloutStore;
let manager: RolloutManager;
let loop: ControlLoop;
let isFull: boolean;

beforeEach(async () => {
  const memory = createMemoryRolloutStore();
  const append = memory.append.bind(memory);
  isFull = false;
  store = Object.assign(memory, {
    append: (...words: Parameters<RolloutStore['append']>) =>
      isFull ? Promise.reject(new Error('database or disk is full')) : append(...words),
  });
  const clock = new ManualClock();
  manager = await RolloutManager.open({ store, clock });
  loop = new ControlLoop({ manager, sessions: createMemorySessionStore(), clock, log: silentLog });
  await manager.apply(planDocument, by);
  await manager.start(name, by);
  await manager.waiveAcceptance(name, by);
  isFull = true;
});

test('a rollback that the store does not take ends every lease at once, and is made when the store takes it', async () => {
  expect(manager.decide('transcription', internal).variant).toBe('streaming');
  await expect(manager.rollback(name, by)).rejects.toThrow('full');
  expect(manager.mayBeHeard).toBe(false);
  expect(manager.decide('transcription', internal)).toMatchObject({ variant: 'legacy', reason: 'STALE' });

  await loop.tick();
  expect(manager.mayBeHeard).toBe(false);
  isFull = false;
  await loop.tick();
  expect(manager.mayBeHeard).toBe(true);
  expect(['rolling-back', 'rolled-back']).toContain(manager.state(name).phase);
  expect((await manager.history(name)).find(({ type }) => type === 'rollback-started')).toMatchObject({
    actor: 'ana',
    reason: 'an echo in calls',
  });
});

test('so does one that the judge decides, even when a later verdict is milder', async () => {
  const { epoch } = manager.state(name);
  const verdict = (kind: 'fail' | 'inconclusive') =>
    manager.tell(name, {
      type: 'verdict',
      ...automatic,
      judgement: {
        epoch,
        verdict: {
          verdict: kind,
          sentence: 'finals come late',
          evidence: [],
          sessions: { candidate: 9, control: 9 },
        },
      },
    });
  await expect(verdict('fail')).rejects.toThrow('full');
  expect(manager.mayBeHeard).toBe(false);

  isFull = false;
  await verdict('inconclusive');
  expect(manager.mayBeHeard).toBe(false);
  await manager.retryRollbacks();
  expect(manager.mayBeHeard).toBe(true);
  expect(manager.state(name).rollback?.why).toBe('finals come late');
});

test('another command that the store does not take ends no lease', async () => {
  await expect(manager.pause(name, by)).rejects.toThrow('full');
  expect(manager.mayBeHeard).toBe(true);
  expect(manager.decide('transcription', internal).variant).toBe('streaming');
});
