/** Two hundred sessions at once: what a killed gateway leaves, and what a rollback does to them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openSqliteSessionStore } from '../store/sqlite/sessions.ts';
import type { StoredRecord } from '../store/store.ts';
import { openStockClient, startTestGateway } from './gateway.fixture.ts';
import { KillableGateway } from './killable-gateway.fixture.ts';
import {
  audioOf,
  sampleRate,
  startScriptedUpstream,
  textOf,
  wordSamples,
} from './scripted-upstream.fixture.ts';

const sessions = 200;
const recoveredWithinMs = 30_000;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const after = (delayMs: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(delayMs, resolve));

async function startUpstreams() {
  const [control, candidate] = [await startScriptedUpstream(), await startScriptedUpstream()];
  closers.push(
    () => control.close(),
    () => candidate.close(),
  );
  return [
    { name: 'control', url: control.url },
    { name: 'next', url: candidate.url },
  ];
}

interface Speaker {
  text(): string;
  /** Says the rest and ends, if it still can. */
  end(): Promise<void>;
}

async function speakStock(url: string): Promise<Speaker> {
  const query = new URLSearchParams({
    encoding: 'linear16',
    sample_rate: `${sampleRate}`,
    interim_results: 'true',
  });
  const client = await openStockClient(`${url}?${query}`);
  client.send(audioOf(0, 20));
  return { text: client.text, end: () => Promise.resolve() };
}

function speakResuming(url: string): Speaker {
  const finals: string[] = [];
  const client = new TranscriptionClient({
    url,
    sampleRate,
    WebSocket,
    onResult: ({ isFinal, text }) => {
      if (isFinal && text !== '') finals.push(text);
    },
  });
  closers.push(() => Promise.resolve(client.close()));
  client.send(audioOf(0, 20));
  return {
    text: () => finals.join(' '),
    end: () => {
      client.send(audioOf(20, 10));
      return client.stop();
    },
  };
}

/** Ways to die, from the moment 200 sessions are in full swing to the moment the last gateway is there. */
const deaths: readonly (readonly [string, (gateway: KillableGateway) => Promise<void>])[] = [
  [
    'is killed',
    async (gateway) => {
      await gateway.kill();
      await gateway.start();
    },
  ],
  [
    'is killed twice',
    async (gateway) => {
      for (let time = 0; time < 2; time += 1) {
        await gateway.kill();
        await gateway.start();
      }
    },
  ],
  [
    'is killed while it recovers',
    async (gateway) => {
      await gateway.kill();
      for (const delayMs of [400, 900]) {
        gateway.fork();
        await after(delayMs);
        await gateway.kill();
      }
      await gateway.start();
    },
  ],
  [
    'is killed while it stops',
    async (gateway) => {
      gateway.signal('SIGTERM');
      await after(10);
      await gateway.kill();
      await gateway.start();
    },
  ],
  [
    'is killed while it migrates',
    async (gateway) => {
      await gateway.drainUntil('migrate', 50);
      await gateway.kill();
      await gateway.start();
    },
  ],
];

describe(`a gateway with ${sessions} open sessions`, () => {
  test.each(deaths)(
    'that %s leaves one whole record of each within 30 s, and clients that resume lose nothing',
    async (_, die) => {
      const folder = await mkdtemp(join(tmpdir(), 'crossfade-many-'));
      const gateway = new KillableGateway({ folder, upstreams: await startUpstreams(), serves: 'next' });
      closers.push(
        () => rm(folder, { recursive: true, force: true }),
        () => gateway.kill(),
      );
      await gateway.start();
      const stock = await Promise.all(Array.from({ length: sessions / 2 }, () => speakStock(gateway.url)));
      const resuming = Array.from({ length: sessions / 2 }, () => speakResuming(gateway.url));
      while (![...stock, ...resuming].every(({ text }) => text().includes('w11'))) await after(20);

      await die(gateway);
      const backAtMs = systemClock.monotonicMs();
      await Promise.all(resuming.map((speaker) => speaker.end()));
      for (const { text } of resuming) expect(text()).toBe(textOf(0, 30));
      const records = await untilStored(folder, sessions);
      expect(systemClock.monotonicMs() - backAtMs).toBeLessThan(recoveredWithinMs);
      await gateway.kill();
      await expectWhole(folder, records);
    },
    120_000,
  );
});

/** Looks into the gateway's store beside it, until so many records are there. */
async function untilStored(folder: string, count: number): Promise<readonly StoredRecord[]> {
  const store = await openSqliteSessionStore({ file: join(folder, 'sessions.sqlite') });
  try {
    for (;;) {
      const records = await store.records();
      if (records.length >= count) return records;
      await after(100);
    }
  } finally {
    await store.close();
  }
}

async function expectWhole(folder: string, records: readonly StoredRecord[]): Promise<void> {
  expect(new Set(records.map(({ record }) => record.sessionId)).size).toBe(sessions);
  expect(records).toHaveLength(sessions);
  const store = await openSqliteSessionStore({ file: join(folder, 'sessions.sqlite') });
  try {
    for (const { record } of records) {
      const { user, sessionId } = record;
      expect(user).toMatchObject({ samplesCovered: user.samplesOffered, orphans: 0, duplicateEntries: 0 });
      const entries = (await store.transcript(sessionId))?.entries ?? [];
      expect(entries.map(({ text }) => text).join(' ')).toBe(textOf(0, user.samplesOffered / wordSamples));
    }
  } finally {
    await store.close();
  }
}

describe(`a rollback with ${sessions} live sessions`, () => {
  test.each(['migrate', 'cut', 'finish'] as const)(
    'by %s accounts for each, loses and repeats nothing, and has its pause on record',
    async (policy) => {
      const running = await startTestGateway({ upstreams: await startUpstreams(), candidate: 'next' });
      closers.push(() => running.close());
      const clients = await Promise.all(
        Array.from({ length: sessions }, () => openStockClient(running.url())),
      );
      for (const client of clients) client.send(audioOf(0, 14));
      await Promise.all(clients.map((client) => client.heard('w7')));
      running.gateway.applyDrains([
        { id: 'd', rollout: 'test-rollout', flag: 'pipeline', variant: 'candidate', policy },
      ]);
      for (const client of clients) client.send(audioOf(14, 16));
      for (const client of clients) client.say('CloseStream');
      await Promise.all(clients.map(({ closed }) => closed));

      for (const client of clients) expect(client.text()).toBe(textOf(0, 30));
      const outcome = { migrate: 'migrated', cut: 'cut', finish: 'finished' }[policy];
      const last = running.drainReports.at(-1)!;
      expect(last.done).toBe(true);
      expect(last.sessions).toHaveLength(sessions);
      for (const each of last.sessions) expect(each).toMatchObject({ outcome, samplesLost: 0 });
      const records = await running.sessions.records();
      expect(new Set(records.map(({ record }) => record.sessionId)).size).toBe(sessions);
      // How long they are is the bench's question: on a busy machine it says how busy.
      const pausesMs = records.flatMap(({ record }) => record.user.pausesMs);
      expect(pausesMs).toHaveLength(policy === 'finish' ? 0 : sessions);
    },
    120_000,
  );
});
