/** Sample ratio mismatch that may be watched at any time (Lindon & Malek 2022): is the split what the plan says? */
import { lnGamma } from '../beta-function.ts';

/** Units of one epoch by arm, and the shares that the ruleset gave them (they sum to 1). */
export interface SplitCounts {
  readonly counts: readonly number[];
  readonly shares: readonly number[];
}

/** Concentration of the Dirichlet prior: 100 looks for splits that are a few percent off. */
export const sharpConcentration = 100;

/** What the test may be wrong with: it holds a rollout and calls a person, so it gets an alpha of its own. */
export const mismatchAlpha = 0.001;

/** ln E against "units fall on the arms as planned", over all epochs. */
export function lnMismatchEvidence(
  epochs: readonly SplitCounts[],
  concentration = sharpConcentration,
): number {
  return epochs.reduce((sum, epoch) => sum + lnEpochMismatch(epoch, concentration), 0);
}

function lnEpochMismatch({ counts, shares }: SplitCounts, concentration: number): number {
  const n = counts.reduce((sum, count) => sum + count, 0);
  return shares.reduce(
    (sum, share, i) => {
      const count = counts[i] ?? 0;
      // A share of 0 that got a unit is a broken split without any statistics.
      if (share <= 0) return count > 0 ? Infinity : sum;
      const prior = concentration * share;
      return sum + lnGamma(prior + count) - lnGamma(prior) - count * Math.log(share);
    },
    lnGamma(concentration) - lnGamma(concentration + n),
  );
}
