/** What bench/rollback.ts and its killed part share: the system, the load on it, and what is read of both at the end. */
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { WebSocket } from 'ws';
import { parseSystemConfig } from '../packages/crossfade/src/cli/system-config.ts';
import type { RolloutStatus } from '../packages/crossfade/src/controller/rollout-status.ts';
import type { ControlClient } from '../packages/crossfade/src/server/control-client.ts';
import type { SessionRecord } from '../packages/crossfade/src/transcript/session-record.ts';

export const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : Number(process.argv[at + 1] ?? fallback);
};
export const rounds = option('rounds', 50);
const openSessions = option('open', 20);
const perSecond = option('per-second', 25);

export const by = { actor: 'bench', reason: 'bench' };
const frame = Buffer.alloc(3_200);
const frameMs = 100;
/** Sessions go on for this long before a rollback. */
export const beforeMs = 700;

export const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => void systemClock.after(ms, resolve));

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'crossfade-bench-rollback-'));

export const config = parseSystemConfig(
  JSON.stringify({
    gateway: { port: 0 },
    pipelines: ['legacy', 'streaming'].map((kind) => ({ name: kind, kind, build: kind, engines: ['tone'] })),
    control: 'legacy',
  }),
  'the benchmark',
);

export function planOf(round: number): object {
  return {
    name: `bench-${round}`,
    control: { variant: 'legacy', upstream: 'legacy' },
    candidate: { variant: 'streaming', upstream: 'streaming', build: `bench-${round}` },
    stages: [{ name: 'half', share: 50, bake: '48h', minSessionsPerHour: 0 }],
    acceptance: 'waiver',
    drain: 'migrate',
    drainLimit: '20s',
  };
}

/** One session in real time; resolves when the gateway has closed it. */
async function speak(url: string, key: string, frames: number): Promise<void> {
  const query = `encoding=linear16&sample_rate=16000&model=tone&extra=targetingKey:${key}`;
  const socket = new WebSocket(`${url}/v1/listen?${query}`);
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  const isOpen = await Promise.race([once(socket, 'open').then(() => true), closed.then(() => false)]);
  if (!isOpen) throw new Error('Expected a session to be admitted, got none.');
  for (let i = 0; i < frames; i++) {
    socket.send(frame);
    await wait(frameMs);
  }
  socket.send('{"type":"CloseStream"}');
  await closed;
}

export interface Load {
  /** No new sessions; resolves with how many there were when the last one is closed. */
  stop(): Promise<number>;
}

/** Sessions that are open for long, and short ones at a steady rate. */
export function startLoad(url: string, round: number, longMs: number): Load {
  const running: Promise<void>[] = [];
  let stopped = false;
  let count = 0;
  const longFrames = Math.ceil(longMs / frameMs);
  const open = (frames: number): void => void running.push(speak(url, `${round}-${count++}`, frames));
  for (let i = 0; i < openSessions; i++) open(longFrames);
  const again = (): void => {
    if (stopped) return;
    open(3);
    systemClock.after(1_000 / perSecond, again);
  };
  again();
  return {
    async stop() {
      stopped = true;
      await Promise.all(running);
      return count;
    },
  };
}

/** Brings the candidate of a round to half of the users. */
export async function rollOut(client: ControlClient, round: number): Promise<string> {
  const name = `bench-${round}`;
  await client.apply(planOf(round), by);
  await client.command(name, 'start', by);
  await client.command(name, 'waive-acceptance', by);
  return name;
}

export interface Round {
  /** As it was in the end. */
  readonly status: RolloutStatus;
  /** Times count from here. */
  readonly fromMs: number;
  readonly sessions: number;
}

/** Asks until the rollback is over. */
export async function rolledBack(client: ControlClient, name: string): Promise<RolloutStatus> {
  for (;;) {
    const status = await client.rollout(name);
    if (status.state === 'rolled-back') return status;
    await wait(50);
  }
}

/** Times of each round, and what all sessions came to. */
export function measure(done: readonly Round[], records: readonly SessionRecord[]) {
  const candidates = records.filter(({ assignment }) => assignment.arm === 'candidate');
  const lastAdmissionMs = done.map(({ status, fromMs }) => {
    const own = candidates.filter(({ assignment }) => assignment.rollout?.name === status.name);
    if (own.length === 0) throw new Error(`Expected sessions on the candidate of ${status.name}, got none.`);
    return Math.max(0, ...own.map(({ startedAtMs }) => startedAtMs - fromMs));
  });
  const sum = (value: (record: SessionRecord) => number): number =>
    records.reduce((total, record) => total + value(record), 0);
  const sessions = done.reduce((total, round) => total + round.sessions, 0);
  return {
    lastAdmissionMs,
    acknowledgedMs: done.map(
      ({ status, fromMs }) => (status.receipt?.admissionStoppedAtMs ?? Infinity) - fromMs,
    ),
    receiptMs: done.map(({ status, fromMs }) => (status.receipt?.completedAtMs ?? Infinity) - fromMs),
    sessions,
    candidateSessions: candidates.length,
    samplesLost:
      sum(({ user }) => user.samplesOffered - user.samplesCovered) +
      done.reduce((total, { status }) => total + (status.receipt?.samplesLost ?? 0), 0),
    duplicates: sum(({ user }) => user.duplicateEntries),
    unanswered: sessions - records.length,
  };
}

export function quantiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? NaN;
  const round = (ms: number): number => Number(ms.toFixed(2));
  return { p50: round(at(0.5)), p99: round(at(0.99)), max: round(at(1)) };
}
