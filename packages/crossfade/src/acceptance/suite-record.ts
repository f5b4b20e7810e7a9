import type { MetricCounts, SessionRecord } from '../transcript/session-record.ts';

/** What a fault trial found: one trial is one fault, its worst session decides. */
export interface TrialCounts {
  readonly recovered: boolean;
  /** Audio produced before the crash that nobody can read after it, ms. Null: the trial had no crash. */
  readonly lossMs: number | null;
}

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
export function sessionRecordOf(
  id: string,
  sampleRate: number,
  counts: MetricCounts,
  failure: string,
): SessionRecord {
  return recordOf(id, sampleRate, counts, failure, null);
}

/** A fault trial as a record: it enters recovery and durability, and nothing else. */
export function trialRecordOf(id: string, sampleRate: number, trial: TrialCounts): SessionRecord {
  return recordOf(id, sampleRate, nothing, '', trial);
}

function recordOf(
  id: string,
  sampleRate: number,
  counts: MetricCounts,
  failure: string,
  trial: TrialCounts | null,
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
    realTime: true,
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
