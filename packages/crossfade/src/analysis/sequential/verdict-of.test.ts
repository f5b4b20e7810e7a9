import { describe, expect, test } from 'vitest';
import type { MetricReport, MetricState } from './metric-report.ts';
import type { SequentialVerdict } from './sequential-judge.ts';
import { betterMetrics, verdictOf } from './verdict-of.ts';

function report(state: MetricState, changes: Partial<MetricReport> = {}): MetricReport {
  return {
    id: 'missed-tail',
    roles: ['guardrail'],
    state,
    candidate: 40,
    control: 50,
    limit: 100,
    sessions: { candidate: 400, control: 410 },
    difference: null,
    lnEvidence: 0,
    goal: 'not-shown',
    proof: null,
    sentence: 'missed tail: 40 ms against 50 ms in control, limit 100 ms; 400 sessions',
    ...changes,
  };
}

function verdict(
  metrics: readonly MetricReport[],
  changes: Partial<SequentialVerdict> = {},
): SequentialVerdict {
  return {
    verdict: 'inconclusive',
    sentence: 'One sentence.',
    culprit: null,
    guard: null,
    broken: null,
    sharedIncident: false,
    alarm: null,
    lnE: 0,
    lnThreshold: Math.log(20),
    metrics,
    sessions: { candidate: 400, control: 410 },
    ...changes,
  };
}

describe('a sequential verdict as rollouts keep it', () => {
  test.each<[MetricState, number | null, string]>([
    ['good', 40, 'certified'],
    ['unknown', 40, 'within-limits'],
    ['no-data', 40, 'within-limits'],
    ['bad', 400, 'failed'],
    ['unknown', 400, 'failed'],
    ['no-data', null, 'not-measurable'],
  ])('%s with value %s is %s', (state, candidate, result) => {
    expect(verdictOf(verdict([report(state, { candidate })])).evidence[0]?.result).toBe(result);
  });

  test('names the metric or the guard that decided', () => {
    expect(verdictOf(verdict([], { culprit: 'missed-tail' })).culprit).toBe('missed-tail');
    const early = verdict([report('bad', { id: 'early-failure' })], { culprit: 'early-failure' });
    expect(verdictOf(early)).toEqual({
      verdict: 'inconclusive',
      sentence: 'One sentence.',
      culprit: 'early-failure',
      // It has no place among the acceptance metrics; the comparison shows it.
      evidence: [],
      sessions: { candidate: 400, control: 410 },
    });
    const guarded = verdict([], { culprit: 'error-rate', guard: 'dead-candidate' });
    expect(verdictOf(guarded).culprit).toBe('dead-candidate');
  });

  test('leaves out the worst crash, which is a share of crashes here', () => {
    expect(
      verdictOf(verdict([report('unknown', { id: 'durability-loss', candidate: 0.01, limit: 0.05 })]))
        .evidence,
    ).toEqual([]);
  });

  test('tells which goals are met', () => {
    const metrics = [
      report('unknown', { goal: 'better' }),
      report('unknown', { id: 'orphan-rate', goal: 'worse' }),
    ];

    expect(betterMetrics(verdict(metrics))).toEqual(['missed-tail']);
  });
});
