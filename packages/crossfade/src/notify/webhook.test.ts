import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { systemClock } from '@crossfade/sdk/core/clock';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { ComeAgain, Notifier, Undeliverable } from '../controller/notifier.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createNoticeSender, type NoticeSenderOptions } from './notice-sender.ts';
import { itemOf, Receiver, rollbackNotice, type Answer } from './receiver.fixture.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const nextSecret = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const never = new AbortController().signal;

const receivers: Receiver[] = [];
afterEach(async () => {
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
});

async function start(...answers: readonly Answer[]): Promise<Receiver> {
  const receiver = await Receiver.start(...answers);
  receivers.push(receiver);
  return receiver;
}

function senderOf(changes: Partial<NoticeSenderOptions> = {}) {
  return createNoticeSender({
    targets: [],
    allowPrivateHosts: ['127.0.0.1', 'localhost', '::1'],
    env: { CROSSFADE_WEBHOOK_SECRET: secret, BOTH: `${nextSecret} ${secret}` },
    clock: systemClock,
    log: silentLog,
    ...changes,
  });
}

const hookTo = (webhook: string, secretFromEnv?: string) =>
  itemOf({ to: 'webhook', webhook, format: 'standard', secretFromEnv });

describe('a webhook', () => {
  it('is signed so that the library of the specification verifies it, and says the whole notice', async () => {
    const receiver = await start();
    await senderOf().send(hookTo(receiver.url(), 'CROSSFADE_WEBHOOK_SECRET'), never);
    const [call] = receiver.received;
    const verified = new Webhook(secret).verify(call!.body, call!.headers as Record<string, string>);
    expect(verified).toEqual({
      type: 'rollout.rollback-started',
      timestamp: '2026-01-02T03:04:05.000Z',
      data: rollbackNotice,
    });
    expect(() => new Webhook(nextSecret).verify(call!.body, call!.headers as never)).toThrow();
    expect(() => new Webhook(secret).verify(`${call!.body} `, call!.headers as never)).toThrow();
  });

  it('carries the same id on every attempt, so that a receiver drops a repeat', async () => {
    const receiver = await start({ status: 500 }, { status: 200 });
    const item = hookTo(receiver.url());
    await expect(senderOf().send(item, never)).rejects.toThrow('got 500');
    await senderOf().send(item, never);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^msg_[0-9a-f]{32}$/);
  });

  it('is signed with both secrets while one is being changed', async () => {
    const receiver = await start();
    await senderOf().send(hookTo(receiver.url(), 'BOTH'), never);
    const [call] = receiver.received;
    for (const each of [secret, nextSecret]) new Webhook(each).verify(call!.body, call!.headers as never);
  });

  it('without its secret is not sent at all, and the refusal names the variable alone', async () => {
    const receiver = await start();
    const sending = senderOf({ env: { X: 'short' } });
    await expect(sending.send(hookTo(receiver.url(), 'X'), never)).rejects.toThrow(Undeliverable);
    await expect(sending.send(hookTo(receiver.url(), 'X'), never)).rejects.not.toThrow('short');
    await expect(sending.send(hookTo(receiver.url(), 'Y'), never)).rejects.toThrow(
      /Expected Y in the environment/,
    );
    expect(receiver.received).toEqual([]);
  });

  it('does not follow a redirect', async () => {
    const inside = await start();
    const receiver = await start({ status: 307, headers: { location: inside.url() } });
    await expect(senderOf().send(hookTo(receiver.url()), never)).rejects.toThrow(
      'got 307; redirects are not followed',
    );
    expect(inside.received).toEqual([]);
  });

  it('comes again when it is told to, and never to a receiver that is gone', async () => {
    const receiver = await start({ status: 429, headers: { 'retry-after': '120' } }, { status: 410 });
    await expect(senderOf().send(hookTo(receiver.url()), never)).rejects.toMatchObject({ afterMs: 120_000 });
    await expect(senderOf().send(hookTo(receiver.url()), never)).rejects.toThrow(Undeliverable);
    expect(new ComeAgain('', 1)).toBeInstanceOf(Error);
  });

  it('that nobody answers is given up when it is asked to', async () => {
    const receiver = await start('hangs');
    const abort = new AbortController();
    const sending = senderOf().send(hookTo(receiver.url()), abort.signal);
    await receiver.calls(1);
    abort.abort();
    await expect(sending).rejects.toThrow();
  });
});

