import { recordOf } from '../analysis/record.fixture.ts';
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
  const { id, arm, epoch, endedAtMs, rollout = 'streaming-2', rule, finalMs = 400 } = changes;
  const finalLatenciesMs = [finalMs, finalMs, finalMs, finalMs];
  const finalLatencyOverLimit = finalMs >= 1_500 ? finalLatenciesMs.length : 0;
  const counts = { finalLatenciesMs, finalLatencyOverLimit };
  const record = recordOf({ id, arm, epoch, userHash: '', counts });
  const served = arm === 'candidate' ? 'streaming' : 'legacy';
  return {
    ...record,
    assignment: {
      ...record.assignment,
      flag: 'transcription',
      variant: served,
      upstream: served,
      reason: rule?.startsWith('audience:') === true ? 'TARGETING_MATCH' : 'SPLIT',
      ...(rule === undefined ? {} : { rule }),
      rollout: { name: rollout, epoch },
    },
    startedAtMs: endedAtMs - 10_000,
    endedAtMs,
  };
}
