/**
 * Exact bets: each session multiplies a wealth by a factor whose mean is at most 1 while the null is true, whatever the
 * distribution, the bursts and the traffic. Wealth of 20 refutes the null at 5 %, however often one looked
 * (Waudby-Smith & Ramdas 2024; Shekhar & Ramdas 2023; Ville 1939).
 */
import { logSumExp } from './special-functions.ts';

/** Sizes of bets that are made side by side and averaged; each is half of the one before. */
export const betCount = 10;

/** The largest bet leaves this much after the worst session: a factor is never below 0.05. */
const boldness = 0.95;

/** largest × 2⁻ʲ, j = 0 … 9. */
function ladder(largest: number): readonly number[] {
  return Array.from({ length: betCount }, (_, j) => largest * 2 ** -j);
}

/** ln E of log-wealths side by side: their average. */
export function lnAverageWealth(logWealths: Iterable<number>): number {
  const list = [...logWealths];
  return list.length === 0 ? 0 : logSumExp(list) - Math.log(list.length);
}

/** Bets against "ΣY ≤ limit × ΣX in the mean of a session"; X is at most `unitMax`, Y may be anything ≥ 0. */
export function limitBets(limit: number, unitMax: number): readonly number[] {
  return ladder(boldness / (limit * unitMax));
}

/**
 * What a session wins of one unit bet against a limit; below 0 when it is good. A session longer than `unitMax` counts
 * as one of `unitMax` with the same ratio.
 */
export function limitGain(y: number, x: number, limit: number, unitMax: number): number {
  return x > unitMax ? ((y - limit * x) * unitMax) / x : y - limit * x;
}

/** The mirror image, for proof that the ratio is below the limit. Y must be capped by construction at `yMax`. */
export function proofBets(yMax: number): readonly number[] {
  return ladder(boldness / yMax);
}

/**
 * What a session is scored by when the arms are compared, fixed beforehand: a bounded number g against its historical
 * mean, or a ratio against the historical ratio. A wrong history costs power, not validity.
 */
export type ScoreRule =
  /** 1 when the session has an event at all. */
  | { readonly kind: 'indicator' }
  /** Y/(Y + halfAt): a large event counts more, never more than 1. */
  | { readonly kind: 'saturating'; readonly halfAt: number }
  /** min(Y, cap)/cap. */
  | { readonly kind: 'capped'; readonly cap: number }
  /** min(Y, cap) against the historical ratio times X. */
  | { readonly kind: 'ratio'; readonly cap: number; readonly unitMax: number };

/**
 * A saturating score reaches one half no later than at what a bad session used to cost: a scale chosen too large would
 * score every usual event near 0, and the bets could not grow on them.
 */
export function scaledRule(rule: ScoreRule, damage: number): ScoreRule {
  return rule.kind === 'saturating' && damage > 0 ? { ...rule, halfAt: Math.min(rule.halfAt, damage) } : rule;
}

/** A session's score and what was to be expected of it. */
export interface Score {
  readonly score: number;
  readonly expected: number;
}

/** The largest score and the largest expectation that a rule can give. */
interface ScoreRange {
  readonly scoreMax: number;
  readonly expectedMax: number;
}

/** What a rule makes of one session: its score g. */
export function scoreOf(rule: ScoreRule, y: number): number {
  switch (rule.kind) {
    case 'indicator':
      return y > 0 ? 1 : 0;
    case 'saturating':
      return y / (y + rule.halfAt);
    case 'capped':
      return Math.min(y, rule.cap) / rule.cap;
    case 'ratio':
      return Math.min(y, rule.cap);
  }
}

/** What was to be expected of a session: the historical mean score, or the historical ratio times its X. */
export function expectedScore(rule: ScoreRule, x: number, historical: number): number {
  return rule.kind === 'ratio' ? historical * Math.min(x, rule.unitMax) : historical;
}

function rangeOf(rule: ScoreRule, historical: number): ScoreRange {
  return rule.kind === 'ratio'
    ? { scoreMax: rule.cap, expectedMax: historical * rule.unitMax }
    : { scoreMax: 1 - historical, expectedMax: historical };
}

/** Bets on the coin that put a session on the candidate with probability `share`. */
export function coinBets(rule: ScoreRule, historical: number, share: number): readonly number[] {
  const { scoreMax, expectedMax } = rangeOf(rule, historical);
  return ladder(boldness / Math.max(share * scoreMax, (1 - share) * expectedMax));
}

/**
 * What a session wins of one unit bet on "the candidate's mean score is above (1 + margin) times control's". Given the
 * past, its mean is share (1 − share)(μ₁/(1 + margin) − μ₀): a common drift of both arms cancels.
 */
export function coinGain(
  arm: 'control' | 'candidate',
  { score, expected }: Score,
  share: number,
  margin: number,
): number {
  return arm === 'candidate' ? (1 - share) * (score / (1 + margin) - expected) : -share * (score - expected);
}
