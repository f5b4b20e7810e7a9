/**
 * How fast a candidate is taken back, under load. Across processes: a real system of control plane, gateway and two
 * pipelines; clients open sessions all the time while a rollback is asked for, and the gateway's own records say when
 * the last of them got the candidate, whether audio was lost, and whether anything was shown twice. In process: the
 * manager on SQLite, asked for decisions without a pause while its judge says fail. With `--kill`, of these across
 * processes alone: the control plane is killed within 300 ms of the order, and times count from when it is back.
 *
 *   npm run bench:rollback -- --json [--rounds 50] [--open 20] [--per-second 25] [--in-process 200]
 *   npm run bench:rollback -- --json --kill [--rounds 50] [--open 20] [--per-second 25]
 */
import { rmSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '@crossfade/sdk/core/clock';
import { systemRandom } from '@crossfade/sdk/core/random';
import { dataPaths } from '../packages/crossfade/src/cli/data-folder.ts';
import { recordsIn } from '../packages/crossfade/src/cli/supervisor/candidate-sessions.fixture.ts';
import { startSystem, type System } from '../packages/crossfade/src/cli/supervisor/system.ts';
import { RolloutManager } from '../packages/crossfade/src/controller/rollout-manager.ts';
import { ControlClient } from '../packages/crossfade/src/server/control-client.ts';
import { openSqliteRolloutStore } from '../packages/crossfade/src/store/sqlite/events.ts';
import { killedInTheMiddle } from './rollback-killed.ts';
import {
  beforeMs,
  by,
  config,
  measure,
  newFolder,
  option,
  planOf,
  quantiles,
  rolledBack,
  rollOut,
  type Round,
  rounds,
  startLoad,
  wait,
} from './rollback-load.ts';

const inProcessRounds = option('in-process', 200);

/** What is promised: from the verdict to the last session that got the candidate. */
const bars = { acrossMsP99: 1_000, inProcessMsP99: 50 };

/** Sessions go on for this long after a rollback. */
const afterMs = 1_500;

async function rollBack(system: System, client: ControlClient, round: number): Promise<Round> {
  const name = await rollOut(client, round);
  const load = startLoad(system.gatewayUrl, round, beforeMs + afterMs);
  await wait(beforeMs);
  const fromMs = systemClock.nowMs();
  await client.command(name, 'rollback', by);
  await wait(afterMs);
  const sessions = await load.stop();
  return { status: await rolledBack(client, name), fromMs, sessions };
}

async function acrossProcesses(): Promise<ReturnType<typeof measure>> {
  const dataDir = newFolder();
  const system = await startSystem({ config, dataDir, clock: systemClock, random: systemRandom });
  try {
    const client = await ControlClient.forDataFolder(dataDir);
    const done: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      done.push(await rollBack(system, client, round));
      process.stderr.write(`round ${round} of ${rounds}\r`);
    }
    await system.stop();
    return measure(done, await recordsIn(dataPaths(dataDir).sessions));
  } finally {
    await system.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** From the judge's word to the last decision for the candidate, in one process. */
async function inProcess(): Promise<readonly number[]> {
  const folder = newFolder();
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

async function unharmed() {
  const across = await acrossProcesses();
  const within = quantiles(await inProcess());
  const last = quantiles(across.lastAdmissionMs);
  const ok =
    last.p99 <= bars.acrossMsP99 &&
    within.p99 <= bars.inProcessMsP99 &&
    across.samplesLost === 0 &&
    across.duplicates === 0 &&
    across.unanswered === 0;
  return {
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
  };
}

const loadBefore = loadavg()[0];
const measured = await (process.argv.includes('--kill') ? killedInTheMiddle() : unharmed());
const machine = { cores: cpus().length, load: [loadBefore, loadavg()[0]], node: process.version };
const result = { ...measured, machine };
console.log(process.argv.includes('--json') ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exitCode = result.ok ? 0 : 1;
