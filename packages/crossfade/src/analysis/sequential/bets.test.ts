import { describe, expect, test } from 'vitest';
import {
  betCount,
  coinBets,
  coinGain,
  expectedScore,
  limitBets,
  limitGain,
  lnAverageWealth,
  proofBets,
  scoreOf,
  type ScoreRule,
} from './bets.ts';

const rules: readonly (readonly [name: string, rule: ScoreRule])[] = [
  ['indicator', { kind: 'indicator' }],
  ['saturating', { kind: 'saturating', halfAt: 15 }],
  ['capped', { kind: 'capped', cap: 1_000 }],
  ['ratio', { kind: 'ratio', cap: 3, unitMax: 20 }],
];

describe('bets against a limit', () => {
  test('a session at exactly the limit in the mean leaves the wealth alone', () => {
    // Y is 0 or 40 with mean r X = 5e-4 × 100.
    const [limit, unitMax] = [5e-4, 200];
    const odds = 0.05 / 40;
    for (const bet of limitBets(limit, unitMax)) {
      const mean =
        odds * (1 + bet * limitGain(40, 100, limit, unitMax)) +
        (1 - odds) * (1 + bet * limitGain(0, 100, limit, unitMax));

      expect(mean).toBeCloseTo(1, 12);
    }
  });

  test('the worst session leaves a twentieth of the wealth, however long it was', () => {
    for (const x of [0, 1, 200, 1e9]) {
      for (const bet of limitBets(5e-4, 200)) {
        expect(1 + bet * limitGain(0, x, 5e-4, 200)).toBeGreaterThanOrEqual(0.05 - 1e-12);
      }
    }
  });

  test('each bet is half of the one before, and no bet is no evidence', () => {
    const bets = limitBets(0.05, 10);

    expect(bets).toHaveLength(betCount);
    expect(bets[9]).toBeCloseTo((bets[0] ?? 0) / 512, 12);
    expect(lnAverageWealth([])).toBe(0);
    expect(lnAverageWealth(bets.map(() => 0))).toBeCloseTo(0, 12);
  });

  test('the mirror image keeps a twentieth when Y is at its cap', () => {
    const [largest = 0] = proofBets(1_000);

    expect(1 + largest * (0 - 1_000)).toBeCloseTo(0.05, 12);
  });
});

describe('bets on the coin that assigns', () => {
  test.each(rules)('%s: a factor is never below a twentieth', (_name, rule) => {
    for (const share of [0.01, 0.1, 0.5, 0.99]) {
      for (const historical of [0.0001, 0.05, 0.4]) {
        for (const bet of coinBets(rule, historical, share)) {
          for (const y of [0, 0.5, 3, 1e6]) {
            const pair = { score: scoreOf(rule, y), expected: expectedScore(rule, 1e6, historical) };
            const none = { score: scoreOf(rule, y), expected: expectedScore(rule, 0, historical) };
            for (const arm of ['control', 'candidate'] as const) {
              expect(1 + bet * coinGain(arm, pair, share, 0)).toBeGreaterThanOrEqual(0.05 - 1e-9);
              expect(1 + bet * coinGain(arm, none, share, 0)).toBeGreaterThanOrEqual(0.05 - 1e-9);
            }
          }
        }
      }
    }
  });

  test.each([
    { share: 0.5, margin: 0, candidate: 0.02, control: 0.02 },
    { share: 0.1, margin: 0.25, candidate: 0.025, control: 0.02 },
    { share: 0.01, margin: 0.1, candidate: 0.01, control: 0.02 },
  ])(
    'the mean factor of a session is at most 1 while the candidate is within its margin: %j',
    ({ share, margin, candidate, control }) => {
      const rule: ScoreRule = { kind: 'indicator' };
      // A wrong history too: it may cost power, never validity.
      for (const historical of [0.001, 0.02, 0.3]) {
        for (const bet of coinBets(rule, historical, share)) {
          const factor = (arm: 'control' | 'candidate', score: number): number =>
            1 + bet * coinGain(arm, { score, expected: historical }, share, margin);
          const mean =
            share * (candidate * factor('candidate', 1) + (1 - candidate) * factor('candidate', 0)) +
            (1 - share) * (control * factor('control', 1) + (1 - control) * factor('control', 0));

          expect(mean).toBeLessThanOrEqual(1 + 1e-12);
        }
      }
    },
  );

  test('an event on a small candidate multiplies the top bet by up to 1/share', () => {
    const rule: ScoreRule = { kind: 'indicator' };
    const [top = 0] = coinBets(rule, 0.001, 0.01);

    expect(1 + top * coinGain('candidate', { score: 1, expected: 0.001 }, 0.01, 0)).toBeGreaterThan(80);
  });
});
