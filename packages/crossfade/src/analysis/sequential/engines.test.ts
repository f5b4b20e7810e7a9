import { describe, expect, test } from 'vitest';
import cases from '../../../../../conformance/statistics/engines.json' with { type: 'json' };
import { lnShareEvidence, shareInterval } from './bernoulli-mixture.ts';
import { lnCountEvidence, lnRateEvidence } from './event-counts.ts';
import { poissonUpperBound } from './fixed-look.ts';
import { lnMixture } from './normal-mixture.ts';
import { quantileRanks } from './quantile-interval.ts';
import { lnMismatchEvidence } from './ratio-mismatch.ts';
import { lnGammaLower, lnGammaUpper, lnNormalCdf } from './special-functions.ts';

/** Equal to `digits` significant digits, or as close to 0. */
function expectClose(actual: number, expected: number, digits = 8): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(10 ** -digits * Math.max(1, Math.abs(expected)));
}

type Row = readonly number[];

describe('conformance: each engine agrees with numbers computed by another program', () => {
  test.each(cases.lnNormalCdf as Row[])('ln Φ(%d) is %d', (z = 0, expected = 0) => {
    expect(Math.abs(lnNormalCdf(z) / expected - 1)).toBeLessThan(1e-12);
  });

  test.each(cases.lnGammaUpper as Row[])('ln Q(%d, %d) is %d', (a = 0, x = 0, expected = 0) => {
    expectClose(lnGammaUpper(a, x), expected, 9);
  });

  test.each(cases.lnGammaLower as Row[])('ln P(%d, %d) is %d', (a = 0, x = 0, expected = 0) => {
    expectClose(lnGammaLower(a, x), expected, 9);
  });

  test.each(cases.bernoulliMixture)(
    '%d events in %d against %d with prior %d, %s: ln E %d',
    (...row: readonly (number | string)[]) => {
      const [events, n, limit, prior, side, expected] = row as [
        number,
        number,
        number,
        number,
        string,
        number,
      ];

      expectClose(
        lnShareEvidence({ events, n }, limit, side === 'harm' ? 'harm' : 'good', prior),
        expected,
        7,
      );
    },
  );

  test.each(cases.normalMixture as Row[])(
    'score %d, information %d, tau %d: ln E %d',
    (score = 0, information = 0, tau = 0, expected = 0) => {
      expectClose(lnMixture({ score, information }, tau), expected);
    },
  );

  test.each(cases.conditionalCounts)(
    'event counts $epochs with margin $margin',
    ({ epochs, margin, lnE }) => {
      const counts = epochs.map(([candidate = 0, control = 0, share = 0.5]) => ({
        candidate,
        control,
        share,
      }));

      expectClose(lnCountEvidence(counts, margin), lnE);
    },
  );

  test.each(cases.relativeRate as Row[])(
    '%d events where %d are allowed, prior (%d, %d): ln E %d',
    (events = 0, allowed = 0, shape = 0, rate = 0, expected = 0) => {
      expectClose(lnRateEvidence(events, allowed, { shape, rate }), expected, 7);
    },
  );

  test.each(cases.ratioMismatch)('splits $epochs at concentration $concentration', (row) => {
    const epochs = row.epochs.map(([counts = [], shares = []]) => ({ counts, shares }));

    expectClose(lnMismatchEvidence(epochs, row.concentration), row.lnE, 7);
  });

  test.each(cases.shareInterval as Row[])(
    '%d of %d at %d, tightest at %d: between %d and %d',
    (events = 0, n = 0, alpha = 0, tightestAt = 0, lower = 0, upper = 0) => {
      const interval = shareInterval({ events, n }, { alpha, tightestAt });

      expectClose(interval[0], lower, 7);
      expectClose(interval[1], upper, 7);
    },
  );

  test.each(cases.quantileRanks)('ranks of the quantile: %j', (...row: readonly (number | null)[]) => {
    const [n, p, alpha, tightestAt, lower, upper] = row as [
      number,
      number,
      number,
      number,
      number | null,
      number | null,
    ];

    expect(quantileRanks(n, p, { alpha, tightestAt })).toEqual({ lower, upper });
  });

  test.each(cases.poissonUpper95 as Row[])('%d events allow a mean of %d', (events = 0, expected = 0) => {
    expectClose(poissonUpperBound(events), expected);
  });
});
