import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { expect, test } from 'vitest';
import { EvaluatorRegistry } from '../controller/evaluator-registry.ts';
import { ProcessSamples } from '../controller/process-samples.ts';
import { planDocument } from '../controller/rollout.fixture.ts';
import { RolloutManager } from '../controller/rollout-manager.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { createControlApp } from './control-app.ts';

const by = { actor: 'ana', reason: 'finals in half the time' };
const nowhere = { ...planDocument, candidate: { ...planDocument.candidate, upstream: 'nowhere' } };

async function setUp() {
  const clock = new ManualClock();
  const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
  const app = createControlApp({
    manager: await RolloutManager.open({ store: createMemoryRolloutStore(), clock }),
    sessions: createMemorySessionStore(),
    evaluators,
    processes: new ProcessSamples({ next: () => 'instance-1' }),
    token: 'token',
    clock,
    log: silentLog,
  });
  const post = async (path: string, body: unknown) => {
    const headers = { authorization: 'Bearer token', 'content-type': 'application/json' };
    const answer = await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, ...((await answer.json()) as { code?: string; message?: string }) };
  };
  return {
    evaluators,
    apply: () => post('/v1/rollouts', { ...by, plan: nowhere }),
    start: () => post('/v1/rollouts/streaming-2/start', by),
  };
}

test('apply and start refuse a plan with an upstream that none of the connected gateways knows', async () => {
  const { evaluators, apply, start } = await setUp();
  const refused = {
    status: 422,
    code: 'PLAN_INVALID',
    message: expect.stringContaining('connected gateways (legacy, streaming), got "nowhere"') as string,
  };
  const leave = evaluators.connected('gateway-1', 'gateway', { upstreams: ['legacy', 'streaming'] });
  expect(await apply()).toMatchObject(refused);
  leave();
  // Nobody is there who could know: it is applied, and looked at again at the start.
  expect(await apply()).toMatchObject({ status: 201 });
  evaluators.connected('gateway-1', 'gateway', { upstreams: ['legacy', 'streaming'] });
  expect(await start()).toMatchObject(refused);
  // One gateway that knows it is enough.
  evaluators.connected('gateway-2', 'gateway', { upstreams: ['legacy', 'nowhere'] });
  expect(await start()).toMatchObject({ status: 200 });
});

test('a gateway that does not name its upstreams refuses none', async () => {
  const { evaluators, apply } = await setUp();
  evaluators.connected('gateway-1', 'gateway', { upstreams: ['legacy', 'streaming'] });
  evaluators.connected('gateway-2', 'gateway');
  expect(await apply()).toMatchObject({ status: 201 });
});
