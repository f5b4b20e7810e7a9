/**
 * How fast a candidate is taken back, under load. Across processes: a real system of control plane, gateway and two
 * pipelines; clients open sessions all the time while a rollback is asked for, and the gateway's own records say when
 * the last of them got the candidate, whether audio was lost, and whether anything was shown twice. In process: the
 * manager on SQLite, asked for decisions without a pause while its judge says fail.
 *
 *   npm run bench:rollback -- --json [--rounds 50] [--open 20] [--per-second 25] [--in-process 200]
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { WebSocket } from 'ws';
import { startSystem, type System } from '../packages/crossfade/src/cli/supervisor/system.ts';
import { parseSystemConfig } from '../packages/crossfade/src/cli/system-config.ts';
import { RolloutManager } from '../packages/crossfade/src/controller/rollout-manager.ts';
import type { RolloutStatus } from '../packages/crossfade/src/controller/rollout-status.ts';
import { ControlClient } from '../packages/crossfade/src/server/control-client.ts';
import { openSqliteRolloutStore } from '../packages/crossfade/src/store/sqlite/events.ts';
import { openSqliteSessionStore } from '../packages/crossfade/src/store/sqlite/sessions.ts';
import type { SessionRecord } from '../packages/crossfade/src/transcript/session-record.ts';

const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? fallback : Number(process.argv[at + 1] ?? fallback);
};
const rounds = option('rounds', 50);
const openSessions = option('open', 20);
const perSecond = option('per-second', 25);
const inProcessRounds = option('in-process', 200);

/** What is promised: from the verdict to the last session that got the candidate. */
const bars = { acrossMsP99: 1_000, inProcessMsP99: 50 };

const by = { actor: 'bench', reason: 'bench' };
const frame = Buffer.alloc(3_200);
const frameMs = 100;
/** Sessions go on for this long around a rollback. */
const loadMs = { before: 700, after: 1_500 };

const wait = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));

