import { silentLog } from '@crossfade/sdk/core/log';
import { beforeEach, expect, test } from 'vitest';
import { recordOf } from '../analysis/record.fixture.ts';
import type { Gateway, LiveView } from '../gateway/gateway.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionStore } from '../store/store.ts';
import { createGatewayApp } from './gateway-app.ts';

const headers = { authorization: 'Token right' };
const entry = { segmentId: 'g1', start: 0, end: 16_000, text: 'good morning', words: [], upstream: 'legacy' };

let sessions: SessionStore;
let withAudio: Set<string>;
let erased: string[];
let live: Partial<LiveView> | undefined;
let app: ReturnType<typeof createGatewayApp>;

beforeEach(async () => {
  sessions = createMemorySessionStore();
  await sessions.saveSession(recordOf({ id: 's1' }), {
    sessionId: 's1',
    sampleRate: 16_000,
    entries: [entry],
  });
  withAudio = new Set(['s1', 'forgotten']);
  erased = [];
  live = undefined;
  app = createGatewayApp({
    gateway: () => ({ live: () => live }) as unknown as Gateway,
    sessions,
    eraseAudio: async (id) => withAudio.has(id) && erased.push(id) > 0,
    keys: ['right'],
    log: silentLog,
    ruleset: () => ({ revision: 0, ageMs: 0 }),
  });
});

const ask = async (method: string, id: string, asked: Record<string, string> = headers) => {
  const answer = await app.request(`/sessions/${id}`, { method, headers: asked });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

test('an erased session has no audio and no words; its record stays, and erasing again changes nothing', async () => {
  expect((await ask('GET', 's1')).body).toMatchObject({ state: 'ended', text: 'good morning' });
  for (let times = 0; times < 2; times++) {
    expect(await ask('DELETE', 's1')).toEqual({ status: 200, body: { sessionId: 's1', state: 'erased' } });
  }
  expect(erased).toEqual(['s1', 's1']);
  const { body } = await ask('GET', 's1');
  expect(body).toMatchObject({ state: 'erased', text: '', entries: [], record: { sessionId: 's1' } });
});

test('a session whose record was forgotten is unknown, and its audio can still be erased', async () => {
  expect(await ask('GET', 'forgotten')).toMatchObject({ status: 404, body: { code: 'SESSION_UNKNOWN' } });
  expect((await ask('DELETE', 'forgotten')).status).toBe(200);
  expect(erased).toEqual(['forgotten']);
});

test('what was said is erased also when its audio is gone already', async () => {
  withAudio.clear();
  expect((await ask('DELETE', 's1')).status).toBe(200);
  expect((await ask('GET', 's1')).body).toMatchObject({ state: 'erased', text: '' });
});

test('nothing is erased of a session that runs, that nobody knows, or without the key', async () => {
  expect(await ask('DELETE', 'nobody')).toMatchObject({ status: 404, body: { code: 'SESSION_UNKNOWN' } });
  expect((await ask('DELETE', 's1', { authorization: 'Token wrong' })).status).toBe(401);
  live = { phase: 'live' };
  const refused = await ask('DELETE', 's1');
  expect(refused).toMatchObject({ status: 409, body: { code: 'JOURNAL_REFUSED' } });
  expect(refused.body['message']).toBe(
    'Expected a session that is over, got one that is live. Let it end, then erase it.',
  );
  expect(erased).toEqual([]);
});
