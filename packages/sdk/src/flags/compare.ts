import type { Json } from '../core/json.ts';
import { instantOf } from './instant.ts';
import { compilePattern } from './pattern.ts';
import type { Comparison, Operator } from './ruleset.ts';
import { compareVersions, parseVersion } from './semver.ts';

/** Whether an attribute's value, of any type at all, satisfies a comparison. */
export type ValueTest = (value: unknown) => boolean;

/** Of a list in a context, this many elements are looked at. */
const contextListLength = 10_000;

/**
 * Compiles a comparison that the validator took. What an operator cannot compare does not match: text is
 * not a number, NaN is below nothing. `notEquals` and `notIn` are the exact opposites of `equals` and
 * `in`, so they hold for an attribute that is missing; add `exists` to ask for one.
 */
export function compileComparison(comparison: Comparison): ValueTest {
  return compilers[comparison.op](comparison.value);
}

const compilers: Readonly<Record<Operator, (expected: Json | undefined) => ValueTest>> = {
  equals: (expected) => (value) => value === expected,
  notEquals: (expected) => (value) => value !== expected,
  in: isIn,
  notIn: (expected) => not(isIn(expected)),
  contains,
  startsWith: (expected) => ofText((text) => text.startsWith(expected as string)),
  endsWith: (expected) => ofText((text) => text.endsWith(expected as string)),
  matches: (expected) => ofText(compilePattern(expected as string)),
  lessThan: (expected) => ofNumber((number) => number < (expected as number)),
  atMost: (expected) => ofNumber((number) => number <= (expected as number)),
  greaterThan: (expected) => ofNumber((number) => number > (expected as number)),
  atLeast: (expected) => ofNumber((number) => number >= (expected as number)),
  before: (expected) => ofInstant(expected, (difference) => difference < 0),
  after: (expected) => ofInstant(expected, (difference) => difference > 0),
  semverEquals: (expected) => ofVersion(expected, (order) => order === 0),
  semverLessThan: (expected) => ofVersion(expected, (order) => order < 0),
  semverAtMost: (expected) => ofVersion(expected, (order) => order <= 0),
  semverGreaterThan: (expected) => ofVersion(expected, (order) => order > 0),
  semverAtLeast: (expected) => ofVersion(expected, (order) => order >= 0),
  exists: (expected) => (value) => (value !== undefined && value !== null) === (expected ?? true),
};

function not(test: ValueTest): ValueTest {
  return (value) => !test(value);
}

/** Constant time for a list of any length. Of a list in the context, one element is enough. */
function isIn(expected: Json | undefined): ValueTest {
  const members = new Set<unknown>(expected as readonly Json[]);
  return (value) =>
    Array.isArray(value) ? someOf(value, (element) => members.has(element)) : members.has(value);
}

/** Text holds text; a list holds an element. */
function contains(expected: Json | undefined): ValueTest {
  return (value) => {
    if (typeof value === 'string') return typeof expected === 'string' && value.includes(expected);
    return Array.isArray(value) && someOf(value, (element) => element === expected);
  };
}

function someOf(list: readonly unknown[], test: ValueTest): boolean {
  const length = Math.min(list.length, contextListLength);
  for (let at = 0; at < length; at++) if (test(list[at])) return true;
  return false;
}

function ofText(test: (text: string) => boolean): ValueTest {
  return (value) => typeof value === 'string' && test(value);
}

// 32 characters hold any number a person or a query string writes.
const numberShape = /^-?\d{1,24}(?:\.\d{1,24})?$/;

/** Numbers, and text that is plainly one, because contexts also come from query strings. */
function ofNumber(test: (number: number) => boolean): ValueTest {
  return (value) => {
    if (typeof value === 'number') return test(value);
    return typeof value === 'string' && value.length <= 32 && numberShape.test(value) && test(Number(value));
  };
}

function ofInstant(expected: Json | undefined, test: (differenceMs: number) => boolean): ValueTest {
  const expectedMs = instantOf(expected) ?? Number.NaN;
  return (value) => {
    const valueMs = instantOf(value);
    return valueMs !== undefined && test(valueMs - expectedMs);
  };
}

function ofVersion(expected: Json | undefined, test: (order: number) => boolean): ValueTest {
  const wanted = parseVersion(expected as string);
  return (value) => {
    const version = typeof value === 'string' ? parseVersion(value) : undefined;
    return version !== undefined && wanted !== undefined && test(compareVersions(version, wanted));
  };
}
