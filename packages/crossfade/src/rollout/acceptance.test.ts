import { describe, expect, test } from 'vitest';
import type { MetricId } from '../analysis/metric-spec.ts';
import type { EvidenceResult } from '../analysis/verdict.ts';
import type { AcceptanceEvidence } from './commands.ts';
import { settledBy } from './acceptance.ts';
import {
  acceptanceOf,
  automatic,
  commandOf,
  hourMs,
  person,
  planOf,
  startMs,
  type Subject,
  subjectIn,
} from './rollout.fixture.ts';

const dayMs = 24 * hourMs;

/** A rollout whose only gate is `orphan-rate`, waiting for acceptance. */
function waiting(changes: Record<string, unknown> = {}): Subject {
  return subjectIn('awaiting-acceptance', planOf({ gates: [{ metric: 'orphan-rate' }], ...changes }));
}

function accept(
  subject: Subject,
  changes: Partial<AcceptanceEvidence> = {},
  results: Partial<Record<MetricId, EvidenceResult>> = {},
  actor = person,
): readonly string[] {
  const evidence = { ...acceptanceOf(subject.current.plan, results), ...changes };
  return subject.send({ type: 'accept', actor, reason: 'ran it', evidence });
}

describe('acceptance evidence', () => {
  test('that fits the plan opens the first stage and stays on record', () => {
    const subject = waiting({ acceptance: 'required' });
    expect(accept(subject)).toEqual(['accepted', 'stage-entered']);
    expect(subject.current.acceptance?.evidence?.reportId).toBe('report-1');
  });

  test.each([
    [
      'another build',
      { build: 'sha256:other' },
      {},
      'other-build',
      /of build sha256:2, got that of sha256:other.*or correct candidate\.build in the plan/,
    ],
    ['no build', { build: null }, {}, 'other-build', /names no build/],
    ['a run that was cut short', { partial: true }, {}, 'partial', /ended before its plan did/],
    ['one case alone', { case: 'short-turn-3' }, {}, 'partial', /the case short-turn-3 alone/],
    ['a run that could not run', { result: 'could-not-run' }, {}, 'partial', /could not run/],
    ['a failed gate', {}, { 'orphan-rate': 'failed' }, 'failed', /orphan-rate failed: orphan-rate is failed/],
    ['a failed metric that is no gate', {}, { 'missed-tail': 'failed' }, 'failed', /missed-tail failed/],
    [
      'a gate within limits only',
      {},
      { 'orphan-rate': 'within-limits' },
      'short',
      /certified, got within-limits/,
    ],
    ['a gate that was not measured', { metrics: [] }, {}, 'short', /got not measured/],
    [
      'a gate that cannot be measured',
      {},
      { 'orphan-rate': 'not-measurable' },
      'not-measurable',
      /--waive orphan/,
    ],
    ['31 days ago', { startedAtMs: startMs - 31 * dayMs }, {}, 'stale', /last 30d, got a report of 31d/],
    ['tomorrow', { startedAtMs: startMs + dayMs }, {}, 'stale', /1d ahead of this clock/],
  ] as const)('of %s is refused, and it says which', (_, changes, results, problem, message) => {
    const subject = waiting();
    expect(() => accept(subject, changes, results)).toThrow(message);
    expect(() => accept(subject, changes, results)).toThrow(
      expect.objectContaining({ code: 'COMMAND_REFUSED', detail: expect.objectContaining({ problem }) }),
    );
    expect(subject.current.phase).toBe('awaiting-acceptance');
  });

  test('is as fresh as the plan asks, to the millisecond', () => {
    const subject = waiting({ acceptance: { maxAge: '2h' } });
    expect(() => accept(subject, { startedAtMs: startMs - 2 * hourMs - 1 })).toThrow(/last 2h/);
    expect(accept(subject, { startedAtMs: startMs - 2 * hourMs })).toContain('stage-entered');
  });

  test('shows what the plan requires of it beside the gates', () => {
    const requires = { 'orphan-rate': 'within-limits', 'missed-tail': 'within-limits' };
    const subject = waiting({ acceptance: { rule: 'waiver', requires } });
    expect(() => accept(subject)).toThrow(/missed-tail to be within-limits, got not measured/);
    // The gate asks for more than `requires` does; the harder of both holds.
    const weak = { 'orphan-rate': 'within-limits', 'missed-tail': 'certified' } as const;
    expect(() => accept(subject, {}, weak)).toThrow(/orphan-rate to be certified/);
    expect(accept(subject, {}, { 'missed-tail': 'within-limits' })).toContain('stage-entered');
  });

  test('need not show a gate that live evidence must prove, and may not show it bad', () => {
    const gates = [{ metric: 'orphan-rate', liveAtStage: 'tenth' }];
    expect(() => accept(waiting({ gates }), {}, { 'orphan-rate': 'failed' })).toThrow(/failed/);
    expect(accept(waiting({ gates }), { metrics: [] })).toContain('stage-entered');
  });

  test('shows finalization latency by its worse half', () => {
    const gates = [{ metric: 'finalization-latency' }];
    expect(() => accept(waiting({ gates }), {}, { 'stop-latency': 'within-limits' })).toThrow(
      /finalization-latency to be certified, got within-limits/,
    );
    expect(accept(waiting({ gates }), {}, { 'stop-latency': 'certified' })).toContain('stage-entered');
  });
});

describe('what could not be measured', () => {
  const unmeasured = (subject: Subject): AcceptanceEvidence['metrics'] =>
    acceptanceOf(subject.current.plan, { 'orphan-rate': 'not-measurable' }).metrics.map((row) => ({
      ...row,
      waiver: 'a vendor',
    }));

  test('passes with a waiver by a person, whose reason is kept', () => {
    const subject = waiting();
    expect(accept(subject, { metrics: unmeasured(subject) })).toEqual([
      'accepted',
      'waived',
      'stage-entered',
    ]);
    expect(subject.current.acceptance?.waivers).toMatchObject([
      { gates: ['orphan-rate'], actor: person, reason: 'a vendor' },
    ]);
    expect(settledBy(subject.current, subject.current.plan.gates[0]!)).toBe('waiver');
  });

  test('never passes by the automatic actor', () => {
    const subject = waiting();
    expect(() => accept(subject, { metrics: unmeasured(subject) }, {}, automatic)).toThrow(/person/);
  });
});

describe('a waiver', () => {
  test('does not stand in for evidence that the plan requires', () => {
    const subject = waiting({ acceptance: 'required' });
    expect(() => subject.send(commandOf('waive', subject))).toThrow(/requires it/);
  });
});
