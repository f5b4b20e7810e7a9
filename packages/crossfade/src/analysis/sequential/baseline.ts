import { expectedScore, scaledRule, scoreOf } from './bets.ts';
import { type Baseline, defaultBaselines, type SequentialMetric } from './sequential-metrics.ts';

/** Sessions of history below which the defaults are the better guess. */
export const historySessionsMin = 200;
/** Sessions with an event below which history says nothing of how large one is. */
const historyEventsMin = 5;

/** One session of history. */
export interface HistoricOutcome {
  readonly y: number;
  readonly x: number;
  /** Y against the limit. */
  readonly yLimit: number;
}

/**
 * The baseline of a metric from control's sessions before the canary. What history is too short for stays at the
 * default. Must be taken once, before the first session of the rollout, and kept.
 */
export function baselineOf(
  metric: SequentialMetric,
  history: readonly HistoricOutcome[],
  p95Ms?: number,
): Baseline {
  const fallback = defaultBaselines[metric.id];
  const sessions = history.filter(({ x }) => x > 0);
  const edge = p95Ms ?? fallback.p95Ms;
  const withEdge = edge === undefined ? {} : { p95Ms: edge };
  const events = sessions.filter(({ y }) => y > 0).length;
  if (sessions.length < historySessionsMin || events === 0) return { ...fallback, ...withEdge };
  const sum = (value: (outcome: HistoricOutcome) => number): number =>
    sessions.reduce((total, outcome) => total + value(outcome), 0);
  const ratio = sum(({ y }) => y) / sum(({ x }) => x);
  const bad = sessions.filter(({ yLimit }) => yLimit > 0).length;
  const damage = bad >= historyEventsMin ? sum(({ yLimit }) => yLimit) / bad : fallback.damage;
  const rule = scaledRule(metric.score, damage);
  const expected = rule.kind === 'ratio' ? sum(({ x }) => expectedScore(rule, x, 1)) : sessions.length;
  const scoreMean = sum(({ y }) => scoreOf(rule, y)) / expected;
  return { ratio, scoreMean, damage, ...withEdge };
}
