import { describe, expect, test } from 'vitest';
import { liveGates, provabilityWarnings } from './provable.ts';
import { planOf } from './rollout.fixture.ts';

const half = (minSessionsPerHour: number) => [{ name: 'half', share: 50, bake: '48h', minSessionsPerHour }];
const gate = (metric: string) => ({ metric, liveAtStage: 'half' });

describe('what a plan can prove at its traffic', () => {
  test('at ten sessions a minute and arm 48 hours prove every live gate of the table', () => {
    const metrics = [
      'finalization-latency',
      'missed-tail',
      'capture-completeness',
      'orphan-rate',
      'duplicate-artifacts',
    ];
    const plan = planOf({ stages: half(0), gates: metrics.map(gate) });

    expect(liveGates(plan, 1_200).map(({ metric, provable }) => [metric, provable])).toEqual(
      metrics.map((metric) => [metric, true]),
    );
    expect(provabilityWarnings(plan, 1_200)).toEqual([]);
  });

  test('at a hundredth of it says which gates cannot be proven, what comes and what is needed', () => {
    const plan = planOf({
      stages: half(0),
      gates: [gate('finalization-latency'), gate('duplicate-artifacts')],
    });

    expect(provabilityWarnings(plan, 12)).toEqual([
      expect.stringMatching(
        /^duplicate-artifacts cannot be proven live at stage half: 285 sessions of the candidate by the end of its bake, about \d+ are needed\. Bake longer/,
      ),
    ]);
  });

  test('takes the sessions an hour that the stage asks for when no traffic is given', () => {
    const gates = [gate('duplicate-artifacts')];
    expect(provabilityWarnings(planOf({ stages: half(5), gates }))).toHaveLength(1);
    expect(provabilityWarnings(planOf({ stages: half(600), gates }))).toEqual([]);
    expect(provabilityWarnings(planOf({ stages: half(0), gates }))).toEqual([]);
  });

  test('says that no number proves what history itself does not keep', () => {
    const metrics = { 'missed-tail': { history: 99.9 } };
    const plan = planOf({ stages: half(0), gates: [gate('missed-tail')], metrics });
    expect(provabilityWarnings(plan, 1_200)[0]).toContain('are needed');
    expect(liveGates(plan, 1_200)[0]?.provable).toBe(false);
  });
});
