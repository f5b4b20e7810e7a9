import { describe, expect, it, test } from 'vitest';
import { errorTable, type ErrorCode } from '@crossfade/sdk/core/errors';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { EvaluatorRegistry } from '../controller/evaluator-registry.ts';
import { exampleReport } from '../acceptance/report.fixture.ts';
import type { AcceptanceReport } from '../acceptance/report.ts';
import { planDocument, sessionOf } from '../controller/rollout.fixture.ts';
import { ProcessSamples } from '../controller/process-samples.ts';
import { RolloutManager } from '../controller/rollout-manager.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { createControlApp } from './control-app.ts';

const token = 'the-token-of-the-data-folder';
const by = { actor: 'ana', reason: 'finals in half the time' };

async function setUp() {
  const clock = new ManualClock();
  const sessions = createMemorySessionStore();
  const evaluators = new EvaluatorRegistry({ clock, leaseMs: 60_000 });
  const store = createMemoryRolloutStore();
  const manager = await RolloutManager.open({
    store,
    clock,
    witnesses: () => evaluators.witnesses(),
  });
  let answers = 0;
  const app = createControlApp({
    manager,
    sessions,
    evaluators,
    processes: new ProcessSamples({ next: () => 'instance-1' }),
    token,
    clock,
    log: silentLog,
    onAnswer: () => answers++,
  });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const get = (path: string) => app.request(path, { headers });
  const post = (path: string, body: unknown) =>
    app.request(path, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { app, store, clock, sessions, evaluators, manager, get, post, answers: () => answers };
}

async function started() {
  const world = await setUp();
  await world.post('/v1/rollouts', { ...by, plan: planDocument });
  await world.post('/v1/rollouts/streaming-2/start', by);
  await world.post('/v1/rollouts/streaming-2/waive-acceptance', by);
  return world;
}

test('nothing that renews a lease leaves while a rollback cannot be put on record', async () => {
  const { store, app, get, post } = await started();
  const { append } = store;
  store.append = () => Promise.reject(new Error('database or disk is full'));
  expect((await post('/v1/rollouts/streaming-2/rollback', by)).status).toBe(500);
  for (const path of ['/v1/ruleset', '/v1/ruleset/stream?evaluator=gateway-1&role=gateway'])
    await expectRefusal(await get(path), 'STORE_UNAVAILABLE', /Leases end and control is served/);
  expect(await (await app.request('/healthz')).json()).toMatchObject({ ok: false });

  store.append = append;
  expect((await post('/v1/rollouts/streaming-2/rollback', by)).status).toBe(200);
  expect((await get('/v1/ruleset')).status).toBe(200);
  expect(await (await app.request('/healthz')).json()).toMatchObject({ ok: true });
});

async function expectRefusal(answer: Response, code: ErrorCode, words: RegExp): Promise<void> {
  const body = (await answer.json()) as { code: string; message: string };
  expect(body.code).toBe(code);
  expect(answer.status).toBe(code === 'USAGE' && answer.status === 404 ? 404 : errorTable[code].status);
  expect(body.message).toMatch(words);
  expect(body.message).not.toMatch(/\n\s+at /);
}

describe('the door', () => {
  it('opens for the token alone, and says what is missing', async () => {
    const { app } = await setUp();
    for (const authorization of [undefined, 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`]) {
      const answer = await app.request(
        '/v1/rollouts',
        authorization === undefined ? {} : { headers: { authorization } },
      );
      await expectRefusal(answer, 'UNAUTHORIZED', /Authorization: Bearer/);
    }
    expect(
      (await app.request('/v1/rollouts', { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(200);
  });

  it('asks for no token where it only says that it lives', async () => {
    const { app } = await setUp();
    expect(await (await app.request('/healthz')).json()).toEqual({ ok: true, revision: 0 });
  });

  it('answers an unknown route with a sentence', async () => {
    const { get, post } = await setUp();
    await expectRefusal(await get('/v1/rollout'), 'USAGE', /got GET \/v1\/rollout/);
    await expectRefusal(await post('/nowhere', {}), 'USAGE', /got POST \/nowhere/);
  });
});

/** A report of now, of one metric, certified. */
function passingReport(build: string): AcceptanceReport {
  const { target, run, metrics } = exampleReport();
  return exampleReport({
    result: 'passed',
    target: { ...target, build },
    run: { ...run, startedAt: new Date(new ManualClock().nowMs()).toISOString() },
    metrics: metrics.slice(0, 1).map((row) => ({ ...row, id: 'missed-tail', result: 'certified' })),
  });
}

describe('rollouts over HTTP', () => {
  it('go through a life: apply, start, waive, pause, resume, revise, roll back', async () => {
    const { get, post } = await setUp();
    const applied = await post('/v1/rollouts', { ...by, plan: JSON.stringify(planDocument) });
    expect(applied.status).toBe(201);
    expect(await applied.json()).toMatchObject({ name: 'streaming-2', state: 'draft' });

    const states: string[] = [];
    for (const command of ['start', 'waive-acceptance', 'pause', 'resume', 'disable', 'enable']) {
      const answer = await post(`/v1/rollouts/streaming-2/${command}`, by);
      states.push(((await answer.json()) as { state: string }).state);
    }
    expect(states).toEqual(['awaiting-acceptance', 'running', 'paused', 'running', 'running', 'running']);

    const revised = await post('/v1/rollouts/streaming-2/revise', {
      ...by,
      plan: { ...planDocument, drain: 'cut' },
    });
    expect(revised.status).toBe(200);
    const back = await post('/v1/rollouts/streaming-2/rollback', { actor: 'bo', reason: 'echoes' });
    expect(await back.json()).toMatchObject({
      state: 'rolling-back',
      receipt: { policy: 'cut', actor: 'bo' },
    });

    const { events } = (await (await get('/v1/rollouts/streaming-2/history')).json()) as {
      events: { type: string; actor: string }[];
    };
    expect(events.map(({ type }) => type)).toContain('revised');
    expect(events.at(-1)).toMatchObject({ type: 'rollback-started', actor: 'bo' });
    expect(await (await get('/v1/rollouts')).json()).toMatchObject({ rollouts: [{ name: 'streaming-2' }] });
  });

  it('take the report of an acceptance run, keep what it says, and refuse a changed one', async () => {
    const { get, post } = await setUp();
    const plan = { ...planDocument, acceptance: 'required', gates: [{ metric: 'missed-tail' }] };
    await post('/v1/rollouts', { ...by, plan });
    await post('/v1/rollouts/streaming-2/start', by);
    const waiting = (await (await get('/v1/rollouts/streaming-2')).json()) as { holding: string };
    expect(waiting.holding).toMatch(
      /evidence of build build-2 \(missed-tail certified\). None was handed over/,
    );

    const report = passingReport('build-2');
    const accept = '/v1/rollouts/streaming-2/accept';
    const changed = { ...report, partial: !report.partial };
    await expectRefusal(await post(accept, { ...by, report: changed }), 'EVIDENCE_INVALID', /changed/);
    const other = passingReport('build-1');
    await expectRefusal(
      await post(accept, { ...by, report: other }),
      'COMMAND_REFUSED',
      /got that of build-1/,
    );

    const answer = await post(accept, { ...by, report: JSON.stringify(report) });
    expect(await answer.json()).toMatchObject({
      state: 'running',
      acceptance: { evidence: { reportId: report.digest, metrics: [{ metric: 'missed-tail' }] } },
    });
    const { events } = (await (await get('/v1/rollouts/streaming-2/history')).json()) as {
      events: { type: string; text: string }[];
    };
    expect(events.find(({ type }) => type === 'accepted')?.text).toBe(
      `Accepted by report ${report.digest.slice(0, 12)} of a target (behind-gateway, profile smoke, suite 0.1.0): 1 certified.`,
    );
  });

  it('answer each mistake with its code and a sentence, and change nothing', async () => {
    const { get, post, manager } = await started();
    const before = manager.states();
    const name = '/v1/rollouts/streaming-2';
    await expectRefusal(await post('/v1/rollouts', '{"actor":'), 'MESSAGE_INVALID', /not JSON/);
    await expectRefusal(await post('/v1/rollouts', { plan: planDocument }), 'MESSAGE_INVALID', /actor/);
    await expectRefusal(await post('/v1/rollouts', { ...by, plan: 'stages: [' }), 'PLAN_INVALID', /YAML/);
    await expectRefusal(
      await post('/v1/rollouts', { ...by, plan: { ...planDocument, stages: [] } }),
      'PLAN_INVALID',
      /stages/,
    );
    const other = { ...planDocument, name: 'other' };
    await expectRefusal(
      await post('/v1/rollouts', { ...by, plan: other }),
      'ROLLOUT_CONFLICT',
      /streaming-2/,
    );
    await expectRefusal(await post(`${name}/pause`, { actor: 'ana' }), 'MESSAGE_INVALID', /reason/);
    await expectRefusal(await post(`${name}/pause`, ''), 'MESSAGE_INVALID', /JSON/);
    await expectRefusal(await post(`${name}/explode`, by), 'USAGE', /rollback, got "explode"/);
    await expectRefusal(await post(`${name}/constructor`, by), 'USAGE', /got "constructor"/);
    await expectRefusal(await post(`${name}/approve`, by), 'COMMAND_REFUSED', /approval/);
    await expectRefusal(await post('/v1/rollouts/nope/pause', by), 'ROLLOUT_UNKNOWN', /streaming-2/);
    await expectRefusal(await get('/v1/rollouts/nope'), 'ROLLOUT_UNKNOWN', /nope/);
    await expectRefusal(await get('/v1/rollouts/nope/history'), 'ROLLOUT_UNKNOWN', /nope/);
    expect(manager.states()).toEqual(before);
  });

  it('refuse a body that is too large, whatever its header says', async () => {
    const { app, post } = await started();
    const huge = { ...by, plan: 'x'.repeat(17_000_000) };
    await expectRefusal(await post('/v1/rollouts', huge), 'BODY_TOO_LARGE', /at most 16777216 bytes/);

    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent++;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const request = new Request('http://localhost/v1/decide', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: endless,
      duplex: 'half',
    } as RequestInit);
    await expectRefusal(await app.request(request), 'BODY_TOO_LARGE', /got more/);
    expect(sent).toBeLessThan(10);
  });

  it('decide for a user', async () => {
    const { post } = await started();
    const context = { targetingKey: 'user-1', plan: 'internal' };
    expect(await (await post('/v1/decide', { flag: 'transcription', context })).json()).toMatchObject({
      variant: 'streaming',
      value: 'streaming',
      reason: 'TARGETING_MATCH',
    });
    expect(await (await post('/v1/decide', { flag: 'nope' })).json()).toMatchObject({
      errorCode: 'FLAG_NOT_FOUND',
    });
  });
});

describe('what gateways send', () => {
  it('counts each session once, however often and in whatever order it comes', async () => {
    const { post, sessions } = await started();
    const record = (id: string) => sessionOf({ id, arm: 'candidate', epoch: 1, endedAtMs: 1_000 });
    const first = await post('/v1/session-records', { records: [record('a'), record('b')] });
    const second = await post('/v1/session-records', { records: [record('b'), record('c'), record('a')] });

    expect(await first.json()).toEqual({ received: 2, stored: 2 });
    expect(await second.json()).toEqual({ received: 3, stored: 1 });
    expect((await sessions.records()).map(({ record: { sessionId } }) => sessionId)).toEqual(['a', 'b', 'c']);
  });

  it('keeps what a newer gateway says beyond what is known here', async () => {
    const { post, sessions } = await started();
    const record = { ...sessionOf({ id: 'a', arm: 'candidate', epoch: 1, endedAtMs: 1_000 }), news: 1 };
    await post('/v1/session-records', { records: [record] });
    expect(await sessions.record('a')).toEqual(record);
  });

  it('refuses a batch with a broken record whole, and names the place', async () => {
    const { post, sessions } = await started();
    const record = sessionOf({ id: 'a', arm: 'candidate', epoch: 1, endedAtMs: 1_000 });
    const broken = { ...record, sessionId: 'b', pipeline: { ...record.pipeline, orphans: -1 } };
    await expectRefusal(
      await post('/v1/session-records', { records: [record, broken] }),
      'MESSAGE_INVALID',
      /records\.1\.pipeline\.orphans/,
    );
    const many = Array.from({ length: 101 }, () => record);
    await expectRefusal(
      await post('/v1/session-records', { records: many }),
      'MESSAGE_INVALID',
      /at most 100/,
    );
    expect(await sessions.records()).toEqual([]);
  });

  it('notes acknowledgements, and tells the loop', async () => {
    const { post, evaluators, answers } = await started();
    expect((await post('/v1/evaluators/gateway-1/ack', { revision: 4 })).status).toBe(200);
    expect(evaluators.list()).toMatchObject([{ id: 'gateway-1', revision: 4 }]);
    expect(answers()).toBe(1);
    await expectRefusal(
      await post('/v1/evaluators/gateway-1/ack', { revision: -1 }),
      'MESSAGE_INVALID',
      /revision/,
    );
  });

  it('puts drain reports into the receipt, once', async () => {
    const { post, manager, answers } = await started();
    await manager.rollback('streaming-2', by);
    const drainId = manager.ruleset().drains?.[0]?.id ?? '';
    const report = {
      gateway: 'gateway-1',
      sessions: [{ sessionId: 's', outcome: 'migrated', samplesLost: 0 }],
      done: true,
    };
    const path = `/v1/drains/${encodeURIComponent(drainId)}/report`;
    await post(path, report);
    const { revision } = manager.status('streaming-2');
    await post(path, report);

    expect(manager.status('streaming-2')).toMatchObject({
      revision,
      receipt: { sessions: [{ sessionId: 's', outcome: 'migrated' }] },
    });
    expect(answers()).toBe(2);
    await expectRefusal(await post('/v1/drains/other/report', report), 'ROLLOUT_UNKNOWN', /other/);
  });
});

describe('the ruleset stream', () => {
  it('brings the whole ruleset at once, each change, and heartbeats between', async () => {
    const { get, clock, manager, evaluators } = await started();
    const answer = await get('/v1/ruleset/stream?evaluator=gateway-1&role=gateway');
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = eventsOf(answer);
    const first = await events.next();
    expect(first.value?.event).toBe('ruleset');
    expect(first.value?.data).toEqual(manager.ruleset());
    expect(evaluators.witnesses().gateways).toEqual(['gateway-1']);

    const beat = events.next();
    await settled();
    clock.advance(2_000);
    expect((await beat).value).toEqual({
      event: 'heartbeat',
      data: { revision: manager.ruleset().revision },
    });

    const change = events.next();
    await manager.disable('streaming-2', by);
    expect((await change).value?.data).toMatchObject({ flags: { transcription: { enabled: false } } });
    await events.return(undefined);
    await settled();
    expect(evaluators.list()).toMatchObject([{ id: 'gateway-1', connected: false }]);
  });

  it('refuses a role that it does not know', async () => {
    const { get } = await started();
    await expectRefusal(await get('/v1/ruleset/stream?role=boss'), 'MESSAGE_INVALID', /role/);
  });
});

/** Lets everything that is ready run; nothing here waits for a clock. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function* eventsOf(answer: Response): AsyncGenerator<{ event: string; data: unknown }, void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
      yield { event: field('event'), data: JSON.parse(field('data')) };
    }
  }
}

describe('what processes cost', () => {
  const sample = { process: 'streaming', kind: 'pipeline', build: 'b1', pid: 7, rssBytes: 5 };

  it('is kept once, shown by process with its half-hour blocks, and the sender learns whom it spoke to', async () => {
    const { get, post } = await setUp();
    const samples = [
      { ...sample, atMs: 1_000, cpuMs: 10, audioMs: 0 },
      { ...sample, atMs: 2_000, cpuMs: 30, audioMs: 4_000 },
    ];
    const answer = await post('/v1/process-samples', { samples });
    expect(await answer.json()).toEqual({ received: 2, instance: 'instance-1' });
    await post('/v1/process-samples', { samples });
    expect(await (await get('/v1/processes')).json()).toMatchObject({
      processes: [{ process: 'streaming', atMs: 2_000, blocks: [{ samples: 2, cpuMs: 20, audioMs: 4_000 }] }],
    });
  });

  it('is refused whole when a sample is not one', async () => {
    const { get, post } = await setUp();
    const answer = await post('/v1/process-samples', { samples: [{ ...sample, atMs: 1, cpuMs: -1 }] });
    await expectRefusal(answer, 'MESSAGE_INVALID', /samples.0.cpuMs/);
    expect(await (await get('/v1/processes')).json()).toEqual({ processes: [] });
  });
});
