import { systemClock } from '@crossfade/sdk/core/clock';
import { describe, expect, it } from 'vitest';
import { lenient, metricOf, stockDrivers, testScenarios, tinyProfile } from './acceptance.fixture.ts';
import { CaseLog } from './case-log.ts';
import type { SessionCase } from './case-result.ts';
import { RunTotals } from './metric-results.ts';
import { reportOf } from './report-of.ts';
import type { AcceptanceReport } from './report.ts';
import { remoteTarget } from './target.ts';
import { ToneProbe } from './tone-probe.ts';

/** 200 sessions whose only final came so late, from a machine whose frames left so late. */
function reportWith(latencyMs: number, lateMs: number): AcceptanceReport {
  const probe = new ToneProbe();
  const totals = new RunTotals(probe);
  const log = new CaseLog((id) => id);
  for (let i = 0; i < 200; i++) {
    const result = sessionCase(`case-${i}`, latencyMs, lateMs);
    totals.add(result);
    log.add(result);
  }
  return reportOf({
    options: {
      target: remoteTarget('ws://nobody.invalid/v1/listen'),
      drivers: stockDrivers,
      probe,
      scenarios: testScenarios,
      profile: tinyProfile,
      seed: 1,
      requirement: lenient,
      suite: '0.0.0-test',
      clock: systemClock,
    },
    plan: { sessions: [], trials: [], notRun: [], corpusDigest: '', expectedMs: 0 },
    totals,
    log,
    trials: [],
    build: null,
    rendered: { browser: null, why: 'no', sessions: 0, entries: 0, duplicates: 0, disagreeing: 0 },
    startedAt: '2026-01-02T03:04:05.000Z',
    tookMs: 1,
    unreachable: null,
    cutShort: null,
  });
}

function sessionCase(id: string, latencyMs: number, lateMs: number): SessionCase {
  const counts = {
    samplesOffered: 16_000,
    samplesCovered: 16_000,
    segmentsWithPartial: 1,
    orphans: 0,
    retractions: 0,
    finalLatenciesMs: [latencyMs],
    finalLatencyCount: 1,
    finalLatencyOverLimit: 0,
    stopLatencyMs: 30,
    missedTailMs: 0,
    entries: 1,
    duplicateEntries: 0,
    firstPartialMs: null,
  };
  const rest = { sampleRate: 16_000, isTimed: true, heardWords: 1, wasTaken: true, failure: '', bad: null };
  const late = [[lateMs, 25]] as const;
  return {
    kind: 'session',
    id,
    scenario: 's',
    ...rest,
    counts,
    declared: counts,
    inside: null,
    wordErrors: null,
    lateMs: late,
    lostMs: [],
  };
}

describe('a sender that was late', () => {
  it('leaves a latency on the wrong side open: it is not the fault of the target', () => {
    const report = reportWith(3_000, 930);
    expect(metricOf(report, 'finalization-latency')).toMatchObject({
      result: 'inconclusive',
      sentence: expect.stringMatching(/inconclusive, this machine sent its audio up to 9\d\d ms late/),
    });
    expect(report.result).toBe('evidence-missing');
  });

  it('keeps what is on the right side: lateness only made it worse', () => {
    expect(metricOf(reportWith(300, 930), 'finalization-latency').result).toBe('certified');
  });

  it('excuses nothing when it was in time', () => {
    expect(reportWith(3_000, 5).result).toBe('failed');
  });
});
