import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';
import type { Verdict } from '../analysis/verdict.ts';
import type { AcceptanceEvidence } from '../rollout/commands.ts';
import type { Phase, Waiver } from '../rollout/state.ts';
import type { Pauses, ReceiptSession } from '../rollout/receipt.ts';

/** Where a rollout stands: plain data, the same in process, over HTTP and in `--json`. */
export interface RolloutStatus {
  readonly name: string;
  readonly flag: string;
  readonly state: Phase;
  /** The kill switch: share 0 until enabled again. */
  readonly disabled: boolean;
  readonly control: string;
  readonly candidate: string;
  readonly candidateBuild: string | null;
  /** Null before the start and after the end. */
  readonly stage: StageStatus | null;
  readonly stages: readonly string[];
  readonly epoch: number;
  /** The plan's gates, and what settled each so far. */
  readonly gates: readonly GateStatus[];
  /** Why it does not move right now, in one sentence; null while it does. */
  readonly holding: string | null;
  /** What opened the first stage, and what a person waived; null before. */
  readonly acceptance: AcceptanceStatus | null;
  readonly verdict: Verdict | null;
  readonly receipt: ReceiptStatus | null;
  /** Events of this rollout so far. */
  readonly revision: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

export interface AcceptanceStatus {
  /** Null: opened by a waiver alone. */
  readonly evidence: AcceptanceEvidence | null;
  readonly waivers: readonly Waiver[];
}

export interface GateStatus {
  readonly metric: string;
  readonly requires: string;
  /** Stage at which live evidence must prove it; null: acceptance evidence or a waiver. */
  readonly liveAtStage: string | null;
  /** Null: nothing yet. */
  readonly settledBy: 'live' | 'acceptance' | 'waiver' | null;
}

export interface StageStatus {
  readonly index: number;
  readonly name: string;
  /** Share of keys that get the candidate, in buckets of 0.001 %. */
  readonly shareBuckets: number;
  readonly bakeMs: number;
  /** Healthy, observed time so far. */
  readonly bakedMs: number;
}

/** What a rollback left behind; it grows until `completedAtMs` is set. */
export interface ReceiptStatus {
  readonly drainId: string;
  readonly policy: DrainPolicy;
  readonly reason: string;
  readonly actor: string;
  /** What the judge had; null when a person rolled back. */
  readonly evidence: Verdict | null;
  readonly rolledBackAtMs: number;
  /** When no evaluator could admit a session to the candidate any more; null: not yet. */
  readonly admissionStoppedAtMs: number | null;
  /** Every evaluator said so, or the lease of the silent ones was over. */
  readonly admissionStoppedBy: 'acknowledgement' | 'lease' | null;
  /** Evaluators that did not acknowledge it. */
  readonly unacknowledged: readonly string[];
  /** Gateways that had not reported their sessions when the limit came. */
  readonly unreported: readonly string[];
  readonly sessions: readonly ReceiptSession[];
  /** Sessions that are not over: what they lose and repeat is in no sum yet. */
  readonly running: number;
  readonly samplesLost: number;
  readonly duplicateEntries: number;
  /** Of the sessions that were moved and have shown something since; null: none. */
  readonly pauses: Pauses | null;
  readonly completedAtMs: number | null;
}

/** One line of the audit. */
export interface HistoryEntry {
  readonly sequence: number;
  readonly atMs: number;
  readonly rollout: string;
  readonly type: string;
  readonly actor: string;
  readonly reason: string;
  /** What happened, in one sentence. */
  readonly text: string;
  /** The event as it was stored: before, after, evidence. */
  readonly event: unknown;
  readonly hash: string;
}
