import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { hasCode } from '@crossfade/sdk/core/errors';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';
import { expect } from 'vitest';
import type { Command } from '../rollout/commands.ts';
import { automatic, judgementOf } from '../rollout/rollout.fixture.ts';
import type { RolloutStore } from '../store/store.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const by = { actor: 'ana', reason: 'crash images' };
const names = ['first', 'second', 'third'] as const;

/** A log holds its header, and then frames of a header and a page each. */
const walHeaderBytes = 32;
const walFrameBytes = 24 + 4_096;

/** The two files of a database at one moment. */
interface Files {
  readonly db: Buffer;
  readonly wal: Buffer;
}

function filesOf(file: string): Files {
  const wal = `${file}-wal`;
  return { db: readFileSync(file), wal: existsSync(wal) ? readFileSync(wal) : Buffer.alloc(0) };
}

/** All that must come back: the events, what they fold to, what is served, and the notices that still have to leave. */
interface Standing {
  readonly sequence: number;
  readonly told: string;
  readonly revision: number;
}

async function standingOf(manager: RolloutManager, store: RolloutStore): Promise<Standing> {
  const ruleset = manager.ruleset();
  const last = (await store.read({ limit: 10_000 })).at(-1);
  const pending = await store.pendingOutbox({ limit: 10_000 });
  const dead = await store.deadOutbox(10_000);
  const told = JSON.stringify({
    states: manager.states(),
    ruleset: { ...ruleset, revision: 0 },
    pending,
    dead,
    last,
  });
  return { sequence: last?.sequence ?? 0, told, revision: ruleset.revision };
}

/** What a kill at some instruction of one step leaves: a beginning of what the step wrote, over what was there. */
function imagesOf(before: Files, after: Files, random: Random): readonly { image: Files; whole: boolean }[] {
  const first = firstDifference(before.wal, after.wal);
  const images: { image: Files; whole: boolean }[] = [];
  if (first < after.wal.length) {
    const cuts: number[] = [];
    for (let cut = walHeaderBytes; cut < after.wal.length; cut += walFrameBytes)
      if (cut > first) cuts.push(cut);
    // Between two boundaries too: a write of many bytes is not one instruction.
    cuts.push(first + below(random, after.wal.length - first));
    for (const cut of cuts)
      images.push({ image: { db: before.db, wal: overwritten(before.wal, after.wal, cut) }, whole: false });
  }
  if (!before.db.equals(after.db)) {
    // A checkpoint: any of its pages may have reached the database, while the log is still there.
    for (let at = 0; at < 8; at++)
      images.push({ image: { db: mixed(before.db, after.db, random), wal: before.wal }, whole: false });
  }
  images.push({ image: after, whole: true });
  return images;
}

function firstDifference(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at;
  return length;
}

function overwritten(before: Buffer, after: Buffer, cut: number): Buffer {
  return Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
}

function mixed(before: Buffer, after: Buffer, random: Random): Buffer {
  const image = Buffer.from(after);
  for (let page = 0; page * 4_096 < before.length; page++) {
    if (random.next() < 0.5) before.copy(image, page * 4_096, page * 4_096, (page + 1) * 4_096);
  }
  return image;
}

/** One rollout's next command, of any kind, most of them such that the state takes them. */
function commandOf(manager: RolloutManager, name: string, random: Random): Promise<unknown> {
  const plan = {
    ...planDocument,
    name,
    flag: `flag-${name}`,
    candidate: { ...planDocument.candidate, build: name },
  };
  const state = manager.states().find((one) => one.name === name);
  if (state === undefined) return manager.apply(plan, by);
  const { epoch } = state;
  const tell = (command: Record<string, unknown>): Promise<unknown> =>
    manager.tell(name, { actor: automatic, reason: 'crash images', ...command } as Command);
  const share = below(random, 100);
  const sessions = [{ sessionId: `s${below(random, 3)}`, outcome: 'migrated', samplesLost: 0 }];
  const usual = [
    () => manager.start(name, by),
    () => manager.waiveAcceptance(name, by),
    () => manager.advance(name, { ...by, withoutPass: true }),
    () => manager.pause(name, by),
    () => manager.resume(name, by),
    () => manager.disable(name, by),
    () => manager.enable(name, by),
    () => manager.revise(name, { ...plan, holdback: below(random, 50), drainLimit: `${1 + share}m` }, by),
    () => tell({ type: 'verdict', judgement: judgementOf('pass', epoch) }),
    () => tell({ type: 'tick', healthyMs: below(random, 48 * 3_600_000), sessionsPerHour: 100 }),
    () => tell({ type: 'acknowledge', evaluator: 'gateway-1', revision: 10_000 }),
    () => tell({ type: 'drain-report', gateway: 'gateway-1', sessions, done: random.next() < 0.5 }),
    () => tell({ type: 'finish-rollback' }),
  ];
  const rare = [
    () => manager.rollback(name, by),
    () => tell({ type: 'verdict', judgement: judgementOf('fail', epoch) }),
  ];
  // Nothing more than draft and waiting happens to a rollout that is not brought along.
  if (state.phase === 'draft') return manager.start(name, by);
  if (state.phase === 'awaiting-acceptance') return manager.waiveAcceptance(name, by);
  const from = random.next() < 0.08 ? rare : usual;
  return from[below(random, from.length)]!();
}

