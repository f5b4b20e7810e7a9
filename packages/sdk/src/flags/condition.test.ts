import { expect, test } from 'vitest';
import type { Attributes } from './attributes.ts';
import { compileCondition } from './condition.ts';
import type { Comparison } from './ruleset.ts';

function holds(comparison: Comparison, context: object): boolean {
  return compileCondition(comparison, new Map())(context as Attributes);
}
const german = { attribute: 'country', op: 'equals', value: 'DE' } as const;

test('only what the context itself carries is read, never what it inherits', () => {
  const inheriting = Object.create({ country: 'DE', org: { id: 1 } }) as object;
  expect(holds(german, { country: 'DE' })).toBe(true);
  expect(holds(german, inheriting)).toBe(false);
  expect(holds({ ...german, op: 'notEquals' }, inheriting)).toBe(true);
  expect(holds({ attribute: 'org.id', op: 'exists' }, inheriting)).toBe(false);
  for (const attribute of ['toString', 'hasOwnProperty', 'org.toString', 'list.map', 'name.length']) {
    expect(holds({ attribute, op: 'exists' }, { org: {}, list: [], name: 'x' })).toBe(false);
  }
});

test('a context written in JSON cannot put attributes behind its prototype', () => {
  const context = Object.assign({}, JSON.parse('{"__proto__": {"country": "DE"}}'));
  expect(context.country).toBe('DE');
  expect(holds(german, context)).toBe(false);
});

test('a dotted path walks nested objects and lists, and a property of the whole name wins', () => {
  const atLeast = { attribute: 'usage.minutes.0', op: 'equals', value: 5 } as const;
  expect(holds(atLeast, { usage: { minutes: [5] } })).toBe(true);
  expect(holds(atLeast, { 'usage.minutes.0': 4, usage: { minutes: [5] } })).toBe(false);
  expect(holds(atLeast, { usage: null })).toBe(false);
  expect(holds(atLeast, { usage: 'text' })).toBe(false);
});

test('a hundred thousand keys are as fast as one: the time does not grow with the list', () => {
  const keys = Array.from({ length: 100_000 }, (_, at) => `user-${at}`);
  const inside = compileCondition({ attribute: 'targetingKey', op: 'in', value: keys }, new Map());
  const startedMs = performance.now();
  for (let at = 0; at < 10_000; at++) inside({ targetingKey: `user-${at + 95_000}` });
  // Walking the list would take about 10,000 × 100,000 steps, seconds; a set takes a few milliseconds.
  expect(performance.now() - startedMs).toBeLessThan(500);
});
