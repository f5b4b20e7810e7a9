import { expect, expectTypeOf, test } from 'vitest';
import { ManualClock } from '../core/manual-clock.ts';
import { defineFlags } from './define-flags.ts';
import { Evaluator } from './evaluator.ts';
import type { Flag } from './ruleset.ts';

const flags = defineFlags({
  transcriber: {
    variants: { legacy: { url: 'ws://a', beam: 1 }, streaming: { url: 'ws://b', beam: 4 } },
    defaultVariant: 'legacy',
  },
  captions: { variants: { off: false, on: true }, defaultVariant: 'off' },
});
const user = { targetingKey: 'user-1' };

function decideWith(change: Partial<Flag>) {
  const ruleset = flags.toRuleset(1);
  const transcriber = { ...ruleset.flags['transcriber'], ...change } as Flag;
  const evaluator = new Evaluator({
    clock: new ManualClock(),
    ruleset: { ...ruleset, flags: { transcriber } },
  });
  return flags.with(evaluator);
}

test('the compiler knows each flag, its variants and its value', () => {
  const decide = decideWith({});
  expectTypeOf(decide.variant('transcriber', user)).toEqualTypeOf<'legacy' | 'streaming'>();
  expectTypeOf(decide.value('captions', user)).toEqualTypeOf<boolean>();
  expectTypeOf(decide.value('transcriber', user).beam).toEqualTypeOf<number>();
  expectTypeOf(decide.evaluate('captions').variant).toEqualTypeOf<'on' | 'off'>();
  // @ts-expect-error a misspelt flag
  expect(decide.evaluate('transcribr', user).errorCode).toBe('FLAG_NOT_FOUND');
  // @ts-expect-error a misspelt variant
  expect(decide.variant('transcriber', user) === 'legcy').toBe(false);
  // @ts-expect-error a default that is no variant
  defineFlags({ x: { variants: { a: 1 }, defaultVariant: 'b' } });
});

test('a decision that fits the definition passes through as it is', () => {
  const decide = decideWith({ rules: [{ id: 'all', serve: { variant: 'streaming' } }] });
  expect(decide.evaluate('transcriber', user)).toMatchObject({
    variant: 'streaming',
    value: { beam: 4 },
    reason: 'TARGETING_MATCH',
    rule: 'all',
  });
});

test('a value may change in the ruleset as long as its shape stays', () => {
  const variants = { legacy: { url: 'ws://c', beam: 2, extra: true }, streaming: { url: 'ws://b', beam: 4 } };
  expect(decideWith({ variants }).value('transcriber', user)).toEqual({
    url: 'ws://c',
    beam: 2,
    extra: true,
  });
});

test.each([
  ['a field of another type', { variants: { legacy: { url: 'ws://a', beam: 'two' } } }],
  ['a field that is gone', { variants: { legacy: { url: 'ws://a' } } }],
  ['a list for an object', { variants: { legacy: [1] } }],
  ['null', { variants: { legacy: null } }],
  ['a variant the app does not know', { variants: { legacy: 1, newer: 2 }, defaultVariant: 'newer' }],
])('the app gets its own default when the ruleset has %s', (_name, change) => {
  expect(decideWith(change).evaluate('transcriber', user)).toMatchObject({
    variant: 'legacy',
    value: { url: 'ws://a', beam: 1 },
    reason: 'ERROR',
    errorCode: 'TYPE_MISMATCH',
  });
});

test('a flag the ruleset lacks, and no ruleset at all, answer the app its default with the code', () => {
  expect(decideWith({}).evaluate('captions', user)).toMatchObject({
    variant: 'off',
    value: false,
    errorCode: 'FLAG_NOT_FOUND',
  });
  const empty = flags.with(new Evaluator({ clock: new ManualClock() }));
  expect(empty.evaluate('captions', user)).toMatchObject({
    variant: 'off',
    value: false,
    errorCode: 'PROVIDER_NOT_READY',
  });
});
