import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

let server: Server;
let proxy: FaultProxy;
const atTarget: Socket[] = [];
let received = 0;

/** A target that answers every byte with the same byte. */
beforeEach(async () => {
  received = 0;
  server = createServer((socket) => {
    atTarget.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received += bytes.length;
      socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await startFaultProxy(systemClock);
  proxy.setTarget((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  for (const socket of atTarget.splice(0)) socket.destroy();
  server.close();
  await once(server, 'close');
});

async function client(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends `text` and resolves with what came back of it. */
async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

const after = (delayMs: number): Promise<'nothing'> =>
  new Promise((resolve) => void systemClock.after(delayMs, () => resolve('nothing')));

test('bytes pass both ways, and the end of one side is the end of the other', async () => {
  const socket = await client();

  expect(await echo(socket, 'hello')).toBe('hello');
  expect(proxy.connections).toBe(1);
  const ended = once(atTarget[0]!, 'end');
  socket.end();
  await ended;
});

test('a reset is an ECONNRESET on both sides, and the next connection is well', async () => {
  const socket = await client();
  await echo(socket, 'hello');
  const near = once(socket, 'error');
  const far = once(atTarget[0]!, 'error');

  expect(proxy.reset()).toBe(1);
  expect((await near)[0]).toMatchObject({ code: 'ECONNRESET' });
  expect((await far)[0]).toMatchObject({ code: 'ECONNRESET' });
  expect(await echo(await client(), 'again')).toBe('again');
});

test('a stall holds answers back while the target hears everything; none is lost', async () => {
  const socket = await client();
  await echo(socket, 'a');
  proxy.setMode({ kind: 'stall' });
  const heard = once(atTarget[0]!, 'data');
  const answer = echo(socket, 'b');

  await heard;
  expect(received).toBe(2);
  expect(await Promise.race([answer, after(100)])).toBe('nothing');
  proxy.setMode({ kind: 'pass' });
  expect(await answer).toBe('b');
});

test('in a black hole nothing arrives and nobody is told, also of new connections', async () => {
  const socket = await client();
  await echo(socket, 'a');
  proxy.setMode({ kind: 'black-hole' });
  const late = await client();
  const answers = Promise.all([echo(socket, 'b'), echo(late, 'c')]);

  expect(await Promise.race([answers, after(100)])).toBe('nothing');
  expect(received).toBe(1);
  expect(socket.destroyed).toBe(false);
  proxy.setMode({ kind: 'pass' });
  expect(await answers).toEqual(['b', 'c']);
});

test('a throttle lets no more pass than its rate, and all of it', async () => {
  const socket = await client();
  const bytes = 200_000;
  proxy.setMode({ kind: 'throttle', bytesPerSecond: 400_000 });
  let back = 0;
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      back += data.length;
      if (back === bytes) resolve();
    });
  });
  const startedAtMs = systemClock.monotonicMs();
  // In pieces: what is read at once goes at once, and is paid for after.
  for (let at = 0; at < bytes; at += 10_000) socket.write(Buffer.alloc(10_000));
  await whole;

  expect(systemClock.monotonicMs() - startedAtMs).toBeGreaterThan(200);
});
