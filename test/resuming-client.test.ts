/** The app's client against a real gateway: what it loses when the network breaks or the gateway dies. */
import {
  TranscriptionClient,
  type SocketConstructor,
  type TranscriptResult,
} from '@crossfade/sdk/client/transcription-client';
import { WebSocket } from 'ws';
import { afterEach, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../packages/crossfade/src/gateway/gateway.fixture.ts';
import {
  audioOf,
  sampleRate,
  startScriptedUpstream,
  type ScriptedUpstream,
  textOf,
} from '../packages/crossfade/src/gateway/scripted-upstream.fixture.ts';

const toClose: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const thing of toClose.splice(0).reverse()) await thing.close();
});

/** Sockets made by the client under test, so that a test can break the newest. */
function breakable(): { Socket: SocketConstructor; breakNewest(): void; opened(): number } {
  const sockets: WebSocket[] = [];
  class Breakable extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  return {
    Socket: Breakable,
    breakNewest: () => sockets.at(-1)!.terminate(),
    opened: () => sockets.length,
  };
}

interface Listening {
  readonly client: TranscriptionClient;
  readonly results: TranscriptResult[];
  text(): string;
  heard(word: string): Promise<void>;
}

function listen(
  url: string,
  Socket: SocketConstructor,
  extra: { keepMs?: number; giveUpMs?: number } = {},
): Listening {
  const results: TranscriptResult[] = [];
  const watchers = new Set<() => void>();
  const client = new TranscriptionClient({
    url,
    sampleRate,
    targetingKey: 'user-1',
    WebSocket: Socket,
    onResult: (result) => {
      results.push(result);
      for (const watcher of watchers) watcher();
    },
    ...extra,
  });
  toClose.push(client);
  const text = (): string =>
    results
      .filter((result) => result.isFinal && result.text !== '')
      .map((result) => result.text)
      .join(' ');
  return {
    client,
    results,
    text,
    heard: (word) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!text().split(' ').includes(word)) return;
          watchers.delete(check);
          resolve();
        };
        watchers.add(check);
        check();
      }),
  };
}

async function world(): Promise<{ control: ScriptedUpstream; gateway: TestGateway }> {
  const control = await startScriptedUpstream();
  toClose.push(control);
  const gateway = await startTestGateway({ upstreams: [{ name: 'control', url: control.url }] });
  return { control, gateway };
}

test('audio sent before the connection is open is not lost', async () => {
  const { gateway } = await world();
  toClose.push(gateway);
  const { Socket } = breakable();
  const { client, text } = listen(gateway.url(), Socket);
  client.send(audioOf(0, 10));
  await client.stop();
  expect(text()).toBe(textOf(0, 10));
  expect(client.safeToLeave).toBe(true);
});

test('a network that breaks three times costs nothing and repeats nothing', async () => {
  const { gateway } = await world();
  toClose.push(gateway);
  const { Socket, breakNewest, opened } = breakable();
  const { client, text, heard } = listen(gateway.url(), Socket);
  for (let part = 0; part < 3; part++) {
    client.send(audioOf(part * 10, 10));
    await heard(`w${part * 10 + 3}`);
    breakNewest();
  }
  client.send(audioOf(30, 10));
  await client.stop();
  expect(text()).toBe(textOf(0, 40));
  expect(opened()).toBe(4);
  expect(await gateway.sessions.records()).toHaveLength(1);
});

test('a gateway that dies and comes back costs nothing, also in the middle of stop', async () => {
  const { control, gateway } = await world();
  const { Socket } = breakable();
  const { client, text, heard } = listen(gateway.url(), Socket);
  client.send(audioOf(0, 14));
  await heard('w7');
  const { port } = gateway.gateway;
  await gateway.crash();
  client.send(audioOf(14, 10));
  const stopped = client.stop();
  const second = await startTestGateway({
    upstreams: [{ name: 'control', url: control.url }],
    folder: gateway.folder,
    sessions: gateway.sessions,
    port,
  });
  toClose.push(second);
  await stopped;
  expect(text()).toBe(textOf(0, 24));
  const [stored, ...others] = await gateway.sessions.records();
  expect(others).toEqual([]);
  expect(stored!.record).toMatchObject({ gatewayRestarts: 1, end: 'closed-by-client' });
  expect(stored!.record.user.crashLossMs).toEqual([0]);
});

test('partials and finals carry stable segment ids, and nothing comes after a final', async () => {
  const { gateway } = await world();
  toClose.push(gateway);
  const { client, results } = listen(gateway.url(), breakable().Socket);
  client.send(audioOf(0, 20));
  await client.stop();
  const finals = new Set<string>();
  for (const result of results) {
    expect(finals.has(result.segmentId)).toBe(false);
    if (result.isFinal) finals.add(result.segmentId);
  }
  expect(results.some((result) => !result.isFinal && finals.has(result.segmentId))).toBe(true);
});

test('memory is bounded while the gateway is away, and the client gives up in the end with a sentence', async () => {
  const { gateway } = await world();
  const url = gateway.url();
  await gateway.close();
  const { client } = listen(url, breakable().Socket, { keepMs: 500, giveUpMs: 300 });
  expect(client.send(audioOf(0, 10))).toBe(true);
  expect(client.send(audioOf(10, 10))).toBe(false);
  await expect(client.stop()).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(client.safeToLeave).toBe(false);
});

test('a session the gateway does not know is an error, not an endless retry', async () => {
  const { control, gateway } = await world();
  const { client, heard } = listen(gateway.url(), breakable().Socket);
  client.send(audioOf(0, 8));
  await heard('w3');
  const { port } = gateway.gateway;
  await gateway.close();
  const other = await startTestGateway({ upstreams: [{ name: 'control', url: control.url }], port });
  toClose.push(other);
  await expect(client.stop()).rejects.toMatchObject({ code: 'SESSION_UNKNOWN' });
});
