/**
 * What is kept of one metric and arm, in one stretch of time: 41 sums in a row. Cells merge by addition, so a window is
 * a subtraction, whatever happened in it and however many sessions it had.
 */
import { betCount } from './bets.ts';
import type { RatioMoments } from './ratio-moments.ts';

export type ArmIndex = 0 | 1;
export const controlArm: ArmIndex = 0;
export const candidateArm: ArmIndex = 1;

/** Where each sum stands in a cell. The last three are vectors of log-wealth, one number per bet. */
export const column = {
  n: 0,
  events: 1,
  sumY: 2,
  sumX: 3,
  sumYY: 4,
  sumXY: 5,
  sumXX: 6,
  /** The same with Y as counted against the limit; X is shared. */
  limitEvents: 7,
  limitY: 8,
  limitYY: 9,
  limitXY: 10,
  /** Bets against the limit; the candidate's alone. */
  limitWealth: 11,
  /** Bets on the coin with the rollback margin; control's do not depend on it. */
  coinWealth: 11 + betCount,
  /** The candidate's with no margin. */
  plainWealth: 11 + 2 * betCount,
} as const;

export const cellWidth = 11 + 3 * betCount;

/** Sums before the wealth. */
export const momentColumns = 11;

/** Where the cell of a metric and arm begins. */
export function cellAt(metric: number, arm: ArmIndex): number {
  return (metric * 2 + arm) * cellWidth;
}

/** Which Y a moment is of: the one compared between the arms, or the one held against the limit. */
export type OutcomeKind = 'compared' | 'limit';

/** The moments of a cell. */
export function momentsAt(
  cells: Float64Array,
  at: number,
  kind: OutcomeKind,
  designEffect: number,
): RatioMoments {
  const isLimit = kind === 'limit';
  return {
    n: cells[at + column.n]!,
    events: cells[at + (isLimit ? column.limitEvents : column.events)]!,
    sumY: cells[at + (isLimit ? column.limitY : column.sumY)]!,
    sumX: cells[at + column.sumX]!,
    sumYY: cells[at + (isLimit ? column.limitYY : column.sumYY)]!,
    sumXY: cells[at + (isLimit ? column.limitXY : column.sumXY)]!,
    sumXX: cells[at + column.sumXX]!,
    designEffect,
  };
}
