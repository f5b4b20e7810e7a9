import {
  cappedMeanUpperBound,
  certifiedQuantile,
  defaultAlpha,
  lnCapital,
  lnMeanAbove,
  quantileUpperRank,
  sampleSizeFor,
  shareLowerBound,
  shareUpperBound,
  type Weighted,
} from './bounds.ts';
import { p95 } from './contribution.ts';
import { countText, formatValue, isWithin, metricSpecs } from './metric-spec.ts';
import type { Tally } from './tally.ts';
import type { MetricEvidence } from './verdict.ts';

export interface EvidenceOptions {
  /** In the metric's unit. */
  readonly limit: number;
  /**
   * Capture was proven from positions in probe audio. A declared value (the pipeline's own word) never certifies.
   */
  readonly isCaptureProven?: boolean;
  /** Longest tail that a session can miss by construction, ms; without it a mean cannot be certified. */
  readonly tailCapMs?: number;
  /**
   * When a value on the wrong side fails: always, or only when it is shown (97.5 %) that the build is. A fixed suite asks
   * for the second, because one event in a small sample is no proof. Default `value`.
   */
  readonly failWhen?: 'value' | 'shown';
  /** Why there is nothing to measure, when the caller knows (a vendor cannot be killed). */
  readonly unmeasurable?: string;
}

/** From this many sessions on, what happens inside one weighs little: segments may count as units. */
export const segmentUnitsFromSessions = 60;

/** A bound, the units behind it, and how many more of them would certify if all is well in them. */
interface Bounded {
  readonly n: number;
  readonly units: string;
  /** What so many units are good for, said once. */
  readonly about?: string;
  /** Null: no bound yet, or none to be had. */
  readonly bound: number | null;
  /** The same with sessions as units, when `n` counts segments. */
  readonly sessionBound?: number;
  /** Null: more of the same does not help; `why` says why. */
  readonly missing: number | null;
  readonly why?: string;
}

/**
 * What the sums of one metric show: value, units, 95 % one-sided bound, and the result in the acceptance's words, with
 * one sentence that carries both numbers.
 */
export function evidenceOf(tally: Tally, options: EvidenceOptions): MetricEvidence {
  const { id, value } = tally;
  const { limit } = options;
  const { title, good, counts } = metricSpecs[id];
  const base = { metric: id, limit, value, n: 0, bound: null };
  if (options.unmeasurable !== undefined || value === null) {
    const why = options.unmeasurable ?? `no ${counts} were seen`;
    return {
      ...base,
      value: null,
      result: 'not-measurable',
      sentence: `${title} cannot be measured: ${why}.`,
    };
  }
  const bounded = boundOf(tally, options);
  const measured = {
    ...base,
    n: bounded.n,
    bound: bounded.bound,
    ...(bounded.sessionBound === undefined ? {} : { sessionBound: bounded.sessionBound }),
  };
  const side = { 'at-least': 'at least', 'at-most': 'at most', below: 'below' }[good];
  const found = `${title} ${formatValue(id, value)} of ${countText(bounded.n, bounded.units)}${bounded.about ?? ''}`;
  const wanted = `limit ${side} ${formatValue(id, limit)}`;
  if (!isWithin(id, value, limit)) return { ...measured, ...beyond(tally, options, `${found}, ${wanted}`) };
  const shown = bounded.bound === null ? 'no bound yet' : `95 % bound ${formatValue(id, bounded.bound)}`;
  if (bounded.missing === 0)
    return { ...measured, result: 'certified', sentence: `${found}, ${shown}, ${wanted}: certified.` };
  const needed =
    bounded.missing === null
      ? (bounded.why ?? 'cannot be certified')
      : `${countText(bounded.missing, bounded.units, ' more')} like these ${bounded.missing === 1 ? 'certifies' : 'certify'} it`;
  return {
    ...measured,
    result: 'within-limits',
    sentence: `${found}, ${shown}, ${wanted}: within limits; ${needed}.`,
  };
}

/** A value on the wrong side: the build's fault, or not to be told from chance yet. */
function beyond(
  tally: Tally,
  { limit, failWhen }: EvidenceOptions,
  found: string,
): Pick<MetricEvidence, 'result' | 'sentence'> {
  if (failWhen !== 'shown' || isShownBad(tally, limit))
    return { result: 'failed', sentence: `${found}: failed.` };
  const why = 'a build at the limit would often show as much in so few';
  return { result: 'inconclusive', sentence: `${found}: inconclusive, ${why}; more of the same decides.` };
}

function boundOf(tally: Tally, options: EvidenceOptions): Bounded {
  switch (metricSpecs[tally.id].shape) {
    case 'bad-share':
      return badShareBound(tally, options.limit);
    case 'good-share':
      return goodShareBound(tally, options);
    case 'p95':
      return percentileBound(tally, options.limit);
    case 'mean':
      return meanBound(tally, options);
    case 'max':
      return worstBound(tally);
  }
}

/** Events among units: Clopper–Pearson. A session with any event counts whole, until there are enough sessions. */
function badShareBound(tally: Tally, limit: number): Bounded {
  const scale = metricSpecs[tally.id].unit === 'per-10000' ? 10_000 : 1;
  const perSession = shareUpperBound(tally.eventSessions, tally.sessions) * scale;
  if (tally.sessions < segmentUnitsFromSessions || tally.id === 'error-rate') {
    const missing = shortfall(sampleSizeFor(limit / scale, tally.eventSessions), tally.sessions);
    return { n: tally.sessions, units: 'sessions', bound: perSession, missing };
  }
  const missing = shortfall(sampleSizeFor(limit / scale, tally.numerator), tally.denominator);
  const bound = shareUpperBound(tally.numerator, tally.denominator) * scale;
  return {
    n: tally.denominator,
    units: metricSpecs[tally.id].counts,
    bound,
    sessionBound: perSession,
    missing,
  };
}

