/**
 * A process that measures what is not a decision: memory over ten million decisions, the start with 1,000 flags, the
 * start of a manager with 100 rollouts, and how long a revision takes to be in force. Prints one JSON object.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteRolloutStore, RolloutManager } from '@crossfade/server';
import { Evaluator, systemClock, type Ruleset } from '@crossfade/sdk';
import { rulesetOf } from './rows.ts';
import { control, flagKey, users } from './scenario.ts';

const collect = (globalThis as { readonly gc?: () => void }).gc;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN; // prettier-ignore

/** Bytes of heap that ten million decisions left behind. */
function heapGrowth(): { readonly decisions: number; readonly bytes: number } {
  const evaluator = new Evaluator({ clock: systemClock, ruleset: rulesetOf(60_000) });
  const pass = (): void => {
    evaluator.heard();
    for (const user of users) {
      evaluator.value(flagKey, user, control);
      evaluator.evaluate(flagKey, user);
    }
  };
  const heap = (): number => {
    for (let at = 0; at < 4; at++) collect?.();
    return process.memoryUsage().heapUsed;
  };
  // Code that is optimized on the way is memory too, but no growth.
  for (let at = 0; at < 100; at++) pass();
  const before = heap();
  const passes = 500;
  for (let at = 0; at < passes; at++) pass();
  return { decisions: passes * users.length * 2, bytes: heap() - before };
}

/** As many flags, each with a canary of its own, a hundred of them stamped as rollouts. */
function largeRuleset(flags: number, revision: number): Ruleset {
  const { audiences, flags: one } = rulesetOf(60_000);
  const flag = one[flagKey];
  if (flag === undefined) throw new Error('no flag');
  const all = Array.from({ length: flags }, (_, at) => {
    const rollout = {
      name: `rollout-${at}`,
      epoch: 1,
      controlVariant: 'control',
      candidateVariant: 'candidate',
    };
    return [`flag-${at}`, { ...flag, salt: `flag-${at}`, ...(at < 100 ? { rollout } : {}) }] as const;
  });
  return { schema: 'crossfade.ruleset/1', revision, audiences, flags: Object.fromEntries(all) };
}

function evaluatorStart(flags: number): { readonly startMs: number; readonly applyMs: number } {
  const starts: number[] = [];
  const applies: number[] = [];
  for (let round = 0; round < 15; round++) {
    const [first, second] = [largeRuleset(flags, 1), largeRuleset(flags, 2)].map((one) =>
      JSON.stringify(one),
    );
    const beforeMs = performance.now();
    const evaluator = new Evaluator({ clock: systemClock });
    evaluator.apply(JSON.parse(first ?? ''));
    evaluator.evaluate(`flag-${flags - 1}`, { targetingKey: 'user-1', country: 'CH' });
    starts.push(performance.now() - beforeMs);
    const againMs = performance.now();
    evaluator.apply(JSON.parse(second ?? ''));
    applies.push(performance.now() - againMs);
  }
  return { startMs: median(starts), applyMs: median(applies) };
}

/** A manager over a log of a hundred running rollouts: how long it takes to stand there, and to revise one of them. */
async function managerStart(
  rollouts: number,
): Promise<{ readonly startMs: number; readonly reviseMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  try {
    const file = join(folder, 'rollouts.sqlite');
    const by = { actor: 'bench', reason: 'to be measured' };
    const planOf = (at: number, share: number) => ({
      name: `rollout-${at}`,
      flag: `flag-${at}`,
      control: { upstream: 'legacy' },
      candidate: { upstream: 'streaming', build: `sha256:${at}` },
      stages: [{ name: 'canary', share }],
      acceptance: 'waiver',
    });
    const filling = await openSqliteRolloutStore({ file });
    const first = await RolloutManager.open({ store: filling });
    for (let at = 0; at < rollouts; at++) {
      await first.apply(planOf(at, 10), by);
      await first.start(`rollout-${at}`, by);
      await first.waiveAcceptance(`rollout-${at}`, by);
    }
    await filling.close();
    const starts: number[] = [];
    const revises: number[] = [];
    for (let round = 0; round < 7; round++) {
      const beforeMs = performance.now();
      const store = await openSqliteRolloutStore({ file });
      const manager = await RolloutManager.open({ store });
      starts.push(performance.now() - beforeMs);
      const againMs = performance.now();
      await manager.revise(`rollout-${round}`, planOf(round, 20), by);
      revises.push(performance.now() - againMs);
      await store.close();
    }
    return { startMs: median(starts), reviseMs: median(revises) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (collect === undefined) throw new Error('Expected node --expose-gc.');
const scale = {
  heap: heapGrowth(),
  evaluator: { flags: 1_000, rollouts: 100, ...evaluatorStart(1_000) },
  manager: { rollouts: 100, ...(await managerStart(100)) },
};
process.stdout.write(`${JSON.stringify(scale)}\n`);
export type Scale = typeof scale;
