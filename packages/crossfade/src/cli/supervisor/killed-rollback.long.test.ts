/**
 * A rollback is ordered while people speak to the candidate, and the control plane is killed in the middle of it, with the
 * gateway or without: processes as in production over their own files. Whatever was reached then, the rollback happens
 * once, nobody new gets the candidate when it is in force, and the receipt accounts for everybody.
 */
import { messageOf } from '@crossfade/sdk/core/errors';
import { systemClock } from '@crossfade/sdk/core/clock';
import { seededRandom } from '@crossfade/sdk/core/random';
import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import { describe, expect, test } from 'vitest';
import { ControlClient } from '../../server/control-client.ts';
import type { SessionRecord } from '../../transcript/session-record.ts';
import { run } from '../command-io.fixture.ts';
import { dataPaths } from '../data-folder.ts';
import { noticesWanted, storedRollouts } from '../processes/stored-rollouts.fixture.ts';
import {
  after,
  by,
  eventually,
  Newcomers,
  openResumingSpeaker,
  openStockSpeaker,
  recordsIn,
  type Speaker,
  startForEverybody,
} from './candidate-sessions.fixture.ts';
import { type KillableSystem, startKillableSystem } from './killable-system.fixture.ts';

const seed = Number(process.env['CROSSFADE_SEED'] ?? 1);
const speakersOfEachKind = 5;
const newcomerEveryMs = 60;

/** How far a rollback came before the kill. */
type Reach = 'not on record' | 'on record' | 'heard by the gateway' | 'receipt closed';

interface Moment {
  readonly title: string;
  readonly victims: 'the control plane' | 'both';
  /** The plan's when absent. */
  readonly policy?: DrainPolicy;
  /** Before the order is sent. */
  readonly before?: (stage: Stage) => Promise<void> | void;
  /** Between the order and the kill. */
  readonly until: (stage: Stage, asked: Promise<unknown>) => Promise<unknown>;
  /** What must have been reached, where that is no matter of time. */
  readonly reaches?: Reach;
}

/** A system, and the rollout whose turn it is. */
interface Stage {
  readonly system: KillableSystem;
  readonly client: ControlClient;
  readonly name: string;
}

const isOnRecord = async ({ client, name }: Stage): Promise<boolean> =>
  (await client.rollout(name)).receipt !== null;

/** Revision by which a gateway decides. */
async function gatewayRevision({ gatewayUrl }: KillableSystem): Promise<number> {
  const response = await fetch(`${gatewayUrl.replace('ws', 'http')}/healthz`);
  return ((await response.json()) as { ruleset: { revision: number } }).ruleset.revision;
}

const gatewayHasHeard = async ({ system, client }: Stage): Promise<boolean> =>
  (await gatewayRevision(system)) === (await client.ruleset()).revision;

/** The gateway hears nothing of what the control plane says, which is lost when that is killed. */
const isUnheard = ({ system }: Stage): void => system.link.setMode({ kind: 'stall' });

const aimed: readonly Moment[] = [
  {
    title: 'when it is on record and the gateway has not heard',
    victims: 'the control plane',
    before: isUnheard,
    until: (stage) => eventually('the rollback on record', () => isOnRecord(stage)),
    reaches: 'on record',
  },
  {
    title: 'when it is on record and the gateway has not heard',
    victims: 'both',
    before: isUnheard,
    until: (stage) => eventually('the rollback on record', () => isOnRecord(stage)),
  },
  {
    title: 'when the gateway has heard',
    victims: 'the control plane',
    // While they speak, sessions that finish where they are keep the receipt open.
    policy: 'finish',
    until: (stage) =>
      eventually(
        'the gateway to hear',
        async () => (await isOnRecord(stage)) && (await gatewayHasHeard(stage)),
      ),
    reaches: 'heard by the gateway',
  },
  {
    title: 'when the receipt is closed',
    victims: 'the control plane',
    until: ({ client, name }) =>
      eventually('the receipt', async () => (await client.rollout(name)).state === 'rolled-back'),
    reaches: 'receipt closed',
  },
  {
    title: 'a second time, when it was ordered before the gateway came back',
    victims: 'the control plane',
    before: async ({ system }) => {
      system.link.setMode({ kind: 'black-hole' });
      await system.controlPlane.kill();
      await system.controlPlane.start();
    },
    until: (_, asked) => asked,
    reaches: 'on record',
  },
];