/** Faults are units of their own; for captured audio sessions are. */
function goodShareBound(tally: Tally, options: EvidenceOptions): Bounded {
  if (tally.id !== 'recovery-success') return captureBound(tally, options);
  const n = tally.denominator;
  const bad = n - tally.numerator;
  const missing = shortfall(sampleSizeFor(1 - options.limit, bad), n);
  return { n, units: metricSpecs[tally.id].counts, bound: 1 - shareUpperBound(bad, n), missing };
}

/**
 * A bet on the share of each session that was lost, which is between nothing and all of it: proves the mean loss of
 * sessions with no assumption on how losses cluster, and a session that lost a frame weighs a frame.
 */
function captureBound(tally: Tally, { limit, isCaptureProven }: EvidenceOptions): Bounded {
  const n = tally.sessions;
  const losses = lossesOf(tally);
  const bound = 1 - (cappedMeanUpperBound(losses, 1) ?? 1);
  const base = { n, units: 'sessions', bound };
  if (isCaptureProven !== true)
    return { ...base, missing: null, why: 'declared by the pipeline itself, which never certifies' };
  const missing = sessionsToCertify(lnCapital(losses, 1 - limit, 1) ?? 0, n);
  return { ...base, missing, why: 'what some sessions lost weighs more than the sessions without' };
}

function lossesOf(tally: Tally): readonly Weighted[] {
  return tally.ownValues().map(([share, count]) => [Math.max(0, 1 - share), count]);
}

/** An order statistic. Several latencies of one session are not independent; a stop or first partial is one a session. */
function percentileBound(tally: Tally, limit: number): Bounded {
  const { counts } = metricSpecs[tally.id];
  const n = tally.values.total;
  const enough = tally.denominator === tally.sessions || tally.sessions >= segmentUnitsFromSessions;
  if (!enough) {
    const missing = segmentUnitsFromSessions - tally.sessions;
    return { n: tally.sessions, units: 'sessions', bound: null, missing };
  }
  const rank = quantileUpperRank(n, p95);
  const bound = rank === null ? null : tally.values.atRank(rank);
  const slow = tally.values.count((ms) => ms >= limit);
  return { n, units: counts, bound, missing: shortfall(sampleSizeFor(1 - p95, slow), n) };
}

function meanBound(tally: Tally, { limit, tailCapMs }: EvidenceOptions): Bounded {
  const { counts } = metricSpecs[tally.id];
  const values = tally.values.entries();
  const n = tally.sessions;
  const none = { n, units: counts, bound: null, missing: null };
  if (tailCapMs === undefined) return { ...none, why: 'without a cap on the tail a mean has no bound' };
  const capital = tailCapMs > limit ? lnCapital(values, limit, tailCapMs) : null;
  if (capital === null) {
    return {
      ...none,
      why: `the cap of ${formatValue(tally.id, tailCapMs)} does not hold or is below the limit`,
    };
  }
  const bound = cappedMeanUpperBound(values, tailCapMs);
  const missing = sessionsToCertify(capital, n);
  return { n, units: counts, bound, missing, why: 'spikes weigh more than the sessions without' };
}

/** How many more sessions like these until a bet has won; null when they lose it. */
function sessionsToCertify(capital: number, n: number): number | null {
  const goal = -Math.log(defaultAlpha);
  if (capital >= goal) return 0;
  // Capital grows by the same factor with each session like these, when it grows at all.
  return capital > 0 ? Math.ceil((goal - capital) / (capital / n)) : null;
}

/** A true maximum cannot be certified; the quantile below the worst seen can. From 59 crashes: the 95th percentile. */
function worstBound(tally: Tally): Bounded {
  const n = tally.denominator;
  const share = certifiedQuantile(n);
  return {
    n,
    units: metricSpecs[tally.id].counts,
    about: ` (95 % sure of ${(Math.floor(share * 1_000) / 10).toFixed(1)} % of all)`,
    bound: tally.value,
    missing: shortfall(sampleSizeFor(1 - p95), n),
  };
}

/** Null: no number of units is enough. */
function shortfall(needed: number, have: number): number | null {
  return Number.isFinite(needed) ? Math.max(0, needed - have) : null;
}

/** What showing a build bad may be wrong with: 2.5 %. */
const failAlpha = 0.025;

/**
 * Whether chance hardly explains what was seen of a build at the limit. Events inside one session may come together:
 * where they could, a session with any counts once, and a build at the limit has one in at most `limit` × units of
 * its sessions.
 */
function isShownBad(tally: Tally, limit: number): boolean {
  const { id, sessions, numerator, denominator, eventSessions } = tally;
  const scale = metricSpecs[id].unit === 'per-10000' ? 10_000 : 1;
  const perSession = (share: number): boolean =>
    shareLowerBound(eventSessions, sessions, failAlpha) > (share * denominator) / sessions;
  switch (metricSpecs[id].shape) {
    case 'max':
      return true;
    case 'bad-share':
      return perSession(limit / scale);
    case 'mean':
      return lnMeanAbove(tally.values.entries(), limit) >= -Math.log(failAlpha);
    case 'p95':
      return sessions < segmentUnitsFromSessions
        ? perSession(1 - p95)
        : shareLowerBound(
            tally.values.count((ms) => ms >= limit),
            tally.values.total,
            failAlpha,
          ) >
            1 - p95;
    case 'good-share':
      return id === 'recovery-success'
        ? shareLowerBound(denominator - numerator, denominator, failAlpha) > 1 - limit
        : lnMeanAbove(lossesOf(tally), 1 - limit) >= -Math.log(failAlpha);
  }
}
