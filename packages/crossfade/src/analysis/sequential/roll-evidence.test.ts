import { describe, expect, test } from 'vitest';
import { seededRandom } from '@crossfade/sdk/core/random';
import type { EvidenceSource, WindowEvidence } from './evidence-window.ts';
import { setupOf } from './metric-setup.ts';
import { type Coins, rollEvidence } from './roll-evidence.ts';

const nothing: WindowEvidence = { lnRelative: 0, lnLimitBets: 0, lnLimit: 0, lnLimitAlone: 0 };

/** A source of one metric that has a limit, the same since every start. */
function sourceOf(window: Partial<WindowEvidence>): EvidenceSource {
  return { setups: [setupOf('missed-tail')], since: () => [{ ...nothing, ...window }] };
}

function evidenceOf(coins: Coins, window: Partial<WindowEvidence>): number {
  const options = { minute: 0, horizonMinutes: 1, coins };
  return Math.exp(rollEvidence([sourceOf(window)], options).lnE);
}

describe('the evidence of a rollout', () => {
  test.each<[Coins, number, number, number]>([
    ['all', 0.8, 0.2, 0],
    ['some', 0.7, 0.1, 0.2],
    ['none', 0, 0, 1],
  ])('is an average with fixed weights, with coins in %s of its stages', (coins, relative, limit, alone) => {
    const window = { lnRelative: Math.log(5), lnLimit: Math.log(11), lnLimitAlone: Math.log(31) };

    expect(evidenceOf(coins, {})).toBeCloseTo(1, 10);
    expect(evidenceOf(coins, window)).toBeCloseTo(5 * relative + 11 * limit + 31 * alone, 8);
  });

  test('a walk through both kinds of stages is wrong no more often than alpha', () => {
    // Two fair gambles, one after the other, each made to cross as often as it can: wealth doubles or is lost.
    const alpha = 0.05;
    const random = seededRandom(7);
    const gambled = (until: number): number => {
      let wealth = 1;
      while (wealth > 0 && wealth < until) wealth = random.next() < 0.5 ? 2 * wealth : 0;
      return wealth;
    };
    const runs = 20_000;
    const share = (crosses: () => boolean): number =>
      Array.from({ length: runs }, crosses).filter(Boolean).length / runs;
    const asOne = share(() => {
      const [alone, relative] = [gambled(1 / alpha / 0.2), gambled(1 / alpha / 0.7)];
      const window = { lnLimitAlone: Math.log(alone), lnRelative: Math.log(relative) };
      return evidenceOf('some', window) >= 1 / alpha;
    });
    const byStage = share(() => Math.max(gambled(1 / alpha), gambled(1 / alpha)) >= 1 / alpha);

    expect(asOne).toBeLessThan(alpha);
    expect(byStage).toBeGreaterThan(alpha);
  });
});
