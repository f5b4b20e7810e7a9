import type { DrainPolicy } from '@crossfade/sdk/flags/ruleset';

/** Which side a session was assigned to; it stays that side in every comparison. */
export type Arm = 'control' | 'candidate';

/** The decision that was taken once, at the session's start, and pinned for its life. */
export interface Assignment {
  readonly flag: string;
  readonly variant: string;
  readonly reason: string;
  readonly rule?: string;
  readonly rulesetRevision: number;
  /** Upstream the variant names. */
  readonly upstream: string;
  readonly arm: Arm;
  /** Absent when no rollout owned the flag. */
  readonly rollout?: { readonly name: string; readonly epoch: number; readonly candidateBuild?: string };
  /** Hash of the targeting key (never the key), 16 hex digits; empty when there was none. */
  readonly userHash: string;
}

/** How one connection to an upstream ended. */
export type AttemptEnd =
  /** It said so itself, after CloseStream. */
  | 'closed'
  /** It could not be reached, or refused the stream. */
  | 'refused'
  /** Its connection ended while audio was owed an answer. */
  | 'died'
  /** It took audio and answered nothing for the stall limit. */
  | 'stalled'
  /** A final skipped audio, went back, or contradicted the stream. */
  | 'broke-protocol'
  /** A rollback moved the session away. */
  | 'migrated'
  /** The gateway died under it. */
  | 'gateway-lost';

/** One connection to one upstream, before any rescue. Samples are of the session's clock. */
export interface Attempt {
  readonly upstream: string;
  /** What the upstream says of itself (its build digest), when it does. */
  readonly build?: string;
  readonly startSample: number;
  readonly samplesForwarded: number;
  /** Distinct samples in accepted finals of this attempt. */
  readonly samplesCovered: number;
  readonly end: AttemptEnd;
  readonly reason: string;
}

/**
 * Numerators and denominators of the seven metrics, as one ledger saw them. Latencies keep every value up
 * to `latencyValuesMax`, and exact counts beyond.
 */
export interface MetricCounts {
  /** capture-completeness: distinct samples. Declared coverage (union of final ranges), never proof. */
  readonly samplesOffered: number;
  readonly samplesCovered: number;
  /** orphan-rate. Retractions are covering empty finals, reported apart. */
  readonly segmentsWithPartial: number;
  readonly orphans: number;
  readonly retractions: number;
  /** finalization-latency, ms: final received − due time of the end of its last word; open stream only. */
  readonly finalLatenciesMs: readonly number[];
  readonly finalLatencyCount: number;
  readonly finalLatencyOverLimit: number;
  /** finalization-latency, ms: last final received − stop sent. Null: there was no stop, or nothing came. */
  readonly stopLatencyMs: number | null;
  /** missed-tail, ms: offered end − end of the last final range when the pipeline said it was done. Null: it never did. */
  readonly missedTailMs: number | null;
  /** duplicate-artifacts. */
  readonly entries: number;
  readonly duplicateEntries: number;
  /** first-partial-latency, ms from the due time of the first word's end. Null: none. */
  readonly firstPartialMs: number | null;
}

/** The assigned arm's own work. Gates, guardrails and A/B judge this one. */
export interface PipelineLedger extends MetricCounts {
  readonly attempts: readonly Attempt[];
  readonly deaths: number;
  readonly stalls: number;
  readonly refusals: number;
  readonly replays: number;
  /** True when the arm needed another attempt or a rescue, or left audio uncovered: an error of the arm. */
  readonly failed: boolean;
  /** Why, in a few words; empty when it did not. */
  readonly failure: string;
}

/** What the person got, after rescue. Must be clean. */
export interface UserLedger extends MetricCounts {
  readonly samplesDurable: number;
  /** recovery-success: faults this session met, and those it came out of whole. */
  readonly faults: number;
  readonly faultsRecovered: number;
  /** durability-loss, ms of audio, one per gateway crash whose client came back and said what it had produced. */
  readonly crashLossMs: readonly number[];
  /** Pauses that the client saw (from a fault or a move to the next text that it was sent), ms. */
  readonly pausesMs: readonly number[];
  readonly rescuedBy: string | null;
}

export type SessionEnd =
  /** The client said CloseStream. */
  | 'closed-by-client'
  /** The client's connection ended without it; finished from the journal. */
  | 'client-lost'
  /** The gateway died and the session was finished from the journal. */
  | 'recovered'
  /** A limit of the gateway ended it (idle, size, time). */
  | 'limit';

/** Written exactly once per session, crashed sessions too. */
export interface SessionRecord {
  readonly schema: 'crossfade.session/1';
  readonly sessionId: string;
  readonly assignment: Assignment;
  /** The `model` the client asked for: the engine that served it. */
  readonly model: string;
  readonly sampleRate: number;
  /** Audio arrived at the pace of real time; latency of other sessions is not judged. */
  readonly realTime: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly end: SessionEnd;
  readonly gatewayRestarts: number;
  readonly drain?: { readonly id: string; readonly policy: DrainPolicy; readonly outcome: DrainOutcome };
  readonly pipeline: PipelineLedger;
  readonly user: UserLedger;
}

/**
 * What a gateway says of a session while it runs, so that nobody waits for its end to hear that it failed: that it was
 * assigned, and how its first two minutes went. Counts once per session and kind, however often it is said.
 */
export interface SessionSignal {
  readonly kind: 'started' | 'early';
  readonly sessionId: string;
  readonly arm: Arm;
  readonly rollout: { readonly name: string; readonly epoch: number };
  /** As in the assignment. */
  readonly userHash: string;
  readonly reason: string;
  readonly rule?: string;
  readonly startedAtMs: number;
  /** With `early`: it did not start, brought nothing, or met an error. */
  readonly failed?: boolean;
}

/** What became of a session that was open at a rollback. */
export type DrainOutcome = 'finished' | 'migrated' | 'cut' | 'rescued' | 'open';

export const latencyValuesMax = 4_096;

/** What a user sees on screen for one segment; kept in the store and answered by GET /sessions/:id. */
export interface Entry {
  readonly segmentId: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: readonly EntryWord[];
  /** Upstream that made it. */
  readonly upstream: string;
}

export interface EntryWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

export interface StoredTranscript {
  readonly sessionId: string;
  readonly sampleRate: number;
  readonly entries: readonly Entry[];
}
