import type { MetricCounts, SessionRecord } from '../transcript/session-record.ts';
import type { SessionCase, TrialCase } from './case-result.ts';

/** Counts of a session in which nothing happened. */
const nothing: MetricCounts = {
  samplesOffered: 0,
  samplesCovered: 0,
  segmentsWithPartial: 0,
  orphans: 0,
  retractions: 0,
  finalLatenciesMs: [],
  finalLatencyCount: 0,
  finalLatencyOverLimit: 0,
  stopLatencyMs: null,
  missedTailMs: null,
  entries: 0,
  duplicateEntries: 0,
  firstPartialMs: null,
};

/** A session that the suite watched from outside, as a record that the metric module takes. */
export function sessionRecordOf(session: SessionCase, counts: MetricCounts): SessionRecord {
  return recordOf(session, counts, session, null);
}

/** A fault trial as a record: it enters recovery and, when something crashed, durability; nothing else. */
export function trialRecordOf(trial: TrialCase): SessionRecord {
  // Rates matter to audio alone, and a trial brings none.
  return recordOf(trial, nothing, { sampleRate: 1, isTimed: false, failure: '' }, trial);
}

function recordOf(
  { id }: { readonly id: string },
  counts: MetricCounts,
  { sampleRate, isTimed, failure }: Pick<SessionCase, 'sampleRate' | 'isTimed' | 'failure'>,
  trial: TrialCase | null,
): SessionRecord {
  return {
    schema: 'crossfade.session/1',
    sessionId: id,
    assignment: {
      flag: 'acceptance',
      variant: 'target',
      reason: 'STATIC',
      rulesetRevision: 0,
      upstream: 'target',
      arm: 'candidate',
      userHash: '',
    },
    model: '',
    sampleRate,
    // The suite paces; how late it was is reported with the run.
    realTime: isTimed,
    startedAtMs: 0,
    endedAtMs: 0,
    end: 'closed-by-client',
    gatewayRestarts: 0,
    pipeline: {
      ...counts,
      attempts: [],
      deaths: 0,
      stalls: 0,
      refusals: 0,
      replays: 0,
      failed: failure !== '',
      failure,
    },
    user: {
      ...counts,
      samplesDurable: counts.samplesCovered,
      faults: trial === null ? 0 : 1,
      faultsRecovered: trial?.recovered === true ? 1 : 0,
      crashLossMs: trial === null || trial.lossMs === null ? [] : [trial.lossMs],
      pausesMs: [],
      rescuedBy: null,
    },
  };
}