export interface Campaign {
  readonly images: number;
  /** Steps that wrote something. */
  readonly writes: number;
}

/**
 * Runs random commands by a seed on a real database, and at each boundary of what they write opens a copy of its files
 * as a crash would have left them. Each copy must stand where the step before or the step itself left the rollouts.
 */
export async function crashImages(seed: number, steps: number, newFile: () => string): Promise<Campaign> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const file = newFile();
  const store = await openSqliteRolloutStore({ file, clock });
  const witnesses = () => ({ evaluators: ['gateway-1', 'app-1'], gateways: ['gateway-1'] });
  const manager = await RolloutManager.open({ store, clock, witnesses });
  let images = 0;
  let writes = 0;
  let before = { files: filesOf(file), standing: await standingOf(manager, store) };
  for (let step = 0; step < steps; step++) {
    await actOnce(manager, store, file, clock, random);
    const after = { files: filesOf(file), standing: await standingOf(manager, store) };
    const changed = !after.files.wal.equals(before.files.wal) || !after.files.db.equals(before.files.db);
    if (changed) {
      writes++;
      for (const { image, whole } of imagesOf(before.files, after.files, random)) {
        const copy = newFile();
        writeFileSync(copy, image.db);
        writeFileSync(`${copy}-wal`, image.wal);
        const found = await reopened(copy);
        const allowed = whole ? [after.standing] : [before.standing, after.standing];
        const match = allowed.find(({ told }) => told === found.told);
        expect(match?.sequence, `seed ${seed}, step ${step}, image ${images}`).toBe(found.sequence);
        // A restart may number the same ruleset higher, never lower: evaluators refuse one that goes back.
        expect(found.revision).toBeGreaterThanOrEqual(match?.revision ?? Infinity);
        images++;
      }
    }
    before = after;
  }
  await store.close();
  return { images, writes };
}

/** A command, a notice that left, a checkpoint; before it the clock steps, sometimes back. */
async function actOnce(
  manager: RolloutManager,
  store: RolloutStore,
  file: string,
  clock: ManualClock,
  random: Random,
): Promise<void> {
  clock.advance(below(random, 3_600_000));
  if (random.next() < 0.2) clock.stepWall(below(random, 7_200_000) - 3_600_000);
  const what = random.next();
  if (what < 0.1) {
    const [item] = await store.pendingOutbox({ limit: 1 });
    const results = [
      { is: 'sent' },
      { is: 'failed', error: 'refused', dueAtMs: clock.nowMs() + 1_000 },
      { is: 'dead', error: 'refused', atMs: clock.nowMs(), outbox: [] },
    ] as const;
    if (item !== undefined) await store.settleOutbox(item.id, results[below(random, results.length)]!);
    return;
  }
  if (what < 0.15) {
    const other = new DatabaseSync(file);
    other.exec(`PRAGMA wal_checkpoint(${random.next() < 0.5 ? 'PASSIVE' : 'TRUNCATE'})`);
    other.close();
    return;
  }
  try {
    await commandOf(manager, names[below(random, names.length)]!, random);
  } catch (error) {
    if (!hasCode(error, 'COMMAND_REFUSED')) throw error;
  }
}

/** Opens what a crash left, as the next process does; its chain must be whole. */
export async function reopened(file: string): Promise<Standing> {
  const store = await openSqliteRolloutStore({ file, clock: new ManualClock() });
  try {
    expect(await store.verify()).toBeNull();
    return await standingOf(await RolloutManager.open({ store, clock: new ManualClock() }), store);
  } finally {
    await store.close();
  }
}
