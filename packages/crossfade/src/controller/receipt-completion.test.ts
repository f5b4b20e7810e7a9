import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { expect, it } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { ReceiptCompletion } from './receipt-completion.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'echoes' };
const { name } = planDocument;
const gateway = 'gateway-1';

/** Rolled back with two sessions that were moved; their gateway says no more of them. */
async function rolledBack() {
  const clock = new ManualClock();
  const witnesses = () => ({ evaluators: [], gateways: [gateway] });
  const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock, witnesses });
  await manager.apply(planDocument, by);
  await manager.rollback(name, by);
  const actor = { kind: 'automatic', name: gateway } as const;
  const moved = { outcome: 'migrated', ended: false, samplesLost: 0, pauseMs: 90 } as const;
  const sessions = ['s1', 's2'].map((sessionId) => ({ ...moved, sessionId }));
  await manager.tell(name, { type: 'drain-report', gateway, sessions, done: true, actor, reason: 'said' });
  await manager.tell(name, { type: 'finish-rollback', actor, reason: 'nobody is open' });
  const records = createMemorySessionStore();
  return { clock, manager, records, receipts: new ReceiptCompletion({ manager, sessions: records, clock }) };
}

it('counts what a session lost by its record when its gateway never said how it ended', async () => {
  const { manager, records, receipts } = await rolledBack();
  await records.saveSession(
    recordOf({ id: 's2', user: { samplesCovered: 159_200, duplicateEntries: 1 } }),
    null,
  );
  await receipts.turn();
  expect(manager.status(name).receipt).toMatchObject({
    ...{ running: 1, samplesLost: 800, duplicateEntries: 1, unreported: [] },
    sessions: [
      { sessionId: 's1', ended: false },
      { sessionId: 's2', gateway, outcome: 'migrated', ended: true, pauseMs: 90 },
    ],
  });
});

it('looks every ten seconds, and writes nothing when nothing is new', async () => {
  const { clock, manager, records, receipts } = await rolledBack();
  await receipts.turn();
  const { revision } = manager.status(name);
  for (const id of ['s1', 's2']) await records.saveSession(recordOf({ id }), null);
  await receipts.turn();
  expect(manager.status(name).revision).toBe(revision);
  clock.advance(10_000);
  await receipts.turn();
  expect(manager.status(name)).toMatchObject({ revision: revision + 1, receipt: { running: 0 } });
  clock.advance(10_000);
  await receipts.turn();
  expect(manager.status(name).revision).toBe(revision + 1);
});
