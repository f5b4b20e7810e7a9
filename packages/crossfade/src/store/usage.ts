import type { SessionRecord } from '../transcript/session-record.ts';

/** What one user did lately, as far as the sessions of this store say. */
export interface Usage {
  /** Sessions that ended within the last 30 days: whole days of UTC, today among them. */
  readonly sessions30d: number;
  /** Audio of those sessions, ms. */
  readonly audioMs30d: number;
  /** When the last one ended; null: none is remembered. */
  readonly lastSeenAtMs: number | null;
}

export const noUsage: Usage = { sessions30d: 0, audioMs30d: 0, lastSeenAtMs: null };

/** Days that are counted, and so rows that one user has at most. */
export const usageDays = 30;

/** A user who was not seen for this long is forgotten: 13 months, so that a yearly habit is still one. */
export const lastSeenDays = 400;

/** Old rows taken out with each session that is stored: far more than come in, and never a long wait. */
export const usagePruneMax = 100;

const dayMs = 86_400_000;

/** The day of UTC, counted from 1970. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

/** What a stored session adds to its user's usage; null when it has no user. */
export function usageOf(
  record: SessionRecord,
): { readonly userHash: string; readonly day: number; readonly audioMs: number } | null {
  const { userHash } = record.assignment;
  if (userHash === '') return null;
  const audioMs = (record.user.samplesOffered * 1_000) / record.sampleRate;
  return { userHash, day: dayOf(record.endedAtMs), audioMs };
}
