import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { ManualClock } from '../core/manual-clock.ts';
import { Evaluator } from './evaluator.ts';
import type { EvaluationContext, Ruleset } from './ruleset.ts';

function canary(share: number, revision = 1, more: Partial<Ruleset['flags'][string]> = {}): Ruleset {
  const slices = [{ variant: 'candidate', start: 0, end: 100_000 }];
  return {
    schema: 'crossfade.ruleset/1',
    revision,
    audiences: {},
    flags: {
      transcriber: {
        variants: { control: 'legacy', candidate: { model: 'streaming' } },
        defaultVariant: 'control',
        enabled: true,
        salt: 'transcriber',
        rules: [{ id: 'canary', serve: { share, slices } }],
        ...more,
      },
    },
  };
}

const users = Array.from({ length: 20_000 }, (_, at) => `user-${at}`);

function chosen(evaluator: Evaluator, flag = 'transcriber'): Set<string> {
  return new Set(
    users.filter((user) => evaluator.evaluate(flag, { targetingKey: user }).variant === 'candidate'),
  );
}

test('before the first ruleset every flag answers an error, and `value` its fallback', () => {
  const evaluator = new Evaluator({ clock: new ManualClock() });
  expect(evaluator.evaluate('transcriber', {})).toMatchObject({
    reason: 'ERROR',
    errorCode: 'PROVIDER_NOT_READY',
    revision: -1,
  });
  expect(evaluator.value('transcriber', {}, 'legacy')).toBe('legacy');
  expect([evaluator.revision, evaluator.ruleset]).toEqual([-1, undefined]);
});

test('a later revision is in force at once, the same one changes nothing, an earlier one is refused', () => {
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(0, 5) });
  evaluator.apply(canary(100_000, 5));
  expect(chosen(evaluator).size).toBe(0);
  evaluator.apply(JSON.parse(JSON.stringify(canary(100_000, 6))));
  expect(chosen(evaluator).size).toBe(users.length);
  expect(() => evaluator.apply(canary(0, 5))).toThrow(expect.objectContaining({ code: 'RULESET_STALE' }));
  expect(evaluator.revision).toBe(6);
  expect(chosen(evaluator).size).toBe(users.length);
});

test('an invalid ruleset changes nothing', () => {
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(100_000, 1) });
  const invalid = { ...canary(0, 2), audiences: { a: { when: { audience: 'nobody' } } } };
  expect(() => evaluator.apply(invalid)).toThrow(expect.objectContaining({ code: 'RULESET_INVALID' }));
  expect(evaluator.revision).toBe(1);
  expect(chosen(evaluator).size).toBe(users.length);
});

test('a share holds its part of the users, raising it keeps all who were in, lowering takes out the last', () => {
  const evaluator = new Evaluator({ clock: new ManualClock() });
  const shares = [500, 10_000, 33_333, 50_000, 99_000, 10_000, 1];
  let before = { share: 0, users: new Set<string>() };
  const atShare = new Map<number, Set<string>>();
  for (const [at, share] of shares.entries()) {
    evaluator.apply(canary(share, at + 1));
    const inside = chosen(evaluator);
    const part = share / 100_000;
    // Six standard deviations of a binomial: a fair share fails once in 500 million.
    expect(Math.abs(inside.size - users.length * part)).toBeLessThan(
      1 + 6 * Math.sqrt(users.length * part * (1 - part)),
    );
    const [fewer, more] = share > before.share ? [before.users, inside] : [inside, before.users];
    expect([...fewer].filter((user) => !more.has(user))).toEqual([]);
    expect(inside).toEqual(atShare.get(share) ?? inside);
    atShare.set(share, inside);
    before = { share, users: inside };
  }
});

test('two flags are independent, and share their users when they share a salt', () => {
  const two = (salt: string): Ruleset => {
    const flag = canary(30_000).flags['transcriber'];
    if (flag === undefined) throw new Error('no flag');
    return { ...canary(30_000), flags: { transcriber: flag, captions: { ...flag, salt } } };
  };
  const independent = new Evaluator({ clock: new ManualClock(), ruleset: two('captions') });
  const captioned = chosen(independent, 'captions');
  const both = [...chosen(independent)].filter((user) => captioned.has(user)).length;
  // 9 % of 20,000 users, and six standard deviations around it.
  expect(Math.abs(both - 1_800)).toBeLessThan(6 * Math.sqrt(20_000 * 0.09 * 0.91));
  const sharing = new Evaluator({ clock: new ManualClock(), ruleset: two('transcriber') });
  expect(chosen(sharing, 'captions')).toEqual(chosen(sharing));
});

const bob: EvaluationContext = { targetingKey: 'bob' };

