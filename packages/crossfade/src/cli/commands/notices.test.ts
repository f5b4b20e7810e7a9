import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@crossfade/sdk/core/clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { createNoticeSender } from '../../notify/notice-sender.ts';
import { Receiver } from '../../notify/receiver.fixture.ts';
import type { NotifyTarget } from '../../notify/target.ts';
import { type ControlPlane, startControlPlane } from '../../server/control-plane.ts';
import { createMemoryRolloutStore } from '../../store/memory/events.ts';
import { createMemorySessionStore } from '../../store/memory/sessions.ts';
import { run } from '../command-io.fixture.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let folder: string;
let plane: ControlPlane;
let receiver: Receiver;

/** A control plane with one webhook that takes the first notice and refuses those that follow, and a program. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-notices-'));
  receiver = await Receiver.start({ status: 204 }, { status: 500 });
  const hook = { webhook: receiver.url(), format: 'standard', secretFromEnv: 'SECRET' } as const;
  const targets: readonly NotifyTarget[] = [
    { name: 'oncall', ...hook, on: [] },
    { name: 'pager', command: [process.execPath, '-e', 'process.exit(3)'], env: [], on: [] },
  ];
  const sender = createNoticeSender({
    ...{ targets, allowPrivateHosts: ['127.0.0.1'], env: { ...process.env, SECRET: secret } },
    ...{ clock: systemClock, log: silentLog },
  });
  const [store, sessions] = [createMemoryRolloutStore(), createMemorySessionStore()];
  plane = await startControlPlane({
    ...{ store, sessions, dataFolder: folder, port: 0, clock: systemClock, log: silentLog },
    ...{ sender, noticeTargets: targets },
  });
});

afterEach(async () => {
  await plane.close();
  await receiver.close();
  await rm(folder, { recursive: true, force: true });
});

const test = (...words: readonly string[]) => run(['notices', 'test', ...words, '--data', folder]);

describe('crossfade notices test', () => {
  it('sends a target one signed notice, whatever kinds it asks for, and says what came back', async () => {
    const { out, code } = await test('oncall', '--actor', 'ana');
    expect(out).toMatch(/^oncall answered 204 \(\d+ ms\)/);
    expect(code).toBe(0);
    expect(receiver.received).toHaveLength(1);
    const [call] = receiver.received;
    const verified = new Webhook(secret).verify(call!.body, call!.headers as Record<string, string>);
    expect(verified).toMatchObject({ type: 'rollout.test', data: { kind: 'test', actor: 'ana' } });
  });

  it('says why it did not arrive, with exit code 1, tries once, and leaves no dead letter', async () => {
    await test('oncall');
    const refused = await test('oncall', '--json');
    expect(JSON.parse(refused.out)).toMatchObject({
      ...{ target: 'oncall', isDelivered: false, said: 'Expected an answer of 2xx, got 500.' },
    });
    expect(refused.code).toBe(1);
    const program = await test('pager');
    expect(program.out).toMatch(/^pager was not told: Expected .* to end with 0, got 3\./);
    expect(program.code).toBe(1);
    expect(receiver.received).toHaveLength(2);
    const [first, second] = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(first).not.toBe(second);
    expect((await run(['notices', 'list', '--data', folder])).out).toContain('No dead letters.');
  });

  it('names the targets that there are when it is asked for another', async () => {
    const { err, code } = await test('onkall');
    expect(err).toContain('Expected a target of the system configuration (oncall, pager), got "onkall".');
    expect(code).toBe(2);
  });
});
