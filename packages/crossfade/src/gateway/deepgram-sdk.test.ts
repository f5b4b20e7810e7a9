/** The client that users of the protocol have, as it comes from npm, against the gateway. */
import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestGateway } from './gateway.fixture.ts';
import { audioOf, startScriptedUpstream, textOf } from './scripted-upstream.fixture.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function startUpstream() {
  const control = await startScriptedUpstream();
  closers.push(() => control.close());
  return [{ name: 'control', url: control.url }];
}

/** A live connection of the SDK, and what it heard. */
async function connectSdk(port: number) {
  const client = new DeepgramClient({ apiKey: 'key-1', baseUrl: `ws://127.0.0.1:${port}` });
  const connection = await client.listen.v1.connect({
    model: 'general',
    encoding: 'linear16',
    sample_rate: 16_000,
    interim_results: 'true',
    Authorization: 'Token key-1',
  });
  const heard = { finals: [] as string[], partials: 0, fromFinalize: 0, seconds: -1, opens: 0 };
  const watchers = new Set<() => void>();
  connection.on('open', () => {
    heard.opens += 1;
    for (const watcher of watchers) watcher();
  });
  connection.on('message', (message) => {
    if (message.type === 'Metadata') heard.seconds = message.duration;
    if (message.type !== 'Results') return;
    const text = message.channel.alternatives[0]!.transcript;
    if (message.is_final !== true) heard.partials += 1;
    else if (text !== '') heard.finals.push(text);
    if (message.from_finalize === true) heard.fromFinalize += 1;
    for (const watcher of watchers) watcher();
  });
  connection.on('error', () => undefined);
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isSo()) return;
        watchers.delete(check);
        resolve();
      };
      watchers.add(check);
      check();
    });
  const closed = new Promise<number>((resolve) => {
    connection.on('close', ({ code }) => code === 1000 && resolve(code));
  });
  connection.connect();
  await connection.waitForOpen();
  return { connection, heard, until, closed };
}

describe('the Deepgram SDK, unchanged', () => {
  it('gets partials, finals, an answer to Finalize, Metadata and close 1000 through the gateway', async () => {
    const running = await startTestGateway({ upstreams: await startUpstream(), keys: ['key-1'] });
    closers.push(() => running.close());
    const { connection, heard, until, closed } = await connectSdk(running.gateway.port);
    connection.sendMedia(audioOf(0, 9));
    connection.sendKeepAlive({ type: 'KeepAlive' });
    connection.sendFinalize({ type: 'Finalize' });
    await until(() => heard.finals.join(' ') === textOf(0, 9));
    connection.sendMedia(audioOf(9, 6));
    connection.sendCloseStream({ type: 'CloseStream' });
    expect(await closed).toBe(1000);
    connection.close();
    expect(heard.finals.join(' ')).toBe(textOf(0, 15));
    expect(heard.partials).toBeGreaterThan(0);
    expect(heard.seconds).toBe(0.75);
    expect(await running.nextRecord()).toMatchObject({ end: 'closed-by-client' });
  });

  it('comes back by itself after a gateway that was killed; what it had said before is kept', async () => {
    const upstreams = await startUpstream();
    const first = await startTestGateway({ upstreams, keys: ['key-1'] });
    const { port } = first.gateway;
    const { connection, heard, until, closed } = await connectSdk(port);
    connection.sendMedia(audioOf(0, 10));
    await until(() => heard.finals.join(' ').includes('w7'));
    await first.crash();
    const { folder, sessions } = first;
    const second = await startTestGateway({ upstreams, keys: ['key-1'], port, folder, sessions });
    closers.push(() => second.close());
    const recovered = await second.nextRecord();
    expect((await sessions.transcript(recovered.sessionId))!.entries.map(({ text }) => text).join(' ')).toBe(
      textOf(0, 10),
    );
    await until(() => heard.opens === 2);
    connection.sendMedia(audioOf(10, 10));
    connection.sendCloseStream({ type: 'CloseStream' });
    expect(await closed).toBe(1000);
    connection.close();
    expect(heard.finals.slice(-3).join(' ')).toBe(textOf(10, 10));
  }, 20_000);
});
