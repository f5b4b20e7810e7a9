import { readdirSync, readFileSync } from 'node:fs';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { expect, test } from 'vitest';
import { parsePlan } from '../rollout/parse-plan.ts';
import { acceptanceOf } from '../rollout/rollout.fixture.ts';
import { createMemoryRolloutStore } from '../store/memory/events.ts';
import { RolloutManager } from './rollout-manager.ts';

const folder = new URL('../../../../examples/', import.meta.url);
const by = { actor: 'ana', reason: 'as in the example' };
/** A Wednesday noon far from every holiday that an example freezes. */
const quietMs = Date.UTC(2026, 9, 14, 12);

test.each(readdirSync(folder).filter((file) => /^plan.*\.yaml$/.test(file)))(
  'examples/%s is walked by hand to its last stage, deciding in each, and taken back',
  async (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const plan = parsePlan(text);
    const clock = new ManualClock(quietMs);
    const manager = await RolloutManager.open({ store: createMemoryRolloutStore(), clock });
    await manager.apply(text, by);
    await manager.start(plan.name, by);
    const evidence = { ...acceptanceOf(plan), startedAtMs: quietMs };
    const actor = { kind: 'person', name: 'ana' } as const;
    await manager.tell(plan.name, { type: 'accept', evidence, actor, reason: by.reason });
    const users = Array.from({ length: 2_000 }, (_, at) => ({ targetingKey: `user-${at}` }));
    const served = () => {
      const variants = users.map((user) => manager.decide(plan.flag, user).variant);
      expect(new Set([...variants, plan.control.variant, plan.candidate.variant]).size).toBe(2);
      return variants.filter((variant) => variant === plan.candidate.variant).length;
    };
    let before = 0;
    for (const [index, stage] of plan.stages.entries()) {
      expect(manager.status(plan.name)).toMatchObject({ state: 'running', stage: { name: stage.name } });
      const share = Math.min(stage.shareBuckets, bucketCount - plan.holdbackBuckets) / bucketCount;
      const now = served();
      // Six standard deviations of a binomial; the users have no attributes, so audiences bring none of them in.
      const deviations = 6 * Math.sqrt(users.length * share * (1 - share));
      expect(Math.abs(now - users.length * share)).toBeLessThanOrEqual(deviations);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
      if (index + 1 < plan.stages.length) await manager.advance(plan.name, { ...by, withoutPass: true });
    }
    await manager.rollback(plan.name, by);
    expect(served()).toBe(0);
  },
);
