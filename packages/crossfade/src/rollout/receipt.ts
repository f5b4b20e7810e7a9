import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome } from '../transcript/session-record.ts';
import { exposureLeaseMs } from './lease.ts';
import {
  hasEnded,
  type Acknowledgement,
  type Position,
  type RolledBackSession,
  type RolloutState,
} from './state.ts';
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
  /** Sessions that are not over: what they lose and repeat is in no sum yet. */
  readonly running: number;
  readonly samplesLost: number;
  readonly duplicateEntries: number;
  /** Of the sessions that were moved and have shown something since; null: none. */
  readonly pauses: Pauses | null;
  readonly finishedAtMs: number | null;
}

/** A session that was open at the rollback, and what became of it. */
export interface ReceiptSession {
  readonly sessionId: string;
  readonly gateway: string;
  readonly outcome: DrainOutcome;
  /** It is over; until then nothing is known of what it lost and repeated. */
  readonly ended: boolean;
  readonly samplesLost: number;
  readonly duplicateEntries: number;
  /**
   * How long its user waited for the first text after the move: from the move, or from when those words were said if
   * that was later. Null: not moved, none shown yet, or its gateway died before.
   */
  readonly pauseMs: number | null;
}

/** How long users waited for text because their session was moved, by nearest rank. */
export interface Pauses {
  readonly sessions: number;
  readonly msP50: number;
  readonly msP99: number;
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
  const sessions = Object.values(rollback.sessions).map(sessionOf);
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
    running: sessions.filter(({ ended }) => !ended).length,
    samplesLost: sessions.reduce((sum, { samplesLost }) => sum + samplesLost, 0),
    duplicateEntries: sessions.reduce((sum, { duplicateEntries }) => sum + duplicateEntries, 0),
    pauses: pausesOf(sessions),
    finishedAtMs: rollback.finishedAtMs,
  };
}

function sessionOf(session: RolledBackSession): ReceiptSession {
  const { sessionId, gateway, outcome, samplesLost, duplicateEntries = 0, pauseMs = null } = session;
  return { sessionId, gateway, outcome, ended: hasEnded(session), samplesLost, duplicateEntries, pauseMs };
}

function pausesOf(sessions: readonly ReceiptSession[]): Pauses | null {
  const sorted = sessions.flatMap(({ pauseMs }) => pauseMs ?? []).sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return sorted.length === 0 ? null : { sessions: sorted.length, msP50: rank(0.5), msP99: rank(0.99) };
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
