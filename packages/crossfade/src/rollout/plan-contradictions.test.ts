import { expect, test } from 'vitest';
import { planOf } from './rollout.fixture.ts';

const stage = (name: string, share: number) => ({ name, share, bake: '1h' });

test.each([
  [
    'a promotion margin below the rollback margin',
    { metrics: { 'error-rate': { rollbackMargin: '30 %', promotionMargin: '20 %' } } },
    /metrics\.error-rate\.promotionMargin.*at least the rollback margin of 30 %.*20 %/s,
  ],
  [
    'a history that is beyond the limit',
    { metrics: { 'finalization-latency': { history: 2_000 } } },
    /metrics\.finalization-latency\.history.*within the limit of 1,500 ms.*2,000 ms/s,
  ],
  [
    'a gate that is only watched',
    { metrics: { 'orphan-rate': { role: 'watch' } }, gates: [{ metric: 'orphan-rate' }] },
    /metrics\.orphan-rate\.role.*guardrail, as it is a gate too.*watch/s,
  ],
  [
    'a live proof of what only acceptance can prove',
    { gates: [{ metric: 'durability-loss', liveAtStage: 'half' }] },
    /gates\[0\]\.liveAtStage.*live faults are too few to prove durability-loss.*half/s,
  ],
  [
    'a live proof below a limit that is off',
    {
      guardrails: { limits: { 'orphan-rate': 'off' } },
      gates: [{ metric: 'orphan-rate', liveAtStage: 'half' }],
    },
    /gates\[0\]\.liveAtStage.*a limit of orphan-rate to be proven below.*none/s,
  ],
  [
    'a proof against control where nobody is on control',
    { gates: [{ metric: 'first-partial-latency', liveAtStage: 'everybody' }] },
    /gates\[0\]\.liveAtStage.*a stage with a random control.*everybody/s,
  ],
  [
    'an improvement that nothing can show',
    {
      stages: [stage('everybody', 100)],
      goals: [{ metric: 'finalization-latency', mustImprove: true }],
    },
    /goals\[0\]\.mustImprove.*a stage with a random control.*none of them has one/s,
  ],
])('%s is refused with its place', (_what, changes, words) => {
  expect(() => planOf(changes)).toThrow(words);
});

test('the same proofs and goals are taken where they can be had', () => {
  expect(() =>
    planOf({
      gates: [
        { metric: 'first-partial-latency', liveAtStage: 'half' },
        { metric: 'orphan-rate', liveAtStage: 'everybody' },
        { metric: 'durability-loss' },
      ],
      goals: [{ metric: 'finalization-latency', mustImprove: true }],
    }),
  ).not.toThrow();
});
