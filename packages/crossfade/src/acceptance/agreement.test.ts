import { describe, expect, it } from 'vitest';
import { AgreementTotals } from './agreement.ts';
import type { SessionCase, TrialCase } from './case-result.ts';

const counts: SessionCase['counts'] = {
  samplesOffered: 16_000,
  samplesCovered: 16_000,
  segmentsWithPartial: 1,
  orphans: 0,
  retractions: 0,
  finalLatenciesMs: [400],
  finalLatencyCount: 1,
  finalLatencyOverLimit: 0,
  stopLatencyMs: 30,
  missedTailMs: 0,
  entries: 1,
  duplicateEntries: 0,
  firstPartialMs: null,
};
const session = (inside: Partial<SessionCase['counts']> | null): SessionCase => ({
  kind: 'session',
  id: 'a',
  scenario: 's',
  sampleRate: 16_000,
  isTimed: true,
  counts: { ...counts, samplesCovered: 15_000 },
  declared: counts,
  inside: inside === null ? null : { ...counts, ...inside },
  heardWords: 1,
  wordErrors: null,
  wasTaken: true,
  failure: '',
  lateMs: [],
  lostMs: [],
  bad: null,
});

describe('both sides of a target', () => {
  it('are not compared when nobody looked inside', () => {
    const totals = new AgreementTotals();
    totals.addSession(session(null));
    expect(totals.rows).toEqual([]);
  });

  it('disagree where the target declares audio that its words do not show, and agree on the rest', () => {
    const totals = new AgreementTotals();
    totals.addSession(session({ finalLatenciesMs: [380] }));
    const agrees = Object.fromEntries(totals.rows.map((row) => [row.metric, row.agrees]));
    expect(agrees).toEqual({
      'capture-completeness': false,
      'orphan-rate': true,
      'finalization-latency': true,
      'stop-latency': true,
      'missed-tail': true,
      'duplicate-artifacts': true,
    });
    expect(totals.rows[0]?.sentence).toContain('they do not agree within 0.02 %');
  });

  it('are held against each other session by session in a crash, not maximum by maximum', () => {
    const totals = new AgreementTotals();
    const trial = { kind: 'trial', outsideLossMs: 100 } as TrialCase;
    totals.addTrial({ ...trial, inside: { killMs: 100, powerCutMs: 180, differenceMs: 90 } });
    expect(totals.rows).toMatchObject([
      { metric: 'durability-loss', blackBox: 100, whiteBox: 100, agrees: false },
    ]);
  });
});