/** Spread over 300 ms, most of them early, where most happens; the first before the order can arrive. */
function seededMoments(count: number): readonly Moment[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const delayMs = index === 0 ? 0 : Math.round(300 * ((index + random.next()) / count) ** 2);
    return {
      title: `${delayMs} ms later`,
      victims: index % 4 === 3 ? 'both' : 'the control plane',
      until: () => (delayMs === 0 ? Promise.resolve() : after(delayMs)),
      ...(delayMs === 0 ? { reaches: 'not on record' as const } : {}),
    };
  });
}

/** What one rollback left to be held against the records. */
interface Told {
  readonly name: string;
  readonly speakers: readonly string[];
  readonly rolledBackAtMs: number;
  readonly acknowledgedAtMs: number;
  readonly inReceipt: ReadonlySet<string>;
}

async function letSpeak({ system, client, name }: Stage): Promise<readonly Speaker[]> {
  await startForEverybody(client, name);
  await eventually('the gateway to hear', () => gatewayHasHeard({ system, client, name }));
  return Promise.all(
    Array.from({ length: speakersOfEachKind }, (_, user) => [
      openStockSpeaker(system.gatewayUrl, `${name}-stock-${user}`),
      openResumingSpeaker(system.gatewayUrl, `${name}-resuming-${user}`),
    ]).flat(),
  );
}

/** Sends the order, kills, starts again; answers when the control plane was back. */
async function orderAndKill(stage: Stage, moment: Moment): Promise<number> {
  const { system, client, name } = stage;
  await moment.before?.(stage);
  const revision = await gatewayRevision(system);
  let answer = '';
  const { policy } = moment;
  const asked = client.command(name, 'rollback', by, policy === undefined ? {} : { policy }).then(
    () => (answer = 'answered'),
    (error: unknown) => (answer = messageOf(error)),
  );
  await moment.until(stage, asked);
  const killedAtMs = systemClock.nowMs();
  const wasAnswered = answer === 'answered';
  const victims = moment.victims === 'both' ? [system.controlPlane, system.gateway] : [system.controlPlane];
  await Promise.all(victims.map((victim) => victim.kill()));
  await asked;
  // What was on its way between them is lost.
  system.link.reset();
  system.link.setMode({ kind: 'pass' });
  const hasHeard = moment.victims === 'both' ? null : (await gatewayRevision(system)) > revision;
  await Promise.all(victims.map((victim) => victim.start()));
  const readyAtMs = systemClock.nowMs();

  const { state, receipt } = await client.rollout(name);
  if (wasAnswered) expect(receipt).not.toBeNull();
  const isClosed = (receipt?.completedAtMs ?? Infinity) <= killedAtMs;
  const reached: Reach =
    receipt === null
      ? 'not on record'
      : isClosed
        ? 'receipt closed'
        : hasHeard === true
          ? 'heard by the gateway'
          : 'on record';
  if (moment.reaches !== undefined) expect(reached).toBe(moment.reaches);
  if (receipt === null) {
    expect(state).toBe('running');
    expect(answer).not.toBe('answered');
    expect((await client.command(name, 'rollback', by)).receipt).not.toBeNull();
  }
  return readyAtMs;
}

