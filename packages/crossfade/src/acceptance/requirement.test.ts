import { describe, expect, it } from 'vitest';
import type { EvidenceResult } from '../analysis/verdict.ts';
import type { AcceptanceMetricId } from './metric-ids.ts';
import { judge, parseRequirement, parseWaivers, type Requirement } from './requirement.ts';

const lines = (results: Partial<Record<AcceptanceMetricId, EvidenceResult>>) =>
  Object.entries(results).map(([id, result]) => ({ id: id as AcceptanceMetricId, result }));
const within: Requirement = { level: 'within-limits', levels: {}, waivers: [] };
const waived: Requirement = { ...within, waivers: [{ metric: 'recovery-success', reason: 'a vendor' }] };

describe('what is required', () => {
  it('passes what reaches its level, and misses what does not', () => {
    const metrics = lines({ 'missed-tail': 'certified', 'orphan-rate': 'within-limits' });
    expect(judge(metrics, within)).toEqual({ result: 'passed', short: [] });
    expect(judge(metrics, { ...within, level: 'certified' })).toEqual({
      result: 'evidence-missing',
      short: ['orphan-rate'],
    });
    expect(judge(metrics, { ...within, levels: { 'missed-tail': 'certified' } }).result).toBe('passed');
  });

  it('takes a waiver for what cannot be measured, and never for a failure', () => {
    const unmeasured = lines({ 'recovery-success': 'not-measurable' });
    expect(judge(unmeasured, within).result).toBe('evidence-missing');
    expect(judge(unmeasured, waived).result).toBe('passed');
    expect(judge(lines({ 'recovery-success': 'failed' }), waived).result).toBe('failed');
  });

  it('reads a level per metric from a file, and refuses what it does not know', () => {
    const text = 'default: within-limits\nmetrics:\n  missed-tail: certified\n';
    expect(parseRequirement(text, 'need.yaml')).toEqual({
      level: 'within-limits',
      levels: { 'missed-tail': 'certified' },
    });
    expect(() => parseRequirement('metrics: { tail: certified }', 'need.yaml')).toThrow(/need[.]yaml/);
    expect(() => parseRequirement('- [', 'need.yaml')).toThrow(/need[.]yaml/);
  });

  it('refuses a waiver without a reason or for no metric', () => {
    expect(parseWaivers(['missed-tail', 'a reason'])).toEqual([
      { metric: 'missed-tail', reason: 'a reason' },
    ]);
    expect(() => parseWaivers(['missed-tail'])).toThrow(/reason/);
    expect(() => parseWaivers(['tail', 'a reason'])).toThrow(/capture-completeness/);
  });
});
