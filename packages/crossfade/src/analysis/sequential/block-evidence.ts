import { type Block, blockContrast, blockMinutes } from './block-differences.ts';
import type { MetricSetup } from './epoch-sums.ts';
import type { EvidenceSource, WindowEvidence } from './evidence-window.ts';
import { lnMixtureEvidence, tausOf } from './normal-mixture.ts';

/** A block and the minute of the rollout in which it began. */
export interface TimedBlock extends Block {
  readonly minute: number;
}

/** Blocks of a metric that are kept: 32 days of them, far beyond any rollout. */
export const blocksMax = (32 * 24 * 60) / blockMinutes;

/** Evidence of the metrics that are measured per process: the difference of blocks, one sample. */
export class BlockEvidence implements EvidenceSource {
  readonly setups: readonly MetricSetup[];
  readonly #blocks: readonly (readonly TimedBlock[])[];
  readonly #restartMinutes: number;

  constructor(
    setups: readonly MetricSetup[],
    blocks: readonly (readonly TimedBlock[])[],
    restartMinutes: number,
  ) {
    this.setups = setups;
    this.#blocks = blocks;
    this.#restartMinutes = restartMinutes;
  }

  since(restart: number): readonly WindowEvidence[] {
    return this.setups.map(({ metric, baseline }, i) => {
      const blocks = (this.#blocks[i] ?? []).filter(({ minute }) => minute >= restart * this.#restartMinutes);
      const contrast = blockContrast(blocks, metric.rollbackMargin);
      return {
        lnRelative: lnMixtureEvidence(contrast, tausOf(baseline.ratio)),
        lnLimitBets: 0,
        lnLimit: 0,
        lnLimitAlone: 0,
      };
    });
  }
}