describe('Slack', () => {
  it('gets a message with what, how bad, for whom, how sure, what was done and what to do', async () => {
    const receiver = await start();
    const notice = { ...rollbackNotice, reason: 'seen by <!channel> & co' };
    await senderOf().send(itemOf({ to: 'webhook', webhook: receiver.url(), format: 'slack' }, notice), never);
    const body = receiver.received[0]!.body;
    const message = JSON.parse(body) as { text: string; blocks: readonly { type: string }[] };
    expect(message.blocks.map(({ type }) => type)).toEqual(['header', 'section']);
    for (const part of ['How bad', '1,730 ms', '1,210 ms', 'For whom', 'How sure', '412', 'Done', 'Next'])
      expect(body).toContain(part);
    expect(message.text).toContain('1,730 ms against 1,210 ms');
    // A reason that a person typed mentions nobody.
    expect(body).toContain('&lt;!channel&gt; &amp; co');
  });

  it('gets no message longer than it takes', async () => {
    const receiver = await start();
    const notice = { ...rollbackNotice, title: 't'.repeat(500), howBad: '&'.repeat(5_000) };
    await senderOf().send(itemOf({ to: 'webhook', webhook: receiver.url(), format: 'slack' }, notice), never);
    const { text, blocks } = JSON.parse(receiver.received[0]!.body) as {
      text: string;
      blocks: readonly { text: { text: string } }[];
    };
    expect(text.length).toBeLessThanOrEqual(3_000);
    expect(blocks.map((block) => block.text.text.length)).toEqual([150, expect.any(Number)]);
    expect(blocks[1]!.text.text.length).toBeLessThanOrEqual(3_000);
  });
});

