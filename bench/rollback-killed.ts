/** Rollbacks in whose middle the control plane is killed, under the load of bench/rollback.ts. */
import { rmSync } from 'node:fs';
import { systemClock } from '@crossfade/sdk/core/clock';
import { hasCode } from '@crossfade/sdk/core/errors';
import { seededRandom, systemRandom } from '@crossfade/sdk/core/random';
import { forgetful } from '../packages/crossfade/src/cli/drill/drill-system.ts';
import { dataPaths } from '../packages/crossfade/src/cli/data-folder.ts';
import { recordsIn } from '../packages/crossfade/src/cli/supervisor/candidate-sessions.fixture.ts';
import {
  controlPlaneName,
  startSystem,
  type System,
} from '../packages/crossfade/src/cli/supervisor/system.ts';
import { auditStore } from '../packages/crossfade/src/controller/audit.ts';
import { linkTiming } from '../packages/crossfade/src/gateway/link-transport.ts';
import { ControlClient } from '../packages/crossfade/src/server/control-client.ts';
import { openSqliteRolloutStore } from '../packages/crossfade/src/store/sqlite/events.ts';
import type { SessionRecord } from '../packages/crossfade/src/transcript/session-record.ts';
import {
  beforeMs,
  by,
  config,
  measure,
  newFolder,
  quantiles,
  rolledBack,
  rollOut,
  type Round,
  rounds,
  startLoad,
  wait,
} from './rollback-load.ts';

/** The longest wait of a gateway between two attempts to reach the control plane. */
const readyToLastAdmissionMsP99 = linkTiming.retryMaxMs;

/** The kill comes so long after the order at most, and mostly early, where most happens. */
const killWithinMs = 300;
/** Long sessions outlast the restart. */
const longMs = 6_000;

interface KilledRound extends Round {
  readonly wasAnswered: boolean;
  /** Times that the rollback began, and that it ended, in the log. */
  readonly began: number;
  readonly ended: number;
}

/** Resolves with the time when the next control plane serves. */
type Ready = () => Promise<number>;

async function rollBackKilled(
  system: System,
  ready: Ready,
  client: ControlClient,
  round: number,
): Promise<KilledRound> {
  const name = await rollOut(client, round);
  const load = startLoad(system.gatewayUrl, round, longMs);
  await wait(beforeMs);
  let wasAnswered = false;
  const asked = client.command(name, 'rollback', by).then(
    () => (wasAnswered = true),
    (error: unknown) => {
      if (!hasCode(error, 'CONTROL_PLANE_UNREACHABLE')) throw error;
    },
  );
  await wait(seededRandom(round).next() ** 2 * killWithinMs);
  const back = ready();
  system.children.get(controlPlaneName)?.kill('SIGKILL');
  await asked;
  const fromMs = await back;
  // Changes nothing where it is on record.
  await client.command(name, 'rollback', by);
  for (;;) {
    const history = await client.history(name);
    if (history.some(({ type }) => type === 'admission-stopped')) break;
    await wait(50);
  }
  await wait(500);
  const sessions = await load.stop();
  await rolledBack(client, name);
  // Records of the last sessions to end are still on their way into the receipt.
  await wait(1_500);
  const status = await client.rollout(name);
  const types = (await client.history(name)).map(({ type }) => type);
  const times = (wanted: string): number => types.filter((type) => type === wanted).length;
  const counts = { began: times('rollback-started'), ended: times('rolled-back') };
  return { status, fromMs, sessions, wasAnswered, ...counts };
}

/** Sessions that were open on the candidate at its rollback, and that the receipt does not name. */
function notInReceipt(done: readonly Round[], records: readonly SessionRecord[]): number {
  return done.reduce((total, { status: { name, receipt } }) => {
    const known = new Set(receipt?.sessions.map(({ sessionId }) => sessionId));
    const open = records.filter(
      ({ sessionId, assignment, endedAtMs }) =>
        assignment.arm === 'candidate' &&
        assignment.rollout?.name === name &&
        endedAtMs > (receipt?.rolledBackAtMs ?? 0) &&
        !known.has(sessionId),
    );
    return total + open.length;
  }, 0);
}

export async function killedInTheMiddle() {
  const dataDir = newFolder();
  let onReady: (atMs: number) => void = () => {};
  const ready: Ready = () => new Promise((resolve) => (onReady = resolve));
  const system = await startSystem({
    config,
    dataDir,
    clock: forgetful(systemClock),
    random: systemRandom,
    onEvent: ({ type, child }) => {
      if (type === 'ready' && child === controlPlaneName) onReady(systemClock.nowMs());
    },
  });
  try {
    const client = await ControlClient.forDataFolder(dataDir);
    const done: KilledRound[] = [];
    for (let round = 1; round <= rounds; round++) {
      done.push(await rollBackKilled(system, ready, client, round));
      process.stderr.write(`round ${round} of ${rounds}\r`);
    }
    await system.stop();
    const paths = dataPaths(dataDir);
    const records = await recordsIn(paths.sessions);
    const store = await openSqliteRolloutStore({ file: paths.rollouts });
    const { ok: logIsWhole } = await auditStore(store);
    await store.close();
    return resultOf(done, records, logIsWhole);
  } finally {
    await system.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function resultOf(done: readonly KilledRound[], records: readonly SessionRecord[], logIsWhole: boolean) {
  const { lastAdmissionMs, acknowledgedMs, receiptMs, ...all } = measure(done, records);
  const last = quantiles(lastAdmissionMs);
  const notOnce = done.filter(({ began, ended }) => began !== 1 || ended !== 1).length;
  const missing = notInReceipt(done, records);
  const lost = [all.samplesLost, all.duplicates, all.unanswered, notOnce, missing];
  return {
    ok: last.p99 <= readyToLastAdmissionMsP99 && lost.every((count) => count === 0) && logIsWhole,
    rollbacks: rounds,
    answeredBeforeTheKill: done.filter(({ wasAnswered }) => wasAnswered).length,
    sessions: all.sessions,
    candidateSessions: all.candidateSessions,
    readyToLastAdmissionMs: last,
    // Both may come before the kill.
    readyToAcknowledgedMs: quantiles(acknowledgedMs.map((ms) => Math.max(0, ms))),
    readyToReceiptMs: quantiles(receiptMs.map((ms) => Math.max(0, ms))),
    samplesLost: all.samplesLost,
    duplicates: all.duplicates,
    sessionsWithoutRecord: all.unanswered,
    sessionsNotInReceipt: missing,
    rollbacksNotOnce: notOnce,
    logIsWhole,
    bars: { readyToLastAdmissionMsP99 },
  };
}
