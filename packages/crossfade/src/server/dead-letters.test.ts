import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '@crossfade/sdk/core/clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { Undeliverable } from '../controller/notifier.ts';
import { planDocument } from '../controller/rollout.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import { ControlClient } from './control-client.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const by = { actor: 'ana', reason: 'the receiver is mended' };
const hook = 'https://hooks.example.com/services/T0/B0/secret-path';
let folder: string;
let plane: ControlPlane;
let isBroken: boolean;
const sent: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-dead-'));
  isBroken = true;
  sent.length = 0;
  plane = await startControlPlane({
    store: createMemoryRolloutStore(),
    sessions: createMemorySessionStore(),
    dataFolder: folder,
    port: 0,
    clock: systemClock,
    log: silentLog,
    tickMs: 20,
    sender: {
      async send({ target, kind }) {
        if (isBroken && target.startsWith('webhook:')) throw new Undeliverable('Expected 2xx, got 410.');
        if (target !== 'log') sent.push(kind);
      },
    },
  });
});
afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

async function deadLetter(): Promise<ControlClient> {
  const client = await ControlClient.forDataFolder(folder);
  await client.apply(
    { ...planDocument, notifications: [{ webhook: hook, on: ['awaiting-acceptance'] }] },
    by,
  );
  await client.command('streaming-2', 'start', by);
  await vi.waitFor(async () => expect(await client.deadLetters()).toHaveLength(1), { timeout: 10_000 });
  return client;
}

it('dead letters say who was not told of what and why, and never the path of a webhook', async () => {
  const client = await deadLetter();
  const [letter] = await client.deadLetters('streaming-2');
  expect(letter).toMatchObject({
    id: 'streaming-2:2:awaiting-acceptance>https://hooks.example.com',
    rollout: 'streaming-2',
    target: 'https://hooks.example.com',
    attempts: 1,
    error: 'Expected 2xx, got 410.',
  });
  expect(JSON.stringify(letter)).not.toContain('secret-path');
  expect(await client.deadLetters('another')).toEqual([]);
});

it('a dead letter is sent again when a person asks, and leaves once the receiver is mended', async () => {
  const client = await deadLetter();
  expect(await client.settleDeadLetters('retry', { rollout: 'another' }, by)).toBe(0);
  isBroken = false;
  expect(await client.settleDeadLetters('retry', { rollout: 'streaming-2' }, by)).toBe(1);
  await vi.waitFor(() => expect(sent).toEqual(['awaiting-acceptance']), { timeout: 10_000 });
  expect(await client.deadLetters()).toEqual([]);
});

it('a dead letter is dropped when a person asks', async () => {
  const client = await deadLetter();
  const [letter] = await client.deadLetters();
  expect(await client.settleDeadLetters('drop', { id: letter!.id }, by)).toBe(1);
  expect(await client.deadLetters()).toEqual([]);
  expect(sent).toEqual([]);
});