describe('a private address', () => {
  it.each([
    ['loopback', 'http://127.0.0.1:PORT/'],
    ['loopback as a number', 'http://2130706433:PORT/'],
    ['loopback in hexadecimal', 'http://0x7f.1:PORT/'],
    ['everything', 'http://0.0.0.0:PORT/'],
    ['loopback of version 6', 'http://[::1]:PORT/'],
    ['mapped loopback', 'http://[::ffff:127.0.0.1]:PORT/'],
    ['private', 'http://10.1.2.3:PORT/'],
    ['private', 'http://192.168.1.1:PORT/'],
    ['mapped private', 'http://[::ffff:c0a8:101]:PORT/'],
    ['where clouds keep credentials', 'http://169.254.169.254:PORT/'],
    ['link-local of version 6', 'http://[fe80::1]:PORT/'],
    ['unique local', 'http://[fd00::1]:PORT/'],
    ['shared', 'http://100.64.0.1:PORT/'],
    ['multicast', 'http://224.0.0.1:PORT/'],
    ['translated private', 'http://[64:ff9b::a00:1]:PORT/'],
    ['6to4 private', 'http://[2002:7f00:1::1]:PORT/'],
    ['a name that resolves to loopback', 'http://localhost:PORT/'],
  ])('is refused: %s, %s', async (_, url) => {
    const receiver = await start();
    const item = hookTo(url.replace('PORT', String(receiver.port)));
    const sending = senderOf({ allowPrivateHosts: [] }).send(item, never);
    await expect(sending).rejects.toThrow(/Expected .* at a public address/);
    await expect(sending).rejects.toThrow(Undeliverable);
    expect(receiver.received).toEqual([]);
  });

  it('is reached when the configuration allows its host by name, and no other host', async () => {
    const receiver = await start();
    const sender = senderOf({ allowPrivateHosts: ['localhost'] });
    await sender.send(hookTo(receiver.url('localhost')), never);
    expect(receiver.received).toHaveLength(1);
    await expect(sender.send(hookTo(receiver.url()), never)).rejects.toThrow(Undeliverable);
  });

  it('is not reached by a name that resolves to another address at the second look', async () => {
    const receiver = await start();
    const abort = new AbortController();
    let looks = 0;
    const sender = senderOf({
      allowPrivateHosts: [],
      resolve: (_host, done) => {
        if (looks++ > 0) return done(null, [{ address: '127.0.0.1', family: 4 }]);
        // Public at the first look; the call ends before anything is sent there.
        abort.abort();
        done(null, [{ address: '203.0.112.1', family: 4 }]);
      },
    });
    await expect(sender.send(hookTo(receiver.url('hooks.example.com')), abort.signal)).rejects.toThrow(
      /abort/i,
    );
    expect(looks).toBe(1);
    await expect(sender.send(hookTo(receiver.url('hooks.example.com')), never)).rejects.toThrow(
      Undeliverable,
    );
    expect(looks).toBe(2);
    expect(receiver.received).toEqual([]);
  });

  it('is refused when a name has no public one beside it', async () => {
    const receiver = await start();
    const tried: string[] = [];
    const sender = senderOf({
      allowPrivateHosts: [],
      resolve: (host, done) => {
        tried.push(host);
        done(null, [
          { address: '127.0.0.1', family: 4 },
          { address: '::ffff:10.0.0.1', family: 6 },
        ]);
      },
    });
    await expect(sender.send(hookTo(receiver.url('hooks.example.com')), never)).rejects.toThrow(
      'got 127.0.0.1, ::ffff:10.0.0.1',
    );
    expect(tried).toEqual(['hooks.example.com']);
    expect(receiver.received).toEqual([]);
  });
});

describe('targets of the configuration', () => {
  it('may keep an address in the environment, and say so when it is not there', async () => {
    const receiver = await start();
    const target = { name: 'slack', webhookFromEnv: 'SLACK', format: 'slack', on: [] } as const;
    const sender = senderOf({ targets: [target], env: { SLACK: receiver.url() } });
    await sender.send(itemOf({ to: 'target', name: 'slack' }), never);
    expect(receiver.received).toHaveLength(1);
    expect(() => senderOf({ targets: [target], env: {} })).toThrow(/Expected SLACK in the environment/);
  });

  it('that are no more are named with those that are', async () => {
    const target = { name: 'oncall', command: ['true'], env: [], on: [] } as const;
    const sending = senderOf({ targets: [target] }).send(itemOf({ to: 'target', name: 'old' }), never);
    await expect(sending).rejects.toThrow('Expected a target of the system configuration (oncall), got old.');
  });
});

describe('a notifier with real receivers', () => {
  it('delivers to the others at once while one of them hangs, and to that one after it was mended', async () => {
    const [slow, quick] = [await start('hangs', { status: 200 }), await start()];
    const store = createMemoryRolloutStore();
    const clock = new ManualClock();
    await store.append('a', 0, [], [hookTo(slow.url('127.0.0.1')), hookTo(quick.url('localhost'))], 0);
    const notifier = new Notifier({ store, clock, log: silentLog, sender: senderOf() });
    notifier.wake();
    await Promise.all([slow.calls(1), quick.calls(1)]);
    await expect.poll(() => store.pendingOutbox({ limit: 9 })).toHaveLength(1);
    clock.advance(10_000);
    await expect.poll(() => store.pendingOutbox({ limit: 9 })).toMatchObject([{ attempts: 1 }]);
    clock.advance(60_000);
    await notifier.flush();
    expect(slow.received).toHaveLength(2);
    expect(await store.pendingOutbox({ limit: 9 })).toEqual([]);
  });
});
