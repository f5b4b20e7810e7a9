import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { below, systemRandom } from '@crossfade/sdk/core/random';
import { describe, expect, it } from 'vitest';
import { openSqliteRolloutStore } from '../../packages/crossfade/src/store/sqlite/events.ts';
import { openSqliteSessionStore } from '../../packages/crossfade/src/store/sqlite/sessions.ts';
import { mutants } from './mutants.ts';
import { longSettingOf, settingOf } from './setting.ts';
import { World, type Outcome } from './world.ts';

/** A longer campaign sets these; a failure names its seed. */
const fixedSeeds = Number(process.env['CROSSFADE_SIM_SEEDS'] ?? 20);
const freshMinutes = Number(process.env['CROSSFADE_SIM_MINUTES'] ?? 2);

/** Worlds that a planted defect may hide in before it counts as not found. */
const seedsToFind = 12;

const limitMs = 600_000;

function expectKept({ seed, problems, trace }: Outcome): void {
  expect(problems, `npm run sim -- --seed ${seed}\n${trace.join('\n')}`).toEqual([]);
}

describe('the controller in a world in which everything goes wrong', () => {
  it(
    `keeps every promise in ${fixedSeeds} worlds, in which everything happens`,
    async () => {
      const seen = new Map<string, number>();
      for (let seed = 1; seed <= fixedSeeds; seed++) {
        const outcome = await new World({ setting: settingOf(seed) }).run();
        expectKept(outcome);
        for (const [what, count] of Object.entries(outcome.seen))
          seen.set(what, (seen.get(what) ?? 0) + count);
      }
      for (const [what, count] of seen) expect(count, what).toBeGreaterThan(0);
    },
    limitMs,
  );

  it(
    `keeps every promise in fresh worlds for ${freshMinutes} minutes`,
    async () => {
      const untilMs = systemClock.monotonicMs() + freshMinutes * 60_000;
      while (systemClock.monotonicMs() < untilMs) {
        expectKept(await new World({ setting: settingOf(below(systemRandom, 2 ** 31)) }).run());
      }
    },
    limitMs,
  );

  it(
    'takes a good candidate through four stages of 48 hours to everybody',
    async () => {
      const outcome = await new World({ setting: longSettingOf(1) }).run();
      expectKept(outcome);
      expect(outcome.seen).toMatchObject({ completions: 1, automaticPromotions: 4, promotionsByHand: 0 });
    },
    limitMs,
  );

  it.each([1, 2, 3, 4, 5, 6])(
    'keeps every promise on SQLite, seed %d',
    async (seed) => {
      const folder = mkdtempSync(join(tmpdir(), 'crossfade-sim-'));
      const store = await openSqliteRolloutStore({ file: join(folder, 'rollouts.sqlite') });
      const sessions = await openSqliteSessionStore({ file: join(folder, 'records.sqlite') });
      const setting = { ...settingOf(seed), durationMs: 1_200_000 };
      expectKept(await new World({ setting, store, sessions }).run());
      await store.close();
      await sessions.close();
      rmSync(folder, { recursive: true, force: true });
    },
    limitMs,
  );
});

describe('the simulation can fail', () => {
  it.each(mutants)(
    'the defect is found: $name',
    async (mutant) => {
      let problems: readonly string[] = [];
      for (let seed = 1; seed <= seedsToFind && problems.length === 0; seed++) {
        ({ problems } = await new World({ setting: { ...settingOf(seed), ...mutant.world }, mutant }).run());
      }
      expect(problems.join('\n')).toMatch(mutant.found);
    },
    limitMs,
  );
});
