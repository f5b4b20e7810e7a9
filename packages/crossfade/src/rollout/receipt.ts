import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome } from '../transcript/session-record.ts';
import { exposureLeaseMs } from './lease.ts';
import type { Acknowledgement, Position, RolloutState } from './state.ts';
import type { Actor } from './commands.ts';
import type { Judgement } from './verdict.ts';

/** The record a rollback leaves; it grows while sessions are still reported. */
export interface Receipt {
  readonly rollout: string;
  readonly flag: string;
  readonly build: string;
  readonly drainId: string;
  readonly actor: Actor;
  readonly why: string;
  /** What the judge had; null when a person rolled back. */
  readonly evidence: Judgement | null;
  readonly from: Position;
  readonly policy: DrainPolicy;
  readonly startedAtMs: number;
  /** When no evaluator could admit a session to the candidate any more; null: not yet. */
  readonly admissionStoppedAtMs: number | null;
  /** Every evaluator said so, or the lease of the silent ones was over. */
  readonly admissionStoppedBy: 'acknowledgement' | 'lease' | null;
  readonly acknowledged: Readonly<Record<string, Acknowledgement>>;
  readonly unacknowledged: readonly string[];
  /** Gateways that have not said that their sessions are done. */
  readonly unreported: readonly string[];
  readonly sessions: readonly ReceiptSession[];
  readonly samplesLost: number;
  readonly finishedAtMs: number | null;
}

/** A session that was open at the rollback, and what became of it. */
export interface ReceiptSession {
  readonly sessionId: string;
  readonly gateway: string;
  readonly outcome: DrainOutcome;
  readonly samplesLost: number;
}

/** What the rollback of this rollout has left so far; null when there was none. */
export function receiptOf(state: RolloutState, nowMs: number): Receipt | null {
  const { rollback, plan } = state;
  if (rollback === null) return null;
  const evaluators = Object.entries(rollback.evaluators);
  const acknowledged = evaluators.filter((entry): entry is [string, Acknowledgement] => entry[1] !== null);
  const unacknowledged = evaluators
    .filter(([, acknowledgement]) => acknowledgement === null)
    .map(([id]) => id);
  const sessions = Object.values(rollback.sessions).map(({ sessionId, gateway, outcome, samplesLost }) => {
    return { sessionId, gateway, outcome, samplesLost };
  });
  return {
    rollout: state.name,
    flag: plan.flag,
    build: plan.candidate.build,
    drainId: rollback.drainId,
    actor: rollback.actor,
    why: rollback.why,
    evidence: rollback.judgement,
    from: rollback.from,
    policy: rollback.policy,
    startedAtMs: rollback.startedAtMs,
    ...admissionStop(rollback.startedAtMs, acknowledged, unacknowledged, nowMs),
    acknowledged: Object.fromEntries(acknowledged),
    unacknowledged,
    unreported: Object.keys(rollback.gateways).filter((id) => rollback.gateways[id] !== true),
    sessions,
    samplesLost: sessions.reduce((sum, { samplesLost }) => sum + samplesLost, 0),
    finishedAtMs: rollback.finishedAtMs,
  };
}

function admissionStop(
  startedAtMs: number,
  acknowledged: readonly [string, Acknowledgement][],
  unacknowledged: readonly string[],
  nowMs: number,
): Pick<Receipt, 'admissionStoppedAtMs' | 'admissionStoppedBy'> {
  if (unacknowledged.length === 0) {
    const lastMs = Math.max(startedAtMs, ...acknowledged.map(([, { atMs }]) => atMs));
    return { admissionStoppedAtMs: lastMs, admissionStoppedBy: 'acknowledgement' };
  }
  const leaseOverAtMs = startedAtMs + exposureLeaseMs;
  if (nowMs < leaseOverAtMs) return { admissionStoppedAtMs: null, admissionStoppedBy: null };
  return { admissionStoppedAtMs: leaseOverAtMs, admissionStoppedBy: 'lease' };
}
