import type { SessionSignal } from '../transcript/session-record.ts';

/** A signal of a candidate's session. */
export function signalOf(sessionId: string, kind: SessionSignal['kind'], rollout = 'a'): SessionSignal {
  return {
    kind,
    sessionId,
    arm: 'candidate',
    rollout: { name: rollout, epoch: 1 },
    userHash: '',
    reason: 'SPLIT',
    startedAtMs: 5,
  };
}
