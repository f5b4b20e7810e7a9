/** What a client or a disk may do to the gateway, and how it ends: a code, a line in the log, and memory that stays. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { systemClock } from '@crossfade/sdk/core/clock';
import type { Log } from '@crossfade/sdk/core/log';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  openStockClient,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from './gateway.fixture.ts';
import { audioOf, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';
import { startTakingUpstream } from './taking-upstream.fixture.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Line {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A gateway whose log is read; `upstream` by default transcribes. */
async function start(
  options: Omit<TestGatewayOptions, 'upstreams'>,
  upstream?: { readonly url: string },
): Promise<TestGateway & { readonly lines: Line[] }> {
  const control = upstream ?? (await startControl());
  const lines: Line[] = [];
  const keep = (fields: object, message?: string): void =>
    void lines.push({ fields: fields as Line['fields'], message: message ?? '' });
  const log: Log = { debug: () => undefined, info: () => undefined, warn: keep, error: keep };
  const running = await startTestGateway({
    ...options,
    log,
    upstreams: [{ name: 'control', url: control.url }],
  });
  closers.push(() => running.close());
  return { ...running, lines };
}

async function startControl(): Promise<{ readonly url: string }> {
  const control = await startScriptedUpstream();
  closers.push(() => control.close());
  return control;
}

const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(delayMs, resolve));

