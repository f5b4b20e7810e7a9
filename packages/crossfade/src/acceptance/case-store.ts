import type { CaseResult } from './case-result.ts';

/** Where a run keeps its completed cases, so that a run that was stopped can go on. */
export interface CaseStore {
  /** Results of cases that a run before this one completed with the same build, in any order. */
  earlier(build: string | null): Iterable<CaseResult>;
  keep(result: CaseResult): void;
}

/** Keeps nothing. */
export const forgetful: CaseStore = { earlier: () => [], keep: () => undefined };
