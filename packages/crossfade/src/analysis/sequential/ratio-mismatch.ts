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

/** Which comparison is broken, and how. */
export interface Mismatch {
  /**
   * `assignments`: not what the ruleset gives. `ends`: assigned as planned, and one side does not report. `build`: the
   * pipelines name another build than the plan.
   */
  readonly broken: 'assignments' | 'ends' | 'build';
  readonly sentence: string;
}

/** Users by arm, of one epoch. */
export interface ArmCounts {
  readonly share: number;
  readonly candidate: readonly [assigned: number, ended: number];
  readonly control: readonly [assigned: number, ended: number];
}

/** Whether users fell on the arms as planned, and whether both arms report alike; null when so. Own alpha of 0.001. */
export function mismatchOf(epochs: readonly ArmCounts[]): Mismatch | null {
  for (const [broken, counted] of [
    ['assignments', 0],
    ['ends', 1],
  ] as const) {
    const splits = epochs.map(({ share, candidate, control }): SplitCounts => {
      return { counts: [candidate[counted], control[counted]], shares: [share, 1 - share] };
    });
    if (lnMismatchEvidence(splits) < Math.log(1 / mismatchAlpha)) continue;
    const sum = (arm: number): number => splits.reduce((total, { counts }) => total + (counts[arm] ?? 0), 0);
    const expected = splits.reduce(
      (total, { counts, shares }) => total + (shares[0] ?? 0) * ((counts[0] ?? 0) + (counts[1] ?? 0)),
      0,
    );
    const what = broken === 'assignments' ? 'were assigned to' : 'reported an end from';
    return {
      broken,
      sentence: `${sum(0)} users ${what} the candidate and ${sum(1)} control, ${Math.round(expected)} of them should be the candidate's: the comparison is broken.`,
    };
  }
  return null;
}