test('a candidate is served only while the control plane is heard', () => {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock, ruleset: canary(100_000, 1, { leaseMs: 60_000 }) });
  const variant = () => evaluator.evaluate('transcriber', bob).variant;
  expect([evaluator.ageMs, variant()]).toEqual([Infinity, 'control']);
  evaluator.heard();
  clock.advance(59_999);
  expect([evaluator.ageMs, variant()]).toEqual([59_999, 'candidate']);
  clock.advance(1);
  expect(evaluator.evaluate('transcriber', bob)).toMatchObject({
    variant: 'control',
    value: 'legacy',
    reason: 'STALE',
    errorMessage: expect.stringContaining('not heard for 1m') as string,
  });
  evaluator.heard();
  expect(variant()).toBe('candidate');
});

test('a ruleset that arrives renews no lease: it may come from a file', () => {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock, ruleset: canary(100_000, 1, { leaseMs: 60_000 }) });
  evaluator.heard();
  clock.advance(60_000);
  evaluator.apply(canary(100_000, 2, { leaseMs: 60_000 }));
  expect(evaluator.evaluate('transcriber', bob).reason).toBe('STALE');
});

test('a wall clock that steps back does not lengthen a lease; one that jumped, as after sleep, ends it', () => {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock, ruleset: canary(100_000, 1, { leaseMs: 60_000 }) });
  evaluator.heard();
  clock.stepWall(-3_600_000);
  clock.advance(60_000);
  expect(evaluator.evaluate('transcriber', bob).reason).toBe('STALE');
  evaluator.heard();
  clock.stepWall(60_000);
  expect(evaluator.evaluate('transcriber', bob).reason).toBe('STALE');
});

test('a wall clock that stands still, or steps back by just what passed, ends a lease within 64 decisions', () => {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock, ruleset: canary(100_000, 1, { leaseMs: 60_000 }) });
  evaluator.heard();
  expect(evaluator.evaluate('transcriber', bob).variant).toBe('candidate');
  clock.advance(60_000);
  clock.stepWall(-60_000);
  for (let at = 0; at < 64; at++) evaluator.value('transcriber', bob, null);
  expect(evaluator.evaluate('transcriber', bob).reason).toBe('STALE');
});

test('a lease ends to the millisecond, however often it was asked before', () => {
  const clock = new ManualClock();
  const evaluator = new Evaluator({ clock, ruleset: canary(100_000, 1, { leaseMs: 100 }) });
  evaluator.heard();
  const variants = Array.from({ length: 101 }, () => {
    const { variant } = evaluator.evaluate('transcriber', bob);
    clock.advance(1);
    return variant;
  });
  expect(variants).toEqual([...Array.from({ length: 100 }, () => 'candidate'), 'control']);
});

test('of twenty rules the first that matches decides, as of three', () => {
  for (const count of [3, 16, 17, 20]) {
    const rules = Array.from({ length: count }, (_, at) => ({
      id: `rule-${at}`,
      when: { attribute: 'level', op: 'atLeast', value: count - at } as const,
      serve: { variant: 'candidate' },
    }));
    const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(0, 1, { rules }) });
    for (let level = 1; level <= count; level++) {
      expect(evaluator.evaluate('transcriber', { level }).rule).toBe(`rule-${count - level}`);
    }
    expect(evaluator.evaluate('transcriber', { level: 0 }).reason).toBe('DEFAULT');
  }
});

test('a flag without a lease needs no control plane', () => {
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(100_000) });
  expect(evaluator.evaluate('transcriber', bob)).toMatchObject({ variant: 'candidate', reason: 'SPLIT' });
});

test('a caller cannot change what the next caller gets', () => {
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(100_000) });
  const result = evaluator.evaluate('transcriber', bob) as unknown as {
    value: { model: string };
    variant: string;
  };
  expect(() => (result.variant = 'x')).toThrow(TypeError);
  expect(() => (result.value.model = 'x')).toThrow(TypeError);
  expect(evaluator.value('transcriber', bob, null)).toEqual({ model: 'streaming' });
});

test('whatever the share, a lease that is over leaves no decision to it: all are STALE, nobody only in part', () => {
  const slices = fc
    .uniqueArray(fc.nat(100_000), { minLength: 2, maxLength: 8 })
    .map((ends) => ends.toSorted((a, b) => a - b))
    .chain((ends) =>
      fc
        .array(fc.constantFrom('candidate', 'control'), { minLength: 7, maxLength: 7 })
        .map((variants) =>
          ends.slice(1).map((end, at) => ({ variant: variants[at] ?? 'control', start: ends[at] ?? 0, end })),
        ),
    );
  fc.assert(
    fc.property(fc.nat(100_000), slices, fc.string(), fc.integer({ min: 1, max: 600_000 }), (...drawn) => {
      const [share, ranges, targetingKey, leaseMs] = drawn;
      const rules = [{ id: 'canary', serve: { share, slices: ranges } }];
      const clock = new ManualClock();
      const evaluator = new Evaluator({ clock, ruleset: canary(0, 1, { rules, leaseMs }) });
      const unleased = new Evaluator({ clock, ruleset: canary(0, 1, { rules }) });
      const decided = unleased.evaluate('transcriber', { targetingKey });
      evaluator.heard();
      clock.advance(leaseMs - 1);
      expect(evaluator.evaluate('transcriber', { targetingKey })).toEqual(decided);
      clock.advance(1);
      const over = evaluator.evaluate('transcriber', { targetingKey });
      const isDecided = decided.reason === 'SPLIT';
      expect(over).toMatchObject({ variant: 'control', reason: isDecided ? 'STALE' : decided.reason });
      expect(evaluator.value('transcriber', { targetingKey }, null)).toBe('legacy');
      expect(unleased.evaluate('transcriber', { targetingKey })).toEqual(decided);
    }),
  );
});

