import { describe, expect, test } from 'vitest';
import buckets from '../../../../conformance/flags/buckets.json' with { type: 'json' };
import comparisons from '../../../../conformance/flags/comparisons.json' with { type: 'json' };
import evaluation from '../../../../conformance/flags/evaluation.json' with { type: 'json' };
import { bucketOf, seedsOf } from './bucket.ts';
import { compileComparison } from './compare.ts';
import { compileRuleset } from './compile.ts';
import { evaluate } from './evaluate.ts';
import { explainDecision } from './explain.ts';
import { murmur3 } from './murmur3.ts';
import { operators, type EvaluationContext } from './ruleset.ts';
import { validateRuleset } from './validate.ts';

test('every hash and bucket equals what another implementation computed', () => {
  expect(buckets.hashes.map(({ text, seed }) => ({ text, seed, hash: murmur3(text, seed) }))).toEqual(
    buckets.hashes,
  );
  const computed = buckets.buckets.map(({ salt, key }) => {
    const seeds = seedsOf(salt);
    return { salt, key, admission: bucketOf(key, seeds.admission), variant: bucketOf(key, seeds.variant) };
  });
  expect(computed).toEqual(buckets.buckets);
});

test('every comparison holds or not as the shared cases say, and every operator has cases', () => {
  const cases = comparisons.cases as {
    op: (typeof operators)[number];
    value?: never;
    attribute?: unknown;
    holds: boolean;
  }[];
  const wrong = cases.filter((one) => {
    const { op, value } = one;
    const condition = { attribute: 'x', op, ...(value === undefined ? {} : { value }) };
    return compileComparison(condition)(one.attribute) !== one.holds;
  });
  expect(wrong).toEqual([]);
  expect(new Set(cases.map((one) => one.op))).toEqual(new Set(operators));
});

interface DecisionCase {
  readonly name: string;
  readonly flag: string;
  readonly context: unknown;
  readonly ageMs?: number;
  readonly expect: object;
}
const groups = evaluation.groups as readonly { name: string; ruleset: unknown; cases: DecisionCase[] }[];

describe.each(groups)('$name', ({ ruleset, cases }) => {
  const compiled = compileRuleset(validateRuleset(ruleset));

  test.each(cases)('$name', (one) => {
    const context = one.context as EvaluationContext;
    const { ageMs = 0 } = one;
    const result = evaluate(compiled, one.flag, context, ageMs);
    expect(result).toMatchObject(one.expect);
    // An error code comes with the reason ERROR and a sentence, and only then.
    expect(result.errorCode !== undefined).toBe(result.reason === 'ERROR');
    expect(result.errorMessage !== undefined).toBe(result.reason === 'ERROR' || result.reason === 'STALE');
    // The explanation ends with the same decision.
    const served = result.variant === undefined ? 'nothing' : `"${result.variant}"`;
    expect(explainDecision(compiled, one.flag, context, ageMs)).toContain(
      `Decision: ${served} (${result.reason}`,
    );
  });
});
