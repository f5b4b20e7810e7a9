import { describe, expect, test } from 'vitest';
import { exampleReport } from '../acceptance/report.fixture.ts';
import { evidenceOfReport, resultOf } from './acceptance-report.ts';
import type { AcceptanceEvidence } from './commands.ts';

describe('the evidence in a report', () => {
  test('is what the suite wrote, read from the file however it is indented', () => {
    const report = exampleReport();
    const evidence = evidenceOfReport(JSON.stringify(report, null, 2));
    expect(evidence).toMatchObject({
      build: 'b1',
      reportId: report.digest,
      startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
      system: 'behind-gateway',
      seed: 1,
    });
    expect(evidence.metrics.map(({ metric, result }) => [metric, result])).toEqual(
      report.metrics.map(({ id, result }) => [id, result]),
    );
    expect(evidenceOfReport(report)).toEqual(evidence);
  });

  test('is refused when anything in it was changed', () => {
    const report = exampleReport();
    const better = report.metrics.map((row) => ({ ...row, result: 'certified' as const }));
    const changed = [{ metrics: better }, { target: { ...report.target, build: 'b2' } }, { extra: 1 }];
    for (const change of changed) {
      expect(() => evidenceOfReport({ ...report, ...change })).toThrow(
        expect.objectContaining({ code: 'EVIDENCE_INVALID', detail: { problem: 'tampered' } }),
      );
    }
  });

  test.each([
    ['no JSON', 'hello', /not JSON/],
    ['a plan', '{"name":"x"}', /another document \(at schema\)/],
    ['a list', '[]', /another document/],
    ['a null', 'null', /another document/],
    [
      'a hostile number of metrics',
      { ...exampleReport(), metrics: Array(1_000).fill({}) },
      /another document/,
    ],
  ])('is refused when it is %s', (_, report, message) => {
    expect(() => evidenceOfReport(report)).toThrow(message);
  });

  test('keeps a waiver only where nothing was measured', () => {
    const metrics = exampleReport().metrics.map((row) => ({ ...row, waiver: 'because' }));
    const rows = evidenceOfReport(exampleReport({ metrics })).metrics;
    expect(rows.map(({ waiver }) => waiver)).toEqual([null, null, null, 'because']);
  });
});

describe('finalization latency', () => {
  const evidence = (finals: string, stop: string, waiver: string | null): AcceptanceEvidence =>
    ({
      metrics: [
        { metric: 'finalization-latency', result: finals, waiver: null },
        { metric: 'stop-latency', result: stop, waiver },
      ],
    }) as unknown as AcceptanceEvidence;

  test.each([
    ['certified', 'certified', null, 'certified'],
    ['certified', 'within-limits', null, 'within-limits'],
    ['within-limits', 'failed', null, 'failed'],
    ['certified', 'not-measurable', null, 'not-measurable'],
    ['certified', 'not-measurable', 'no stop there', 'certified'],
  ])('of finals %s and stops %s (waived: %s) is %s', (finals, stop, waiver, expected) => {
    expect(resultOf(evidence(finals, stop, waiver), 'finalization-latency')).toBe(expected);
  });

  test('that was not measured is not made up from its half', () => {
    expect(
      resultOf({ metrics: [] } as unknown as AcceptanceEvidence, 'finalization-latency'),
    ).toBeUndefined();
  });
});
