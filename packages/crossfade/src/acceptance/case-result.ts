/** What one case left: plain data, small, enough for every number and picture of the report. Kept on disk as it is. */
import type { WordErrors } from '../analysis/word-errors.ts';
import type { MetricCounts } from '../transcript/session-record.ts';
import { shortSessionMs } from './metric-ids.ts';
import type { SessionServer } from './driver.ts';
import type { InsideLosses } from './crash-scene.ts';
import type { WorstCase } from './report.ts';

/** A case worth showing; `badness` orders them. Its replay command is added by the report. */
export interface BadCase {
  readonly badness: number;
  readonly worst: Omit<WorstCase, 'replay'>;
}

export interface SessionCase {
  readonly kind: 'session';
  readonly id: string;
  readonly scenario: string;
  readonly sampleRate: number;
  /** At the pace of real time, and never interrupted by the suite: its latencies count. */
  readonly isTimed: boolean;
  /** Capture and tail as the words prove them. */
  readonly counts: MetricCounts;
  /** The same by the target's own word. */
  readonly declared: Pick<MetricCounts, 'samplesCovered' | 'missedTailMs'>;
  /** The same as the target itself counted it; null: it does not tell. */
  readonly inside: MetricCounts | null;
  /** Who served it, as far as that is known; absent in runs that were begun before it was asked. */
  readonly servers?: readonly SessionServer[];
  readonly heardWords: number;
  /** Against the text of what was said; null: no language. */
  readonly wordErrors: WordErrors | null;
  readonly wasTaken: boolean;
  /** Why it broke; empty: it did not. */
  readonly failure: string;
  /** How late frames left, ms, with their counts. */
  readonly lateMs: readonly (readonly [ms: number, count: number])[];
  readonly lostMs: readonly (readonly [start: number, end: number])[];
  readonly bad: BadCase | null;
}

export interface TrialCase {
  readonly kind: 'trial';
  readonly id: string;
  readonly scenario: string;
  readonly fault: string;
  readonly process: string;
  readonly isCrash: boolean;
  readonly recovered: boolean;
  readonly isGone: boolean;
  /** Of the worst session of a crash, by whichever observer saw more, ms; null: nothing crashed. */
  readonly lossMs: number | null;
  /** The same, seen from outside alone. */
  readonly outsideLossMs: number;
  /** By the journal's files; null: nobody looked into them. */
  readonly inside: InsideLosses | null;
  readonly failure: string;
  readonly bad: BadCase | null;
}

export type CaseResult = SessionCase | TrialCase;

/** Whether a session is short enough to bound its own tail. */
export function isShort({ counts, sampleRate }: SessionCase): boolean {
  return counts.samplesOffered * 1_000 <= shortSessionMs * sampleRate;
}