test('the value of the default asks no clock, whose lease it does not need', () => {
  let readings = 0;
  const read = (): number => {
    readings++;
    return 0;
  };
  const clock: Clock = { nowMs: read, monotonicMs: read, after: () => () => {} };
  const evaluator = new Evaluator({ clock, ruleset: canary(0, 1, { leaseMs: 60_000 }) });
  expect(evaluator.value('transcriber', bob, null)).toBe('legacy');
  expect(readings).toBe(0);
  expect(evaluator.evaluate('transcriber', bob).reason).toBe('STALE');
  expect(readings).toBeGreaterThan(0);
});

const condition = {
  any: [
    { attribute: 'a.b.c', op: 'matches', value: '(x+x+)+y' },
    { attribute: 'a', op: 'in', value: [1, 'x', null] },
    { attribute: 'a.0', op: 'contains', value: 'x' },
    { attribute: 'b', op: 'before', value: '2026-01-01' },
    { attribute: 'c', op: 'semverAtMost', value: '1.2.3' },
    { attribute: 'a.b', op: 'atLeast', value: 5 },
  ],
} as const;

test('no context of any shape makes a decision or its explanation throw', () => {
  const rules = [
    { id: 'hostile', when: condition, serve: { variant: 'candidate' } },
    ...(canary(50_000).flags['transcriber']?.rules ?? []),
  ];
  const ruleset = canary(50_000, 1, { rules, overrides: { bob: 'candidate' } });
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset });
  const value = fc.oneof(
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
    fc.constantFrom(Symbol('s'), () => 1, 'x'.repeat(100_000), Number.NaN, new Date(Number.NaN), new Proxy({}, { get: () => { throw new Error('boom'); }, getOwnPropertyDescriptor: () => { throw new Error('boom'); } })), // prettier-ignore
  );
  const context = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'a.b', 'targetingKey', '__proto__', 'constructor'), value),
  );
  fc.assert(
    fc.property(context, fc.oneof(fc.constant('transcriber'), value), (given, flag) => {
      const result = evaluator.evaluate(flag as string, given as EvaluationContext);
      expect(result.revision).toBe(1);
      expect(result.variant !== undefined || result.errorCode === 'FLAG_NOT_FOUND').toBe(true);
      const explained = evaluator.explain(flag as string, given as EvaluationContext);
      expect(explained).toContain(
        `Decision: ${result.variant === undefined ? 'nothing' : `"${result.variant}"`} (${result.reason}`,
      );
      // The context is only read: the same question has the same answer.
      expect(evaluator.evaluate(flag as string, given as EvaluationContext)).toEqual(result);
    }),
    { numRuns: 1_000 },
  );
});

test('circles, deep nesting, huge texts and lists in a context cost no time and change no answer', () => {
  const rules = [
    { id: 'hostile', when: condition, serve: { variant: 'candidate' } },
    { id: 'rest', serve: { variant: 'control' } },
  ];
  const evaluator = new Evaluator({ clock: new ManualClock(), ruleset: canary(0, 1, { rules }) });
  const circle: Record<string, unknown> = { targetingKey: 'bob' };
  circle['a'] = circle;
  circle['b'] = [circle];
  let deep: unknown = 'x';
  for (let level = 0; level < 100_000; level++) deep = { b: deep, c: [deep] };
  const huge = 'x'.repeat(10_000_000);
  const contexts = [
    circle,
    { a: deep, b: deep },
    { a: huge, b: huge, c: huge, targetingKey: huge },
    { a: { b: { c: huge } } },
    { a: Array.from({ length: 1_000_000 }, () => 'y') },
    { a: 10n ** 1_000n, b: new Date(Number.NaN), c: Symbol('c') },
    { a: { b: Number.NaN }, b: Infinity, c: -0 },
    JSON.parse('{"__proto__": {"a": 1}, "constructor": {"prototype": {"a": 1}}}'),
  ];
  const startedMs = performance.now();
  for (const context of contexts) expect(evaluator.evaluate('transcriber', context).rule).toBe('rest');
  // Ten million characters are hashed or searched in tens of milliseconds; anything quadratic would take minutes.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
