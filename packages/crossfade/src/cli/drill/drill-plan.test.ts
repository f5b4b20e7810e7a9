import { expect, test } from 'vitest';
import { drillPlan, faultKinds, gatewayKills, onlyCases } from './drill-plan.ts';

test('the same seed plans the same faults, another seed others', () => {
  expect(drillPlan('short', 7)).toEqual(drillPlan('short', 7));
  expect(drillPlan('short', 7)).not.toEqual(drillPlan('short', 8));
});

test('every kind of fault is in both profiles, and the long one kills the gateway at least 300 times', () => {
  for (const profile of ['short', 'long'] as const) {
    const { faults } = drillPlan(profile, 1);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(Object.keys(faultKinds)));
  }
  const kills = drillPlan('long', 1).faults.map(({ kind }) => gatewayKills[kind] ?? 0);
  expect(kills.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(300);
});

test('a case that is run alone is the one of the whole plan', () => {
  const plan = drillPlan('short', 3);
  expect(onlyCases(plan, [5, 2]).faults).toEqual([plan.faults[1], plan.faults[4]]);
  expect(() => onlyCases(plan, [99])).toThrow('Expected a case from 1 to');
});