/** A connection without a WebSocket client. */
function tcp(running: TestGateway): { socket: Socket; heard: () => string; closed: Promise<unknown> } {
  const socket = connect(running.gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1')));
  socket.on('error', () => undefined);
  return { socket, heard: () => text, closed: once(socket, 'close') };
}

const upgradeRequest = (running: TestGateway): string =>
  `GET ${new URL(running.url()).pathname}${new URL(running.url()).search} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
  'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

describe('connections', () => {
  test('of one address have a limit; one more is refused with 503, and those that are there go on', async () => {
    const running = await start({ limits: { connectionsPerAddressMax: 3 } });
    const clients = await Promise.all([1, 2, 3].map(() => openStockClient(running.url())));
    const fourth = tcp(running);
    await fourth.closed;
    expect(fourth.heard()).toMatch(/^HTTP\/1.1 503 [^]*at most 3 connections of one address/);
    expect(running.lines).toMatchObject([{ fields: { code: 'SESSION_LIMIT' }, message: 'client refused' }]);
    for (const client of clients) client.send(audioOf(0, 4));
    for (const client of clients) client.say('CloseStream');
    for (const client of clients) expect((await client.closed).code).toBe(1000);
  });

  test('that come a thousand a second are refused past the rate, with a few lines in the log and flat memory', async () => {
    const running = await start({ limits: { connectionsPerAddressMax: 50, connectsPerSecondMax: 50 } });
    const knock = async (): Promise<boolean> => {
      const socket = new WebSocket(running.url());
      socket.on('error', () => undefined);
      const isIn = await new Promise<boolean>((resolve) => {
        socket.once('open', () => resolve(true));
        socket.once('close', () => resolve(false));
      });
      socket.terminate();
      return isIn;
    };
    const rssBefore = process.memoryUsage().rss;
    let admitted = 0;
    for (let round = 0; round < 40; round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, knock));
      admitted += answers.filter((isIn) => isIn).length;
    }
    expect(admitted).toBeGreaterThan(0);
    expect(running.gateway.stats().refused).toBe(2_000 - admitted);
    expect(admitted).toBeLessThan(1_000);
    const refusals = running.lines.filter(({ fields }) => fields['code'] === 'SESSION_LIMIT');
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.length).toBeLessThan(60);
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(150 * 1_048_576);
  }, 30_000);

  test('that send their request a byte at a time are refused with 408 when their time is over', async () => {
    const running = await start({ limits: { handshakeMs: 300 } });
    const slow = tcp(running);
    let isGone = false;
    void slow.closed.then(() => (isGone = true));
    for (const byte of upgradeRequest(running)) {
      if (isGone) break;
      slow.socket.write(byte);
      await after(20);
    }
    await slow.closed;
    expect(slow.heard()).toMatch(/^HTTP\/1.1 408 /);
    expect(running.lines).toMatchObject([{ fields: { code: 'TIMEOUT' }, message: 'client refused' }]);
  });

  test('that speak another protocol are refused with 400', async () => {
    const running = await start({});
    const other = tcp(running);
    other.socket.write('\u0016\u0003\u0001 hello\r\n\r\n');
    await other.closed;
    expect(other.heard()).toMatch(/^HTTP\/1.1 400 /);
    expect(running.lines).toHaveLength(1);
  });
});

describe('messages', () => {
  test.each([
    ['10 MB of text', 'x'.repeat(10_000_000), 1009],
    ['an empty text frame', '', 1008],
  ])('%s end with a code and a line, and what came before is transcribed', async (_, text, code) => {
    const running = await start({});
    const client = await openStockClient(running.url());
    client.send(audioOf(0, 8));
    client.socket.send(text);
    expect((await client.closed).code).toBe(code);
    const { sessionId } = await running.nextRecord();
    const transcript = await running.sessions.transcript(sessionId);
    expect(transcript!.entries.map((entry) => entry.text).join(' ')).toBe(textOf(0, 8));
    expect(running.lines[0]!.fields).toMatchObject({ session: sessionId });
  });

  test('a frame that comes a byte at a time is no audio: the client is idle, and cut off when it does not answer', async () => {
    const running = await start({ limits: { idleMs: 400, closeHandshakeMs: 300 } });
    const slow = tcp(running);
    slow.socket.write(upgradeRequest(running));
    await once(slow.socket, 'data');
    // A masked binary frame of 200 kB, of which little ever comes.
    slow.socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 3, 13, 64, 1, 2, 3, 4]));
    const drip = setInterval(() => slow.socket.write('x'), 50);
    await slow.closed;
    clearInterval(drip);
    expect(slow.heard()).toContain('NET-0001');
    expect((await running.nextRecord()).end).toBe('limit');
    expect(running.lines[0]).toMatchObject({ fields: { variant: 'NET-0001' } });
  });

  test('a client that is gone without a word, as behind a cut cable, is idle and then cut off', async () => {
    const running = await start({ limits: { idleMs: 300, closeHandshakeMs: 300 } });
    const client = await openStockClient(running.url());
    client.send(audioOf(0, 4));
    // It reads nothing, so it never answers the close; its side of the connection stays.
    client.socket.pause();
    expect((await running.nextRecord()).end).toBe('limit');
    const { socket } = client as unknown as { socket: { resume(): void } };
    await after(500);
    socket.resume();
    expect((await client.closed).code).toBe(1011);
  });

  test('pings of a client that reads nothing fill no memory', async () => {
    const running = await start({ limits: { clientBufferBytesMax: 65_536, closeHandshakeMs: 200 } });
    const client = await openStockClient(running.url());
    client.socket.pause();
    const ping = Buffer.alloc(125);
    while (client.socket.readyState === WebSocket.OPEN) {
      for (let each = 0; each < 2_000; each += 1) client.socket.ping(ping, undefined, () => undefined);
      await after(5);
      if (running.lines.length > 0) break;
    }
    expect(running.lines[0]!.message).toBe('client reads too slowly');
    expect(running.gateway.stats().unsentBytes.clients).toBeLessThan(1_000_000);
    client.socket.terminate();
    await running.nextRecord();
  }, 20_000);
});

describe('memory and disk', () => {
  test('what upstreams do not read waits in the journal, for all sessions together', async () => {
    const upstream = await startTakingUpstream({ reads: false });
    closers.push(() => upstream.close());
    const limits = { upstreamBufferBytesMax: 4_000_000, bufferBytesTotalMax: 3_000_000, stallMs: 60_000 };
    const running = await start({ limits }, upstream);
    const clients = await Promise.all(Array.from({ length: 8 }, () => openStockClient(running.url())));
    const frame = new Uint8Array(64_000);
    for (let at = 0; at < 100; at += 1) {
      for (const client of clients) client.send(frame);
      await after(5);
    }
    // 51 MB came; the sockets of the kernel hold some of it.
    const received = (): number =>
      clients.reduce((sum, { id }) => sum + (running.gateway.live(id)?.samplesReceived ?? 0), 0);
    while (received() < 8 * 100 * 32_000) await after(20);
    const { unsentBytes } = running.gateway.stats();
    expect(unsentBytes.upstreams).toBeGreaterThan(500_000);
    expect(unsentBytes.upstreams).toBeLessThan(3_000_000 + 8 * 65_536 * 2);
    for (const client of clients) client.socket.terminate();
  }, 30_000);

  test('a session that sends as fast as it can is slowed down by itself, and does not delay another one', async () => {
    const upstream = await startTakingUpstream({ reads: true });
    closers.push(() => upstream.close());
    const running = await start({}, upstream);
    const quiet = await openStockClient(running.url());
    const noisy = await openStockClient(running.url());
    let isOver = false;
    const frame = new Uint8Array(128_000);
    const shout = async (): Promise<number> => {
      let sent = 0;
      while (!isOver) {
        if (noisy.socket.bufferedAmount < 4_000_000) noisy.send(frame);
        sent += frame.length;
        await after(0);
      }
      return sent;
    };
    const shouting = shout();
    const waitsMs: number[] = [];
    let pendingMax = 0;
    for (let at = 0; at < 30; at += 1) {
      const sentAtMs = systemClock.monotonicMs();
      const finals = quiet.messages.length;
      quiet.send(audioOf(at, 2));
      while (quiet.messages.length === finals) await after(1);
      waitsMs.push(systemClock.monotonicMs() - sentAtMs);
      pendingMax = Math.max(pendingMax, running.gateway.stats().journal.pendingBytes);
      await after(40);
    }
    isOver = true;
    await shouting;
    expect(waitsMs.toSorted((a, b) => a - b)[27]).toBeLessThan(250);
    // Of 64 MiB that all sessions share: it cannot make the journal refuse the others.
    expect(pendingMax).toBeLessThan(4 * 1_048_576);
    expect(noisy.socket.readyState).toBe(WebSocket.OPEN);
    for (const { socket } of [quiet, noisy]) socket.terminate();
  }, 30_000);

  test('a disk that confirms nothing makes the client wait, and then tells it so', async () => {
    const running = await start({
      limits: { undurableBytesMax: 50_000, idleMs: 500 },
      seenJournal: (journal) =>
        new Proxy(journal, {
          get: (target, name) => {
            if (name === 'durableSample') return () => 0;
            if (name === 'onDurable') return () => () => undefined;
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }),
    });
    const client = await openStockClient(running.url());
    for (let at = 0; at < 100; at += 1) client.send(audioOf(at, 4));
    expect(await client.closed).toMatchObject({ code: 1013 });
    expect(client.messages.at(-1)).toMatchObject({ type: 'Error', variant: 'JOURNAL_UNAVAILABLE' });
    const record = await running.nextRecord();
    expect(record.user.samplesCovered).toBe(record.user.samplesOffered);
    // What was not read any more was not taken: at most a frame past the limit.
    expect(record.user.samplesOffered * 2).toBeLessThan(50_000 + 64_000);
  });
});
