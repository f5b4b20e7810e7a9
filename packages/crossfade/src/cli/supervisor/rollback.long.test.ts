/**
 * Two hundred people speak to the candidate when it is taken back: processes as in production, an order over the control
 * plane's API, and the receipt as it is stored and shown.
 */
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceiptStatus } from '../../controller/rollout-status.ts';
import { openStockClient, type StockClient } from '../../gateway/gateway.fixture.ts';
import {
  audioOf,
  sampleRate,
  startScriptedUpstream,
  textOf,
} from '../../gateway/scripted-upstream.fixture.ts';
import { ControlClient } from '../../server/control-client.ts';
import { run } from '../command-io.fixture.ts';
import { parseSystemConfig } from '../system-config.ts';
import { by, startForEverybody } from './candidate-sessions.fixture.ts';
import { startTestSystem, type TestSystem } from './system.fixture.ts';

const sessions = 200;
/** Words before the order, and after it: the first are no whole number of finals, so that it comes in mid-utterance. */
const [wordsBefore, wordsAfter] = [14, 16];

const closers: (() => Promise<unknown>)[] = [];
let running: TestSystem;
beforeAll(async () => {
  running = await startWithUpstreams();
});
afterAll(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(delayMs, resolve));

/** A system whose two upstreams say exactly what is in the audio, so that nobody need judge by ear. */
async function startWithUpstreams(): Promise<TestSystem> {
  const [control, next] = [await startScriptedUpstream(), await startScriptedUpstream()];
  closers.push(
    () => control.close(),
    () => next.close(),
  );
  const upstreams = [
    { name: 'control', url: control.url },
    { name: 'next', url: next.url },
  ];
  const config = { gateway: { port: 0 }, upstreams, control: 'control' };
  const started = await startTestSystem(parseSystemConfig(JSON.stringify(config), 'the test system'));
  closers.push(() => started.close());
  return started;
}

async function openSessions(gatewayUrl: string): Promise<readonly StockClient[]> {
  const query = `encoding=linear16&sample_rate=${sampleRate}&interim_results=true`;
  const clients = await Promise.all(
    Array.from({ length: sessions }, (_, user) =>
      openStockClient(`${gatewayUrl}/v1/listen?${query}&extra=targetingKey:user-${user}`),
    ),
  );
  for (const client of clients) client.send(audioOf(0, wordsBefore));
  await Promise.all(clients.map((client) => client.heard('w7')));
  return clients;
}

/** Asks until the receipt is closed and each session has ended. */
async function wholeReceipt(client: ControlClient, name: string): Promise<ReceiptStatus> {
  for (;;) {
    const { receipt } = await client.rollout(name);
    if (receipt !== null && receipt.completedAtMs !== null && receipt.running === 0) return receipt;
    await after(100);
  }
}

const receipts = new Map<string, ReceiptStatus>();

describe(`a rollback with ${sessions} live sessions`, () => {
  test.each([
    { policy: 'finish', outcome: 'finished', moved: 0 },
    { policy: 'migrate', outcome: 'migrated', moved: sessions },
  ] as const)(
    'by $policy leaves a receipt of each session, of no lost sample, of nothing shown twice, and of every pause',
    async ({ policy: name, outcome, moved }) => {
      const { system, dataDir } = running;
      const client = await ControlClient.forDataFolder(dataDir);
      await startForEverybody(client, name);
      const decided = async () => (await client.decide('transcription', { targetingKey: 'user-0' })).variant;
      expect(await decided()).toBe('after');
      const speakers = await openSessions(system.gatewayUrl);

      await client.command(name, 'rollback', by, { policy: name });
      expect(await decided()).toBe('before');
      for (const speaker of speakers) {
        speaker.send(audioOf(wordsBefore, wordsAfter));
        speaker.say('CloseStream');
      }
      await Promise.all(speakers.map(({ closed }) => closed));
      for (const speaker of speakers) expect(speaker.text()).toBe(textOf(0, wordsBefore + wordsAfter));

      const receipt = await wholeReceipt(client, name);
      receipts.set(name, receipt);
      const each = { gateway: 'gateway-1', outcome, samplesLost: 0, duplicateEntries: 0 };
      const byId = new Map(receipt.sessions.map((session) => [session.sessionId, session]));
      expect(byId.size).toBe(sessions);
      for (const { id } of speakers) expect(byId.get(id)).toMatchObject(each);
      const all = { unacknowledged: [], unreported: [], samplesLost: 0, duplicateEntries: 0 };
      expect(receipt).toMatchObject({ ...all, policy: name, admissionStoppedBy: 'acknowledgement' });
      expect(receipt.pauses?.sessions ?? 0).toBe(moved);
      const drained = (await client.history(name)).filter(({ type }) => type === 'sessions-drained');
      expect(drained.length).toBeLessThan(sessions / 2);
    },
    120_000,
  );

  test('is on record when the control plane comes back, and shown with its numbers', async () => {
    const { dataDir, killAndAwait } = running;
    await killAndAwait('control-plane');
    const client = await ControlClient.forDataFolder(dataDir);
    for (const [name, receipt] of receipts) expect((await client.rollout(name)).receipt).toEqual(receipt);
    const { msP50, msP99 } = receipts.get('migrate')!.pauses!;
    expect(msP50).toBeLessThanOrEqual(msP99);
    const { out, code } = await run(['rollout', 'status', 'migrate', '--data', dataDir]);
    expect(code).toBe(0);
    expect(out).toContain(`open sessions: ${sessions} migrated; samples lost: 0; shown twice: 0`);
    expect(out).toContain(`pause of the ${sessions} that were moved: p50 ${msP50} ms, p99 ${msP99} ms`);
  });
});
