/**
 * CPU and memory: few processes, no sessions of their own. The unit is a block of 30 minutes, candidate processes
 * against control processes, and neighbouring blocks resemble each other.
 */
import type { Contrast } from './ratio-moments.ts';

/** One block: the mean over the candidate's processes and over the control's. */
export interface Block {
  readonly candidate: number;
  readonly control: number;
}

export const blockMinutes = 30;

/** Six hours of blocks: fewer do not show how they vary. */
export const blocksMin = 12;

/** A series that repeats itself more than this says next to nothing; above it the inflation would explode. */
const autocorrelationMax = 0.95;

/** Lag-1 autocorrelation, not below 0. 0 of a constant series. */
export function autocorrelation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let products = 0;
  let squares = 0;
  for (const [i, value] of values.entries()) {
    squares += (value - mean) ** 2;
    if (i > 0) products += (value - mean) * ((values[i - 1] ?? mean) - mean);
  }
  return squares > 0 ? Math.min(autocorrelationMax, Math.max(0, products / squares)) : 0;
}

/** Mean of candidate − (1 + margin) control over the blocks, as a score; no information from fewer than 12 of them. */
export function blockContrast(blocks: readonly Block[], margin: number): Contrast {
  const values = blocks.map(({ candidate, control }) => candidate - (1 + margin) * control);
  const n = values.length;
  const difference = n === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / n;
  if (n < blocksMin) return { difference, score: 0, information: 0 };
  const variance = values.reduce((sum, value) => sum + (value - difference) ** 2, 0) / (n - 1) / n;
  const phi = autocorrelation(values);
  const squaredError = (variance * (1 + phi)) / (1 - phi);
  if (squaredError <= 0) return { difference, score: 0, information: 0 };
  return { difference, score: difference / squaredError, information: 1 / squaredError };
}
