import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openStockClient, startTestGateway, type TestGateway } from './gateway.fixture.ts';
import {
  audioOf,
  type ScriptedUpstream,
  startScriptedUpstream,
  textOf,
} from './scripted-upstream.fixture.ts';

let control: ScriptedUpstream;
let running: TestGateway;

beforeAll(async () => {
  control = await startScriptedUpstream();
  running = await startTestGateway({
    upstreams: [{ name: 'control', url: control.url }],
    keys: ['right-key'],
    limits: { idleMs: 300, sessionsMax: 20 },
  });
});

afterAll(async () => {
  await running.close();
  await control.close();
});

const key = ['token', 'right-key'];

/** Opens a socket that must be refused, and answers status, dg-error and body. */
function refused(
  path: string,
  protocols: string[] = key,
): Promise<{ status: number; error: string; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.gateway.port}${path}`, protocols);
    socket.on('open', () => reject(new Error('Expected a refusal, got a connection.')));
    socket.on('error', () => {});
    socket.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, error: String(response.headers['dg-error']), body });
      });
    });
  });
}

describe('a handshake that is refused says what was expected', () => {
  test.each([
    ['/v1/listen?encoding=opus&sample_rate=16000', 400, 'encoding'],
    ['/v1/listen?encoding=linear16&sample_rate=96000', 400, 'sample_rate'],
    ['/v1/listen?encoding=linear16', 400, 'sample_rate'],
    ['/v1/listen?encoding=linear16&sample_rate=16000&channels=2', 400, 'channels'],
    ['/v1/listen?encoding=linear16&sample_rate=16000&interim_results=maybe', 400, 'interim_results'],
    ['/v1/listen?encoding=linear16&sample_rate=16000&extra=nonsense', 400, 'key:value'],
    ['/v1/listen?encoding=linear16&sample_rate=16000&extra=session:s&extra=after:1', 400, 'heard'],
    // As a segment's number it would be everybody's: adding one to it changes nothing.
    [
      `/v1/listen?encoding=linear16&sample_rate=16000&extra=session:s&extra=heard:1&extra=after:${2 ** 53 - 1}`,
      400,
      'after',
    ],
    [`/v1/listen?encoding=linear16&sample_rate=16000&keyterm=${'x'.repeat(9_000)}`, 400, '8192'],
    ['/v1/speak?encoding=linear16&sample_rate=16000', 400, '/v1/listen'],
  ])('%s', async (path, status, mention) => {
    const answer = await refused(path);
    expect(answer.status).toBe(status);
    expect(answer.error).toContain('Expected');
    expect(answer.error).toContain(mention);
    expect(JSON.parse(answer.body)).toMatchObject({ err_code: 'QUERY_INVALID' });
  });

  test.each([[[]], [['token', 'wrong-key']], [['bearer']]])(
    'a missing or wrong key %j gets 401',
    async (protocols) => {
      const answer = await refused('/v1/listen?encoding=linear16&sample_rate=16000', protocols);
      expect(answer.status).toBe(401);
      expect(answer.body).not.toContain('right-key');
    },
  );

  test('the key may come as a header, and the subprotocol is echoed', async () => {
    const client = await openStockClient(running.url(), key);
    expect(client.socket.protocol).toBe('token');
    client.socket.terminate();
    const socket = new WebSocket(running.url(), { headers: { authorization: 'Bearer right-key' } });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.terminate();
    await Promise.all([running.nextRecord(), running.nextRecord()]);
  });
});

describe('a message that cannot be understood ends with a close code, and what came before is transcribed', () => {
  const bad: readonly [string, (socket: WebSocket) => void, number][] = [
    ['half a sample', (socket) => socket.send(new Uint8Array(3)), 1008],
    ['text that is not JSON', (socket) => socket.send('hello'), 1008],
    ['a message of another protocol', (socket) => socket.send('{"type":"StartRecognition"}'), 1008],
    ['100 kB of text', (socket) => socket.send('x'.repeat(100_000)), 1008],
    ['a frame over the limit', (socket) => socket.send(new Uint8Array(400_000)), 1009],
  ];

  test.each(bad)('%s', async (_, send, code) => {
    const client = await openStockClient(running.url(), key);
    client.send(audioOf(0, 10));
    send(client.socket);
    expect((await client.closed).code).toBe(code);
    const record = await running.nextRecord();
    expect(record.end).toBe('client-lost');
    const transcript = await running.sessions.transcript(record.sessionId);
    expect(transcript!.entries.map((entry) => entry.text).join(' ')).toBe(textOf(0, 10));
  });

  test('silence without KeepAlive ends with NET-0001', async () => {
    const client = await openStockClient(running.url(), key);
    client.send(audioOf(0, 4));
    expect(await client.closed).toEqual({ code: 1011, reason: 'NET-0001' });
    expect((await running.nextRecord()).end).toBe('limit');
  });

  test('a client that vanishes leaves a whole transcript and one record', async () => {
    const client = await openStockClient(running.url(), key);
    client.send(audioOf(0, 12));
    await client.heard('w3');
    client.socket.terminate();
    const record = await running.nextRecord();
    expect(record).toMatchObject({
      end: 'client-lost',
      user: { samplesOffered: 9_600, samplesCovered: 9_600 },
    });
  });

  test('an empty binary frame is the old way to say CloseStream', async () => {
    const client = await openStockClient(running.url(), key);
    client.send(audioOf(0, 4));
    client.send(new Uint8Array(0));
    expect((await client.closed).code).toBe(1000);
    expect((await running.nextRecord()).end).toBe('closed-by-client');
  });
});

test('one session too many is refused with 503, and the ones that run go on', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => openStockClient(running.url(), key)));
  for (const client of clients) client.send(audioOf(0, 4));
  const answer = await refused('/v1/listen?encoding=linear16&sample_rate=16000');
  expect(answer.status).toBe(503);
  for (const client of clients) client.say('CloseStream');
  for (const client of clients) expect((await client.closed).code).toBe(1000);
  for (const _ of clients) await running.nextRecord();
});

test('a port in use is named in the error', async () => {
  const { startGateway } = await import('./gateway.ts');
  const { systemClock } = await import('@crossfade/sdk/core/clock');
  const { systemIds } = await import('@crossfade/sdk/core/ids');
  const { silentLog } = await import('@crossfade/sdk/core/log');
  const taken = running.gateway.port;
  const journal = { onDurable: () => () => {}, unfinished: () => [] } as never;
  const started = startGateway({
    host: '127.0.0.1',
    port: taken,
    flag: 'pipeline',
    upstreams: [{ name: 'control', url: control.url }],
    controlUpstream: 'control',
    journal,
    sessions: running.sessions,
    evaluator: { evaluate: () => ({ value: 'control', variant: 'control', reason: 'STATIC', revision: 1 }) },
    clock: systemClock,
    ids: systemIds,
    log: silentLog,
  });
  await expect(started).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`${taken}`) as string,
  });
});

test('a plain HTTP request gets a plain answer', async () => {
  const status = await new Promise((resolve, reject) => {
    request({ port: running.gateway.port, path: '/nothing' }, (response) => resolve(response.statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(404);
});