function planOf(round: number): object {
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

interface Load {
  /** No new sessions; resolves when the last one is closed. */
  stop(): Promise<number>;
}

/** Sessions that are open for long, and short ones at a steady rate. */
function startLoad(url: string, round: number): Load {
  const running: Promise<void>[] = [];
  let stopped = false;
  let count = 0;
  const longFrames = Math.ceil((loadMs.before + loadMs.after) / frameMs);
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

interface Round {
  readonly status: RolloutStatus;
  readonly askedAtMs: number;
  readonly sessions: number;
}

async function rollBack(system: System, client: ControlClient, round: number): Promise<Round> {
  const name = `bench-${round}`;
  await client.apply(planOf(round), by);
  await client.command(name, 'start', by);
  await client.command(name, 'waive-acceptance', by);
  const load = startLoad(system.gatewayUrl, round);
  await wait(loadMs.before);
  const askedAtMs = systemClock.nowMs();
  await client.command(name, 'rollback', by);
  await wait(loadMs.after);
  const sessions = await load.stop();
  for (;;) {
    const status = await client.rollout(name);
    if (status.state === 'rolled-back') return { status, askedAtMs, sessions };
    await wait(50);
  }
}

interface Across {
  readonly lastAdmissionMs: readonly number[];
  readonly acknowledgedMs: readonly number[];
  readonly receiptMs: readonly number[];
  readonly sessions: number;
  readonly candidateSessions: number;
  readonly samplesLost: number;
  readonly duplicates: number;
  readonly unanswered: number;
}

async function acrossProcesses(): Promise<Across> {
  const dataDir = mkdtempSync(join(tmpdir(), 'crossfade-bench-rollback-'));
  const config = parseSystemConfig(
    JSON.stringify({
      gateway: { port: 0 },
      pipelines: ['legacy', 'streaming'].map((kind) => ({
        name: kind,
        kind,
        build: kind,
        engines: ['tone'],
      })),
      control: 'legacy',
    }),
    'the benchmark',
  );
  const system = await startSystem({ config, dataDir, clock: systemClock, random: systemRandom });
  try {
    const client = await ControlClient.forDataFolder(dataDir);
    const done: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      done.push(await rollBack(system, client, round));
      process.stderr.write(`round ${round} of ${rounds}\r`);
    }
    await system.stop();
    return measure(done, await readRecords(join(dataDir, 'sessions.sqlite')));
  } finally {
    await system.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function readRecords(file: string): Promise<readonly SessionRecord[]> {
  const store = await openSqliteSessionStore({ file });
  const records: SessionRecord[] = [];
  for (let after = 0; ;) {
    const page = await store.records({ after });
    records.push(...page.map(({ record }) => record));
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.sequence;
  }
  await store.close();
  return records;
}

function measure(done: readonly Round[], records: readonly SessionRecord[]): Across {
  const lastAdmissionMs = done.map(({ status, askedAtMs }) => {
    const own = records.filter(
      ({ assignment }) => assignment.arm === 'candidate' && assignment.rollout?.name === status.name,
    );
    if (own.length === 0) throw new Error(`Expected sessions on the candidate of ${status.name}, got none.`);
    return Math.max(0, ...own.map(({ startedAtMs }) => startedAtMs - askedAtMs));
  });
  const sum = (value: (record: SessionRecord) => number): number =>
    records.reduce((total, record) => total + value(record), 0);
  return {
    lastAdmissionMs,
    acknowledgedMs: done.map(
      ({ status, askedAtMs }) => (status.receipt?.admissionStoppedAtMs ?? Infinity) - askedAtMs,
    ),
    receiptMs: done.map(({ status, askedAtMs }) => (status.receipt?.completedAtMs ?? Infinity) - askedAtMs),
    sessions: done.reduce((total, round) => total + round.sessions, 0),
    candidateSessions: records.filter(({ assignment }) => assignment.arm === 'candidate').length,
    samplesLost:
      sum(({ user }) => user.samplesOffered - user.samplesCovered) +
      done.reduce((total, { status }) => total + (status.receipt?.samplesLost ?? 0), 0),
    duplicates: sum(({ user }) => user.duplicateEntries),
    unanswered: done.reduce((total, round) => total + round.sessions, 0) - records.length,
  };
}

/** From the judge's word to the last decision for the candidate, in one process. */
async function inProcess(): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-rollback-'));
  const store = await openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') });
  const manager = await RolloutManager.open({ store });
  const actor = { kind: 'automatic', name: 'judge' } as const;
  const lastMs: number[] = [];
  for (let round = 1; round <= inProcessRounds; round++) {
    const name = `bench-${round}`;
    await manager.apply(planOf(round), by);
    await manager.start(name, by);
    await manager.waiveAcceptance(name, by);
    const { epoch } = manager.state(name);
    const sentence = 'errors: 12 % against 1 % in control, limit 2 %.';
    const verdict = {
      verdict: 'fail',
      sentence,
      evidence: [],
      sessions: { candidate: 100, control: 100 },
    } as const;
    const beganMs = systemClock.monotonicMs();
    const telling = manager.tell(name, {
      type: 'verdict',
      judgement: { verdict, epoch },
      ...{ actor, reason: sentence },
    });
    let lastCandidateMs = 0;
    for (let keys = 0, done = false; !done; await nextTurn()) {
      for (let i = 0; i < 50; i++) {
        const { variant } = manager.decide('transcription', { targetingKey: `user-${keys++}` });
        if (variant === 'streaming') lastCandidateMs = systemClock.monotonicMs() - beganMs;
      }
      done = manager.state(name).phase === 'rolling-back';
    }
    await telling;
    lastMs.push(lastCandidateMs);
    await manager.tell(name, { type: 'finish-rollback', actor, reason: 'nobody is open' });
  }
  await manager.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  return lastMs;
}

function quantiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? NaN;
  const round = (ms: number): number => Number(ms.toFixed(2));
  return { p50: round(at(0.5)), p99: round(at(0.99)), max: round(at(1)) };
}

const loadBefore = loadavg()[0];
const across = await acrossProcesses();
const within = quantiles(await inProcess());
const last = quantiles(across.lastAdmissionMs);
const ok =
  last.p99 <= bars.acrossMsP99 &&
  within.p99 <= bars.inProcessMsP99 &&
  across.samplesLost === 0 &&
  across.duplicates === 0 &&
  across.unanswered === 0;
const result = {
  ok,
  rollbacks: rounds,
  sessions: across.sessions,
  candidateSessions: across.candidateSessions,
  verdictToLastAdmissionMs: { across: last, inProcess: within },
  verdictToAcknowledgedMs: quantiles(across.acknowledgedMs),
  verdictToReceiptMs: quantiles(across.receiptMs),
  samplesLost: across.samplesLost,
  duplicates: across.duplicates,
  sessionsWithoutRecord: across.unanswered,
  bars,
  machine: { cores: cpus().length, load: [loadBefore, loadavg()[0]], node: process.version },
};
console.log(process.argv.includes('--json') ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exitCode = ok ? 0 : 1;
