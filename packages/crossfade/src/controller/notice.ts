import type { NoticeKind } from '../rollout/plan.ts';

/** What the person on call reads: each a plain sentence, so that no receiver must know our words to show them. */
export interface NoticeText {
  /** What happened. */
  readonly title: string;
  /** How bad it is, with both numbers; null when nothing is bad. */
  readonly howBad: string | null;
  readonly forWhom: string;
  /** How sure the judge is; null when it did not judge. */
  readonly howSure: string | null;
  /** What the system did. */
  readonly done: string;
  /** What a person should do. */
  readonly nextStep: string;
}

/** What a person sends to see that it arrives; nobody can ask for it in a plan. */
export const testKind = 'test';

/** `critical` wakes somebody, `warning` waits for the day, `info` is news. */
export type NoticeSeverity = 'info' | 'warning' | 'critical';

/**
 * What a notification says: plain data, written once, in the transaction of the event that caused it. Counts and
 * sentences alone; never a transcript, audio, a key or who a session belongs to.
 */
export interface Notice extends NoticeText {
  /** Of the event that caused it: the same on every attempt and for every receiver. */
  readonly id: string;
  readonly kind: NoticeKind | typeof testKind;
  readonly severity: NoticeSeverity;
  readonly atMs: number;
  readonly rollout: string;
  readonly flag: string;
  readonly control: string;
  readonly candidate: string;
  readonly build: string;
  readonly stage: string | null;
  /** Of those in no audience, in percent, that get the candidate now. */
  readonly sharePercent: number;
  readonly actor: string;
  /** In the actor's words. */
  readonly reason: string;
  readonly verdict: NoticeVerdict | null;
  readonly receipt: NoticeReceipt | null;
}

/** The verdict behind it, its culprit's numbers beside the sentence. */
export interface NoticeVerdict {
  readonly verdict: string;
  readonly sentence: string;
  readonly metric: string | null;
  readonly candidate: number | null;
  readonly control: number | null;
  readonly limit: number | null;
  readonly bound: number | null;
  readonly sessions: { readonly candidate: number; readonly control: number };
}

/** A rollback in numbers; the receipt itself names the sessions. */
export interface NoticeReceipt {
  readonly drainId: string;
  readonly policy: string;
  readonly admissionStoppedAfterMs: number | null;
  readonly unacknowledged: readonly string[];
  readonly unreported: readonly string[];
  readonly openSessions: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Sessions that are not over: what they lose and repeat is in neither sum yet. */
  readonly running: number;
  readonly samplesLost: number;
  readonly duplicateEntries: number;
  readonly finishedAfterMs: number | null;
}