async function rollBack(stage: Stage, moment: Moment): Promise<Told> {
  const { system, client, name } = stage;
  const speakers = await letSpeak(stage);
  const newcomers = new Newcomers(system.gatewayUrl, name, newcomerEveryMs);
  const readyAtMs = await orderAndKill(stage, moment);
  const acknowledgedAtMs = await eventually('the acknowledgement of the gateway', async () => {
    const stopped = (await client.history(name)).find(({ type }) => type === 'admission-stopped');
    return stopped?.atMs;
  });
  expect(acknowledgedAtMs - readyAtMs).toBeLessThan(15_000);
  await after(300);
  await newcomers.stop();
  for (const [index, speaker] of speakers.entries()) {
    const { shown, said } = await speaker.end();
    // A stock client hears no more when its gateway is killed; its record says whether anything was lost.
    const isCut = moment.victims === 'both' && index % 2 === 0;
    expect(isCut ? said.slice(0, shown.length) : said).toBe(shown);
  }

  const ids = speakers.map(({ id }) => id);
  const receipt = await eventually('a closed receipt of all who spoke', async () => {
    const { state, receipt: now } = await client.rollout(name);
    const known = new Set(now?.sessions.map(({ sessionId }) => sessionId));
    return state === 'rolled-back' && now?.running === 0 && ids.every((id) => known.has(id)) && now;
  });
  const each = { gateway: 'gateway-1', ended: true, samplesLost: 0, duplicateEntries: 0 };
  const sessions = new Map(receipt.sessions.map((session) => [session.sessionId, session]));
  for (const id of ids) expect(sessions.get(id)).toMatchObject(each);
  expect(receipt).toMatchObject({ unacknowledged: [], unreported: [], samplesLost: 0, duplicateEntries: 0 });
  const types = (await client.history(name)).map(({ type }) => type);
  for (const once of ['rollback-started', 'rolled-back'])
    expect(types.filter((type) => type === once)).toEqual([once]);
  expect((await run(['audit', 'verify', '--data', system.dataDir])).code).toBe(0);
  return {
    name,
    speakers: ids,
    rolledBackAtMs: receipt.rolledBackAtMs,
    acknowledgedAtMs,
    inReceipt: new Set(sessions.keys()),
  };
}

/** Holds what was told against what each session was in the end. */
function checkRecords(records: readonly SessionRecord[], told: readonly Told[]): void {
  const ids = records.map(({ sessionId }) => sessionId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { sessionId, user } of records) {
    const lost = user.samplesOffered - user.samplesCovered;
    expect({ sessionId, lost, twice: user.duplicateEntries }).toEqual({ sessionId, lost: 0, twice: 0 });
  }
  for (const { name, speakers, inReceipt, rolledBackAtMs, acknowledgedAtMs } of told) {
    const own = records.filter(
      ({ assignment }) => assignment.arm === 'candidate' && assignment.rollout?.name === name,
    );
    const candidates = new Set(own.map(({ sessionId }) => sessionId));
    expect(speakers.filter((id) => !candidates.has(id))).toEqual([]);
    expect(own.filter(({ startedAtMs }) => startedAtMs > acknowledgedAtMs)).toEqual([]);
    const open = own.filter(({ endedAtMs }) => endedAtMs > rolledBackAtMs);
    expect(open.filter(({ sessionId }) => !inReceipt.has(sessionId))).toEqual([]);
  }
  expect(records.filter(({ assignment }) => assignment.arm === 'control').length).toBeGreaterThan(0);
}

// A receipt waits for whoever may come back within 15 s of a start, so systems wait beside each other.
const lanes = 5;
const moments = [...seededMoments(10), ...aimed];
const lanesOf = Array.from({ length: lanes }, (_, lane) => ({
  lane,
  own: moments.filter((__, index) => index % lanes === lane),
}));

describe.concurrent(`a rollback in whose middle the control plane is killed (seed ${seed})`, () => {
  test.each(lanesOf)('happens once and loses nothing, system $lane', async ({ own }) => {
    const system = await startKillableSystem();
    try {
      const client = await ControlClient.forDataFolder(system.dataDir);
      const told: Told[] = [];
      for (const [index, moment] of own.entries()) {
        try {
          told.push(await rollBack({ system, client, name: `rollback-${index}` }, moment));
        } catch (cause) {
          throw new Error(`${moment.victims} killed ${moment.title}: ${messageOf(cause)}`, { cause });
        }
      }
      await Promise.all([system.gateway.kill(), system.controlPlane.kill()]);
      const paths = dataPaths(system.dataDir);
      checkRecords(await recordsIn(paths.sessions), told);
      const { damage, events, notices } = await storedRollouts(paths.rollouts);
      expect(damage).toBeNull();
      expect(notices).toEqual(noticesWanted(events));
    } finally {
      await system.close();
    }
  });
});
