import { betCount } from './bets.ts';
import { type ArmIndex, candidateArm, cellAt, column, controlArm, momentsAt } from './cell-layout.ts';
import type { EpochSums, MetricSetup } from './epoch-sums.ts';
import { lnCountEvidence } from './event-counts.ts';
import { isExposed, lnMixtureCeiling, lnMixtureEvidence, tausOf } from './normal-mixture.ts';
import { type Contrast, contrastOf, sumContrasts } from './ratio-moments.ts';
import { logAddExp } from './special-functions.ts';

/** How the two engines of a metric are averaged: exact bets see catastrophes and rare events, the mixture the rest. */
const lnBetsWeight = Math.log(0.35);
const lnMixtureWeight = Math.log(0.65);

/** Evidence of one metric since one restart, in logs. */
export interface WindowEvidence {
  /** Against "no worse than control by more than the rollback margin". */
  readonly lnRelative: number;
  /** Bets against the limit alone; 0 without a limit. */
  readonly lnLimitBets: number;
  /** Against "within the limit, or no worse than control": the smaller of both; 0 without a limit. */
  readonly lnLimit: number;
  /** Bets against the limit in epochs without a coin alone; 0 without such, or without a limit. */
  readonly lnLimitAlone: number;
}

/** Whatever can say, per metric, what was seen since a restart. */
export interface EvidenceSource {
  readonly setups: readonly MetricSetup[];
  /** Evidence of each metric of `setups` since a restart (0: the rollout's begin). */
  since(restart: number): readonly WindowEvidence[];
}

/** Below this the smaller of two evidences is as good as 0, and the other need not be computed. */
const lnNegligible = -12;

/** A bet this far behind the best one is beyond the digits of a double. */
const lnLost = -40;

/** The evidence in the sums of any number of epochs. */
export class SumsEvidence implements EvidenceSource {
  readonly setups: readonly MetricSetup[];
  readonly #epochs: readonly EpochSums[];
  readonly #windows: readonly Float64Array[];
  /** Those of epochs without a coin. */
  readonly #aloneWindows: readonly Float64Array[];
  readonly #designEffects: readonly (readonly number[])[];
  readonly #taus: readonly (readonly number[])[];
  readonly #wealths = new Float64Array(betCount);
  readonly #isCeiling: boolean;

  /**
   * With `ceiling` it answers a number that is never below the evidence, for a third of the work: where even that is
   * below a threshold, the evidence itself need not be computed.
   */
  constructor(
    setups: readonly MetricSetup[],
    epochs: readonly EpochSums[],
    precision: 'exact' | 'ceiling' = 'exact',
  ) {
    this.setups = setups;
    this.#isCeiling = precision === 'ceiling';
    this.#epochs = epochs;
    this.#windows = epochs.map((epoch) => new Float64Array(epoch.width));
    this.#aloneWindows = this.#windows.filter((_, i) => epochs[i]!.info.share === null);
    this.#taus = setups.map(({ baseline }) => tausOf(baseline.ratio));
    this.#designEffects = epochs.map((epoch) =>
      setups.flatMap((_, metric) =>
        [controlArm, candidateArm].map((arm) => epoch.designEffect(metric, arm, 'compared')),
      ),
    );
  }

  since(restart: number): readonly WindowEvidence[] {
    this.#epochs.forEach((epoch, i) => epoch.since(restart, this.#windows[i]!));
    return this.setups.map((setup, metric) => this.#evidence(setup, metric));
  }

  #evidence({ metric: spec }: MetricSetup, metric: number): WindowEvidence {
    const lnRelative = this.#lnRelative(metric, spec.rollbackMargin, column.coinWealth);
    if (spec.limit === null) return { lnRelative, lnLimitBets: 0, lnLimit: 0, lnLimitAlone: 0 };
    const limitWealth = cellAt(metric, candidateArm) + column.limitWealth;
    const lnLimitBets = this.#lnWealth(this.#windows, limitWealth, null);
    const lnLimitAlone =
      this.#aloneWindows.length === 0 ? 0 : this.#lnWealth(this.#aloneWindows, limitWealth, null);
    const lnPlain =
      lnLimitBets < lnNegligible ? lnLimitBets : this.#lnRelative(metric, 0, column.plainWealth);
    return { lnRelative, lnLimitBets, lnLimit: Math.min(lnLimitBets, lnPlain), lnLimitAlone };
  }

  #lnRelative(metric: number, margin: number, wealth: number): number {
    const lnBets =
      this.setups[metric]!.metric.between === 'counts'
        ? this.#lnCounts(metric, margin)
        : this.#lnWealth(
            this.#windows,
            cellAt(metric, candidateArm) + wealth,
            cellAt(metric, controlArm) + column.coinWealth,
          );
    const contrast = this.#contrast(metric, margin);
    if (contrast === null) return lnBets + lnBetsWeight;
    const lnMixture = this.#isCeiling ? lnMixtureCeiling : lnMixtureEvidence;
    return logAddExp(lnBets + lnBetsWeight, lnMixture(contrast, this.#taus[metric]!) + lnMixtureWeight);
  }

  #lnCounts(metric: number, margin: number): number {
    const eventsOf = (window: Float64Array, arm: ArmIndex): number =>
      window[cellAt(metric, arm) + column.events]!;
    const epochs = this.#epochs.flatMap(({ info: { share } }, i) => {
      const window = this.#windows[i]!;
      if (share === null) return [];
      return [{ candidate: eventsOf(window, candidateArm), control: eventsOf(window, controlArm), share }];
    });
    return lnCountEvidence(epochs, margin);
  }

  /** Scores of the epochs that have seen enough, added; null when none has. */
  #contrast(metric: number, margin: number): Contrast | null {
    let sum: Contrast | null = null;
    for (let i = 0; i < this.#epochs.length; i++) {
      if (this.#epochs[i]!.info.share === null) continue;
      const candidate = this.#moments(i, metric, candidateArm);
      const control = this.#moments(i, metric, controlArm);
      if (!isExposed(candidate) || !isExposed(control)) continue;
      const contrast = contrastOf(candidate, control, margin);
      sum = sum === null ? contrast : sumContrasts([sum, contrast]);
    }
    return sum;
  }

  #moments(epoch: number, metric: number, arm: ArmIndex) {
    const designEffect = this.#designEffects[epoch]![metric * 2 + arm]!;
    return momentsAt(this.#windows[epoch]!, cellAt(metric, arm), 'compared', designEffect);
  }

  /** ln of the average wealth over the bets; wealth of epochs and of both arms multiplies. */
  #lnWealth(windows: readonly Float64Array[], at: number, other: number | null): number {
    // Two passes over ten numbers: one exponential each, and none for bets that have lost everything.
    const wealths = this.#wealths;
    let top = -Infinity;
    for (let j = 0; j < betCount; j++) {
      let wealth = 0;
      for (let i = 0; i < windows.length; i++) {
        const window = windows[i]!;
        wealth += window[at + j]!;
        if (other !== null) wealth += window[other + j]!;
      }
      wealths[j] = wealth;
      if (wealth > top) top = wealth;
    }
    // An average is never above its largest part.
    if (this.#isCeiling) return top;
    let sum = 0;
    for (let j = 0; j < betCount; j++) {
      const below = wealths[j]! - top;
      if (below > lnLost) sum += Math.exp(below);
    }
    return top + Math.log(sum / betCount);
  }
}
