import { describe, expect, it } from 'vitest';
import { calm } from './mutants.ts';
import { settingOf, type Setting } from './setting.ts';
import { World } from './world.ts';

/** Enough to see that the simulation itself works; the long test has the campaign. */
const seeds = [1, 2];

const shortOf = (seed: number): Setting => ({ ...settingOf(seed), durationMs: 1_200_000 });

describe('a simulated world', () => {
  it.each(seeds)('keeps every promise, seed %d', async (seed) => {
    const { problems, trace } = await new World({ setting: shortOf(seed) }).run();
    expect(problems, trace.join('\n')).toEqual([]);
  });

  it.each([1, 3, 4])(
    'takes no good candidate back when a network cuts all gateways off for longer than maturity, seed %d',
    async (seed) => {
      const cuts = { allCutOffEveryMs: 600_000, killEveryMs: 400_000, sessionEveryMs: 2_000 };
      const { problems, seen, trace } = await new World({
        setting: { ...settingOf(seed), ...calm, ...cuts },
      }).run();
      expect(problems, trace.join('\n')).toEqual([]);
      expect(seen).toMatchObject({ automaticRollbacks: 0 });
      expect(Math.min(seen.partitions, seen.kills)).toBeGreaterThan(1);
    },
  );

  it('is the same world again from its seed', async () => {
    const [first, second] = [
      await new World({ setting: shortOf(5) }).run(),
      await new World({ setting: shortOf(5) }).run(),
    ];
    expect(second).toEqual(first);
    expect(first.trace.length).toBeGreaterThan(0);
  });
});
