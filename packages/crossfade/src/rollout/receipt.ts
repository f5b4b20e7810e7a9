import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { DrainOutcome } from '../transcript/session-record.ts';
import type { Acknowledgement, Position } from './state.ts';
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
