import type { Arm, SessionRecord } from '../transcript/session-record.ts';

/** The walk internal → 10 % → 50 % → 100 %, each 48 hours, judged over ten sessions; as people write it. */
export const planDocument = {
  name: 'streaming-2',
  flag: 'transcription',
  control: { variant: 'legacy', upstream: 'legacy' },
  candidate: { variant: 'streaming', upstream: 'streaming', build: 'build-2' },
  audiences: { internal: { when: { attribute: 'plan', op: 'equals', value: 'internal' } } },
  stages: [
    { name: 'internal', audiences: ['internal'], bake: '48h', minSessionsPerHour: 0 },
    { name: '10', share: 10, bake: '48h', minSessionsPerHour: 0 },
    { name: '50', share: 50, bake: '48h', minSessionsPerHour: 0 },
    { name: '100', share: 100, bake: '48h', minSessionsPerHour: 0 },
  ],
  acceptance: 'waiver',
  guardrails: { minSessions: 10 },
  drain: 'finish',
  drainLimit: '10m',
  noDataLimit: '100h',
};

export interface SessionChanges {
  readonly id: string;
  readonly arm: Arm;
  readonly epoch: number;
  readonly endedAtMs: number;
  readonly rollout?: string;
  /** The rule that decided; absent: a share did, and no rule is known. */
  readonly rule?: string;
  /** Latency of every final, ms. */
  readonly finalMs?: number;
}

/** The record of a clean session of ten seconds, its finals as late as asked. */
export function sessionOf(changes: SessionChanges): SessionRecord {
  const { id, arm, epoch, endedAtMs, rollout = 'streaming-2', finalMs = 400 } = changes;
  const counts = {
    samplesOffered: 160_000,
    samplesCovered: 160_000,
    segmentsWithPartial: 4,
    orphans: 0,
    retractions: 0,
    finalLatenciesMs: [finalMs, finalMs, finalMs, finalMs],
    finalLatencyCount: 4,
    finalLatencyOverLimit: finalMs >= 1_500 ? 4 : 0,
    stopLatencyMs: 200,
    missedTailMs: 0,
    entries: 5,
    duplicateEntries: 0,
    firstPartialMs: 150,
  };
  return {
    schema: 'crossfade.session/1',
    sessionId: id,
    assignment: {
      flag: 'transcription',
      variant: arm === 'candidate' ? 'streaming' : 'legacy',
      reason: changes.rule?.startsWith('audience:') === true ? 'TARGETING_MATCH' : 'SPLIT',
      ...(changes.rule === undefined ? {} : { rule: changes.rule }),
      rulesetRevision: 1,
      upstream: arm === 'candidate' ? 'streaming' : 'legacy',
      arm,
      rollout: { name: rollout, epoch },
      userHash: '',
    },
    model: 'tone',
    sampleRate: 16_000,
    realTime: true,
    startedAtMs: endedAtMs - 10_000,
    endedAtMs,
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
    },
    user: {
      ...counts,
      samplesDurable: 160_000,
      faults: 0,
      faultsRecovered: 0,
      crashLossMs: [],
      pausesMs: [],
      rescuedBy: null,
    },
  };
}
