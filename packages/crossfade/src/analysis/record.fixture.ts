import type {
  Arm,
  MetricCounts,
  PipelineLedger,
  SessionRecord,
  UserLedger,
} from '../transcript/session-record.ts';

/** What a test wants to be different from a clean session of ten seconds with four finals. */
export interface RecordChanges {
  readonly id?: string;
  readonly arm?: Arm;
  readonly epoch?: number;
  readonly reason?: string;
  readonly userHash?: string;
  readonly realTime?: boolean;
  readonly sampleRate?: number;
  /** Changes both ledgers alike. */
  readonly counts?: Partial<MetricCounts>;
  readonly pipeline?: Partial<PipelineLedger>;
  readonly user?: Partial<UserLedger>;
}

const cleanCounts: MetricCounts = {
  samplesOffered: 160_000,
  samplesCovered: 160_000,
  segmentsWithPartial: 4,
  orphans: 0,
  retractions: 0,
  finalLatenciesMs: [400, 450, 500, 600],
  finalLatencyCount: 4,
  finalLatencyOverLimit: 0,
  stopLatencyMs: 200,
  missedTailMs: 0,
  entries: 5,
  duplicateEntries: 0,
  firstPartialMs: 150,
};

/** A session record. */
export function recordOf(changes: RecordChanges = {}): SessionRecord {
  const counts = { ...cleanCounts, ...changes.counts };
  return {
    schema: 'crossfade.session/1',
    sessionId: changes.id ?? 'session',
    assignment: {
      flag: 'pipeline',
      variant: changes.arm ?? 'candidate',
      reason: changes.reason ?? 'SPLIT',
      rulesetRevision: 1,
      upstream: changes.arm ?? 'candidate',
      arm: changes.arm ?? 'candidate',
      rollout: { name: 'rollout', epoch: changes.epoch ?? 1 },
      userHash: changes.userHash ?? '00000000000000aa',
    },
    model: 'tone',
    sampleRate: changes.sampleRate ?? 16_000,
    realTime: changes.realTime ?? true,
    startedAtMs: 0,
    endedAtMs: 10_000,
    end: 'closed-by-client',
    gatewayRestarts: 0,
    pipeline: {
      ...counts,
      attempts: [],
      deaths: 0,
      stalls: 0,
      refusals: 0,
      replays: 0,
      failed: false,
      failure: '',
      ...changes.pipeline,
    },
    user: {
      ...counts,
      samplesDurable: counts.samplesOffered,
      faults: 0,
      faultsRecovered: 0,
      crashLossMs: [],
      pausesMs: [],
      rescuedBy: null,
      ...changes.user,
    },
  };
}

/** `count` records alike. */
export function recordsOf(count: number, changes: RecordChanges = {}): readonly SessionRecord[] {
  return Array.from({ length: count }, (_, i) => recordOf({ id: `session-${i}`, ...changes }));
}
