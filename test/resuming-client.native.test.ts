/** The app's client in a real browser: what it loses when the network breaks or the gateway dies. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, type Chromium } from '../packages/crossfade/src/acceptance/chromium.ts';
import { type FaultProxy, startFaultProxy } from '../packages/crossfade/src/acceptance/faults/fault-proxy.ts';
import { startTestGateway, type TestGateway } from '../packages/crossfade/src/gateway/gateway.fixture.ts';
import {
  sampleRate,
  startScriptedUpstream,
  textOf,
  wordSamples,
} from '../packages/crossfade/src/gateway/scripted-upstream.fixture.ts';
import { root } from './repository.ts';

type Page = Awaited<ReturnType<Awaited<ReturnType<Chromium['newContext']>>['newPage']>>;

let chromium: Chromium;
beforeAll(async () => {
  chromium = await launchChromium();
}, 60_000);
afterAll(() => chromium.close());

const toClose: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

/** What the page does: the SDK as it was built, the browser's own WebSocket, and audio as the scripted upstream hears it. */
const script = `
  import { TranscriptionClient } from '/client/transcription-client.js';
  let client; const finals = []; const states = [];
  globalThis.begin = (url) => {
    client = new TranscriptionClient({
      url, sampleRate: ${sampleRate}, key: 'key-1', targetingKey: 'user-1', keepMs: 60000,
      onResult: (result) => { if (result.isFinal && result.text !== '') finals.push(result.text); },
      onConnection: (isLive) => states.push(isLive),
    });
  };
  globalThis.say = (first, count) => {
    const samples = new Int16Array(count * ${wordSamples});
    for (let word = 0; word < count; word++)
      samples.fill(first + word + 1, word * ${wordSamples}, (word + 1) * ${wordSamples});
    return client.send(new Uint8Array(samples.buffer));
  };
  globalThis.stop = () => client.stop();
  globalThis.look = () => ({
    text: finals.join(' '), states, id: client.sessionId, isLive: client.isLive, safe: client.safeToLeave,
  });
  document.title = 'ready';
`;

interface Look {
  readonly text: string;
  readonly states: readonly boolean[];
  readonly id: string | null;
  readonly isLive: boolean;
  readonly safe: boolean;
}

/** The page and its modules, from this machine: a page from elsewhere may not speak to a loopback address. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/';
  const page = '<!doctype html><title></title><script type="module" src="/page.js"></script>';
  response.setHeader('content-type', path === '/' ? 'text/html' : 'text/javascript');
  if (path === '/') response.end(page);
  else if (path === '/page.js') response.end(script);
  else
    readFile(join(root, 'packages/sdk/dist', path)).then(
      (file) => response.end(file),
      () => response.writeHead(404).end(),
    );
}

async function openPage(port: number): Promise<Page> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  toClose.push({ close: () => new Promise((resolve) => void server.close(resolve)) });
  const context = await chromium.newContext();
  toClose.push(context);
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction('document.title === "ready"');
  await page.evaluate(`begin("ws://127.0.0.1:${port}/v1/listen")`);
  return page;
}

const look = (page: Page): Promise<Look> => page.evaluate('look()');

async function until(page: Page, isSo: (look: Look) => boolean): Promise<Look> {
  for (;;) {
    const now = await look(page);
    if (isSo(now)) return now;
    await new Promise<void>((resolve) => void systemClock.after(20, resolve));
  }
}

/** Gateway and network of a test; the gateway may be started again where it was. */
async function world(): Promise<{
  proxy: FaultProxy;
  gateway: TestGateway;
  restart(): Promise<TestGateway>;
}> {
  const control = await startScriptedUpstream();
  toClose.push(control);
  const upstreams = [{ name: 'control', url: control.url }];
  const first = await startTestGateway({ upstreams, keys: ['key-1'] });
  const { port } = first.gateway;
  const proxy = await startFaultProxy(systemClock);
  toClose.push(proxy);
  proxy.setTarget(port);
  return {
    proxy,
    gateway: first,
    restart: async () => {
      const { folder, sessions } = first;
      const again = await startTestGateway({
        upstreams,
        keys: ['key-1'],
        folder,
        sessions,
        port,
      });
      toClose.push(again);
      return again;
    },
  };
}

test('a page speaks with a key, is told when it may leave, and gets the whole transcript', async () => {
  const { proxy, gateway } = await world();
  toClose.push(gateway);
  const page = await openPage(proxy.port);
  expect(await page.evaluate('say(0, 12)')).toBe(true);
  await until(page, ({ safe }) => safe);
  expect(await page.evaluate('say(12, 8)')).toBe(true);
  await page.evaluate('stop()');
  expect(await look(page)).toMatchObject({ text: textOf(0, 20), safe: true });
}, 30_000);

test('a network that breaks and comes back costs a page nothing, and is one session', async () => {
  const { proxy, gateway } = await world();
  toClose.push(gateway);
  const page = await openPage(proxy.port);
  await page.evaluate('say(0, 10)');
  const { id } = await until(page, ({ text }) => text.includes('w7'));
  proxy.setMode({ kind: 'black-hole' });
  await page.evaluate('say(10, 10)');
  proxy.reset();
  await until(page, ({ isLive }) => !isLive);
  await page.evaluate('say(20, 10)');
  proxy.setMode({ kind: 'pass' });
  proxy.reset();
  await until(page, ({ isLive }) => isLive);
  await page.evaluate('say(30, 4)');
  await page.evaluate('stop()');
  expect(await look(page)).toMatchObject({ text: textOf(0, 34), id, safe: true });
  const [stored, ...others] = await gateway.sessions.records();
  expect(others).toEqual([]);
  // What was durable was not sent again: the gateway counts what it is offered.
  expect(stored!.record.user).toMatchObject({
    samplesOffered: 34 * wordSamples,
    samplesCovered: 34 * wordSamples,
  });
}, 30_000);

test('a gateway that is killed and started again costs a page nothing', async () => {
  const { proxy, gateway, restart } = await world();
  const page = await openPage(proxy.port);
  await page.evaluate('say(0, 10)');
  const { id } = await until(page, ({ text }) => text.includes('w7'));
  await gateway.crash();
  await until(page, ({ isLive }) => !isLive);
  expect(await page.evaluate('say(10, 10)')).toBe(true);
  await restart();
  await page.evaluate('stop()');
  expect(await look(page)).toMatchObject({
    text: textOf(0, 20),
    id,
    safe: true,
    states: [true, false, true],
  });
  const records = await gateway.sessions.records();
  expect(records.map(({ record }) => record.gatewayRestarts)).toEqual([1]);
}, 30_000);
