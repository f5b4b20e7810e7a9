/** A gateway for tests: real sockets, a real journal on disk, the store in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemIds } from '@crossfade/sdk/core/ids';
import { type Log, silentLog } from '@crossfade/sdk/core/log';
import type { EvaluationResult, RolloutStamp } from '@crossfade/sdk/flags/ruleset';
import { WebSocket } from 'ws';
import { openJournal } from '../journal/file-journal.ts';
import type { Journal } from '../journal/journal.ts';
import { createMemorySessionStore } from '../store/memory/sessions.ts';
import type { SessionStore } from '../store/store.ts';
import type { SessionRecord, SessionSignal } from '../transcript/session-record.ts';
import type { DrainProgress } from './drains.ts';
import { type Gateway, type GatewayOptions, startGateway } from './gateway.ts';
import type { GatewayLimits } from './limits.ts';
import type { Upstream } from './upstream.ts';
import { sampleRate } from './scripted-upstream.fixture.ts';

export interface TestGateway {
  readonly gateway: Gateway;
  readonly sessions: SessionStore;
  readonly folder: string;
  readonly drainReports: DrainProgress[];
  readonly signals: SessionSignal[];
  /** Resolves with the record of the next session that ends. */
  nextRecord(): Promise<SessionRecord>;
  url(extras?: Readonly<Record<string, string>>): string;
  /** Ends as SIGKILL would, as far as one process can: nothing is finished, nothing is said. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly upstreams: readonly Upstream[];
  readonly limits?: Partial<GatewayLimits>;
  readonly keys?: readonly string[];
  /** Upstream that every decision names; control when absent. */
  readonly candidate?: string;
  readonly folder?: string;
  readonly sessions?: SessionStore;
  readonly port?: number;
  readonly log?: Log;
  readonly evaluator?: GatewayOptions['evaluator'];
  /** The journal as the gateway sees it: a disk that refuses, for instance. */
  readonly seenJournal?: (journal: Journal) => Journal;
}

const stamp: RolloutStamp = {
  name: 'test-rollout',
  epoch: 1,
  controlVariant: 'control',
  candidateVariant: 'candidate',
  candidateBuild: 'sha256:test',
};

export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'crossfade-gateway-')));
  const journal = await openJournal({ folder: join(folder, 'journal'), clock: systemClock });
  const sessions = options.sessions ?? createMemorySessionStore();
  const waiting: ((record: SessionRecord) => void)[] = [];
  const ready: SessionRecord[] = [];
  const drainReports: DrainProgress[] = [];
  const signals: SessionSignal[] = [];
  const decision: EvaluationResult =
    options.candidate === undefined
      ? { value: 'control', variant: 'control', reason: 'SPLIT', revision: 1, rollout: stamp }
      : { value: options.candidate, variant: 'candidate', reason: 'SPLIT', revision: 1, rollout: stamp };
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: options.port ?? 0,
    flag: 'pipeline',
    upstreams: options.upstreams,
    controlUpstream: 'control',
    journal: options.seenJournal?.(journal) ?? journal,
    sessions,
    evaluator: options.evaluator ?? { evaluate: () => decision },
    clock: systemClock,
    ids: systemIds,
    log: options.log ?? silentLog,
    limits: { connectMs: 1_000, ...options.limits },
    keys: options.keys ?? [],
    onDrainReport: (_, progress) => drainReports.push(progress),
    onSignal: (signal) => signals.push(signal),
    onRecord: (record) => {
      const take = waiting.shift();
      if (take === undefined) ready.push(record);
      else take(record);
    },
  });
  const stop = async (): Promise<void> => {
    await gateway.close();
    await journal.close();
  };
  return {
    gateway,
    sessions,
    folder,
    drainReports,
    signals,
    nextRecord: () => {
      const record = ready.shift();
      return record === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(record);
    },
    url: (extras = {}) => {
      const query = new URLSearchParams({
        encoding: 'linear16',
        sample_rate: `${sampleRate}`,
        interim_results: 'true',
      });
      for (const [name, value] of Object.entries(extras)) query.append('extra', `${name}:${value}`);
      return `ws://127.0.0.1:${gateway.port}/v1/listen?${query}`;
    },
    crash: stop,
    close: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A stock client: sends audio, collects finals, replays nothing. */
export interface StockClient {
  readonly socket: WebSocket;
  /** Of its session, as the answer to the upgrade named it. */
  readonly id: string;
  readonly messages: Record<string, unknown>[];
  readonly finals: string[];
  /** Text of all finals. */
  text(): string;
  send(bytes: Uint8Array): void;
  say(type: string): void;
  /** Resolves when a final with this word was seen. */
  heard(word: string): Promise<void>;
  readonly closed: Promise<{ code: number; reason: string }>;
}

export async function openStockClient(url: string, protocols: string[] = []): Promise<StockClient> {
  const socket = new WebSocket(url, protocols);
  const messages: Record<string, unknown>[] = [];
  const finals: string[] = [];
  let id = '';
  socket.on('upgrade', (response) => (id = String(response.headers['dg-request-id'])));
  const watchers = new Set<() => void>();
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on('message', (data) => {
    const message = JSON.parse((data as Buffer).toString()) as Record<string, unknown>;
    messages.push(message);
    if (message['type'] === 'Results' && message['is_final'] === true) {
      const { alternatives } = message['channel'] as { alternatives: [{ transcript: string }] };
      if (alternatives[0].transcript !== '') finals.push(alternatives[0].transcript);
    }
    for (const watcher of watchers) watcher();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  const text = (): string => finals.join(' ');
  return {
    socket,
    id,
    messages,
    finals,
    text,
    send: (bytes) => socket.send(bytes),
    say: (type) => socket.send(JSON.stringify({ type })),
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
    closed,
  };
}
