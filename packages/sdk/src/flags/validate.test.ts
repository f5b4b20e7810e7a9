import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode, type CrossfadeError } from '../core/errors.ts';
import { validateRuleset } from './validate.ts';

const flag = {
  variants: { off: 0, on: 1 },
  defaultVariant: 'off',
  enabled: true,
  salt: 's',
  rules: [] as unknown[],
};
const base = { schema: 'crossfade.ruleset/1', revision: 1, flags: {}, audiences: {} };

function withFlag(change: object): unknown {
  return { ...base, flags: { f: { ...flag, ...change } } };
}
function withServe(serve: unknown): unknown {
  return withFlag({ rules: [{ id: 'r', serve }] });
}
function withWhen(when: unknown): unknown {
  return { ...base, audiences: { a: { when } } };
}
function withSlices(...ranges: readonly (readonly [number, number])[]): unknown {
  return withServe({ share: 1, slices: ranges.map(([start, end]) => ({ variant: 'on', start, end })) });
}
function comparing(op: unknown, value?: unknown): unknown {
  return withWhen({ attribute: 'x', op, value });
}

/** The refusal of a document; fails the test when it is taken or anything else is thrown. */
function refusal(document: unknown): CrossfadeError {
  try {
    validateRuleset(document);
  } catch (error) {
    if (hasCode(error, 'RULESET_INVALID')) return error;
    throw error;
  }
  throw new Error('the document was taken');
}

test('a whole ruleset is answered as it came', () => {
  const document = {
    ...base,
    audiences: {
      staff: { description: 'us', when: { attribute: 'email', op: 'endsWith', value: '@acme.com' } },
    },
    flags: {
      f: {
        ...flag,
        variants: { off: null, on: { deep: [1, 'two', { three: true }] } },
        overrides: { bob: 'on' },
        leaseMs: 60_000,
        rollout: { name: 'r', epoch: 0, controlVariant: 'off', candidateVariant: 'on', candidateBuild: 'b' },
        metadata: { owner: 'team' },
        rules: [
          { id: 'a', when: { all: [{ audience: 'staff' }, { not: { any: [] } }] }, serve: { variant: 'on' } },
          { id: 'b', serve: { share: 5, slices: [{ variant: 'on', start: 0, end: 100_000 }], by: 'org.id' } },
        ],
      },
    },
    drains: [{ id: 'd', rollout: 'r', flag: 'f', variant: 'on', policy: 'migrate' }],
  };
  expect(validateRuleset(document)).toEqual(document);
  expect(validateRuleset(JSON.parse(JSON.stringify(document)))).toEqual(document);
});

test('the answer is a copy that nobody can change, with no prototype behind its names', () => {
  const document = structuredClone({ ...base, flags: { f: flag } });
  const ruleset = validateRuleset(document);
  document.flags.f.defaultVariant = 'on';
  expect(ruleset.flags['f']?.defaultVariant).toBe('off');
  expect(Object.isFrozen(ruleset.flags['f']?.variants)).toBe(true);
  expect(ruleset.flags['toString']).toBeUndefined();
});

test.each<readonly [path: string, words: string, document: unknown]>([
  ['', 'an object, got nothing', undefined],
  ['', 'an object, got null', null],
  ['', 'an object, got "{}"', '{}'],
  ['', 'an object, got a list of 0', []],
  ['schema', 'a value, got nothing', {}],
  [
    'schema',
    'one of crossfade.ruleset/1, got "crossfade.ruleset/2"',
    { ...base, schema: 'crossfade.ruleset/2' },
  ],
  ['revision', 'a whole number from 0', { ...base, revision: -1 }],
  ['revision', 'got 1.5', { ...base, revision: 1.5 }],
  ['revision', 'got a bigint', { ...base, revision: 1n }],
  ['flag', 'one of the fields schema, revision', { ...base, flag: {} }],
  ['flags', 'an object, got a list', { ...base, flags: [] }],
  ['flags.f', 'an object, got null', { ...base, flags: { f: null } }],
  ['flags["a b"]', 'an object, got 5', { ...base, flags: { 'a b': 5 } }],
  ['flags.__proto__', 'not special to JavaScript', { ...base, flags: JSON.parse('{"__proto__": {}}') }],
  ['flags.constructor', 'not special to JavaScript', { ...base, flags: { constructor: flag } }],
  ['flags.f.colour', 'one of the fields variants', withFlag({ colour: 1 })],
  [
    'flags.f.defaultVariant',
    'a variant of this flag ("off", "on"), got "onn"',
    withFlag({ defaultVariant: 'onn' }),
  ],
  ['flags.f.defaultVariant', 'got "toString"', withFlag({ defaultVariant: 'toString' })],
  ['flags.f.enabled', 'true or false, got "yes"', withFlag({ enabled: 'yes' })],
  ['flags.f.salt', 'text of 1 to 256', withFlag({ salt: '' })],
  ['flags.f.salt', 'got a text of 1000 characters', withFlag({ salt: 's'.repeat(1_000) })],
  ['flags.f.leaseMs', 'a whole number from 1', withFlag({ leaseMs: 0 })],
  ['flags.f.overrides.bob', 'a variant of this flag', withFlag({ overrides: { bob: 'maybe' } })],
  ['flags.f.variants.on', 'a finite number, got NaN', withFlag({ variants: { off: 0, on: Number.NaN } })],
  ['flags.f.variants.on', 'a JSON value, got a bigint', withFlag({ variants: { off: 0, on: 1n } })],
  [
    'flags.f.variants.on[1]',
    'a JSON value, got nothing',
    withFlag({ variants: { off: 0, on: [0, undefined] } }),
  ],
  ['flags.f.variants.on.at', 'a plain object', withFlag({ variants: { off: 0, on: { at: new Date(0) } } })],
  [
    'flags.f.variants.on.x',
    'a JSON value, got a function',
    withFlag({ variants: { off: 0, on: { x: () => 1 } } }),
  ],
  [
    'flags.f.rollout.candidateVariant',
    'a variant',
    withFlag({ rollout: { name: 'r', epoch: 1, controlVariant: 'off', candidateVariant: 'x' } }),
  ],
  ['flags.f.rules[0].serve.variant', 'a variant', withServe({ variant: 'x' })],
  ['flags.f.rules[0].serve.share', 'from 0 to 100000, got "10%"', withServe({ share: '10%', slices: [] })],
  ['flags.f.rules[0].serve.share', 'got 100001', withServe({ share: 100_001, slices: [] })],
  ['flags.f.rules[0].serve', 'an object', withServe('on')],
  ['flags.f.rules[0].serve.slices[1].start', 'at or after 10', withSlices([0, 10], [9, 20])],
  ['flags.f.rules[0].serve.slices[0].start', 'at or after 10', withSlices([9, 20], [0, 10])],
  ['flags.f.rules[0].serve.slices[0].end', 'from 6 to 100000, got 5', withSlices([5, 5])],
  ['flags.f.rules[0].serve.slices[0].end', 'got 100001', withSlices([0, 100_001])],
  ['flags.f.rules[0].serve.by', 'each step', withServe({ share: 1, slices: [], by: 'org..id' })],
  [
    'flags.f.rules[1].id',
    'no other rule',
    withFlag({
      rules: [
        { id: 'r', serve: { variant: 'on' } },
        { id: 'r', serve: { variant: 'on' } },
      ],
    }),
  ],
  [
    'flags.f.rules[0].id',
    'does not begin with "@"',
    withFlag({ rules: [{ id: '@override', serve: { variant: 'on' } }] }),
  ],
  [
    'flags.f.rules[0].when.audience',
    'an audience of this ruleset, got "b"',
    withFlag({ rules: [{ id: 'r', when: { audience: 'b' }, serve: { variant: 'on' } }] }),
  ],
  ['audiences.a.when', 'a condition', withWhen({})],
  ['audiences.a.when.op', 'one of the fields all', withWhen({ all: [], op: 'in' })],
  ['audiences.a.when.all[1].not', 'a condition', withWhen({ all: [{ any: [] }, { not: 'x' }] })],
  ['audiences.a.when.op', 'one of equals', comparing('equal', 1)],
  [
    'audiences.a.when.attribute',
    'not special to JavaScript',
    withWhen({ attribute: 'x.__proto__.y', op: 'exists' }),
  ],
  ['audiences.a.when.value', 'a list', comparing('in', 'DE')],
  ['audiences.a.when.value[1]', 'text, a number', comparing('in', ['DE', {}])],
  ['audiences.a.when.value', 'text of 1', comparing('startsWith', '')],
  ['audiences.a.when.value', 'a finite number, got Infinity', comparing('atLeast', Infinity)],
  ['audiences.a.when.value', 'ISO 8601', comparing('before', '2026-02-30')],
  ['audiences.a.when.value', 'a version', comparing('semverAtLeast', 'latest')],
  ['audiences.a.when.value', 'no back-reference', comparing('matches', '(a)\\1')],
  ['audiences.a.when.value', 'a plain group', comparing('matches', '(?=a)')],
  ['audiences.a.when.value', 'true or false', comparing('exists', 'yes')],
  [
    'drains[1].id',
    'no other drain',
    {
      ...base,
      drains: ['d', 'd'].map((id) => ({ id, rollout: 'r', flag: 'f', variant: 'v', policy: 'cut' })),
    },
  ],
  [
    'drains[0].policy',
    'finish, migrate, cut',
    { ...base, drains: [{ id: 'd', rollout: 'r', flag: 'f', variant: 'v', policy: 'now' }] },
  ],
])('refused at %j: expected %s', (path, words, document) => {
  const error = refusal(document);
  expect(error.detail).toMatchObject({ path });
  expect(error.message).toContain(`${path === '' ? 'ruleset' : path}: expected `);
  expect(error.message).toContain(words);
});

test('audiences that name themselves are refused with the circle', () => {
  const naming = (name: string) => ({ when: { all: [{ not: { audience: name } }] } });
  expect(refusal({ ...base, audiences: { a: naming('a') } }).message).toContain('"a > a"');
  expect(
    refusal({ ...base, audiences: { x: naming('a'), a: naming('b'), b: naming('c'), c: naming('a') } })
      .message,
  ).toContain('"a > b > c > a"');
});

test('audiences that multiply each other into endless work are refused, at once', () => {
  const audiences: Record<string, unknown> = { a0: { when: { attribute: 'x', op: 'exists' } } };
  for (let at = 1; at < 30; at++)
    audiences[`a${at}`] = { when: { any: [{ audience: `a${at - 1}` }, { audience: `a${at - 1}` }] } };
  expect(refusal({ ...base, audiences }).message).toContain('comparisons');
});

test('a chain of audiences too long to walk is refused', () => {
  const audiences: Record<string, unknown> = {};
  for (let at = 0; at < 50_000; at++) audiences[`a${at}`] = { when: { audience: `a${at + 1}` } };
  expect(refusal({ ...base, audiences }).message).toContain('audiences at most 32 deep');
});

test('what is nested deeper than anybody writes is refused with its path, in conditions and values', () => {
  let when: unknown = { any: [] };
  let value: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) {
    when = { not: when };
    value = [value];
  }
  expect(refusal(withWhen(when)).detail?.['path']).toMatch(/^audiences[.]a[.]when[.]not/);
  expect(refusal(withFlag({ variants: { off: value } })).detail?.['path']).toMatch(
    /^flags[.]f[.]variants[.]off\[0\]/,
  );
});

test('documents that contain themselves are refused, also where the circle is wide', () => {
  const when: { all: unknown[] } = { all: [] };
  when.all.push(when, when);
  const value: Record<string, unknown> = {};
  value['self'] = value;
  expect(refusal(withWhen(when)).message).toContain('without circles');
  expect(refusal(withFlag({ variants: { off: value } })).message).toContain('without circles');
  // The same object twice is no circle.
  expect(validateRuleset(withWhen({ all: [{ any: [] }, { any: [] }] }))).toBeDefined();
});

test('an object that throws when it is read is refused like any other', () => {
  const thrower = { ...base, get revision() { throw new Error('boom'); } }; // prettier-ignore
  expect(refusal(thrower).message).toContain('boom');
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  expect(refusal(revoked.proxy).code).toBe('RULESET_INVALID');
});

test('a getter cannot show one value to the check and another to what is kept', () => {
  let reads = 0;
  const document = { ...base, get revision() { return reads++ === 0 ? 5 : -1; } }; // prettier-ignore
  expect(validateRuleset(document).revision).toBe(5);
});

test('a hundred thousand keys in a list, and as many overrides, are taken', () => {
  const keys = Array.from({ length: 100_000 }, (_, at) => `user-${at}`);
  const document = {
    ...base,
    audiences: { a: { when: { attribute: 'x', op: 'in', value: keys } } },
    flags: { f: { ...flag, overrides: Object.fromEntries(keys.map((key) => [key, 'on'])) } },
  };
  expect(Object.keys(validateRuleset(document).flags['f']?.overrides ?? {})).toHaveLength(100_000);
});

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  maxDepth: 4,
});
const word = fc.constantFrom(
  'schema',
  'crossfade.ruleset/1',
  'revision',
  'flags',
  'audiences',
  'variants',
  'rules',
  'serve',
  'slices',
  'when',
  'all',
  'not',
  'op',
  'in',
  'attribute',
  'value',
  '__proto__',
  'constructor',
  'off',
);
const mangled = fc.tuple(fc.array(fc.oneof(word, fc.nat(2)), { maxLength: 6 }), anything);

test('anything at all is taken or refused with a path; nothing else is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(anything, fc.dictionary(word, anything)), (document) => {
      expect(typeof refusal(document).detail?.['path']).toBe('string');
    }),
    { numRuns: 1_000 },
  );
});

test('a good document with one part replaced by anything is taken or refused with a path', () => {
  const good = () => ({
    ...base,
    audiences: {
      all: {
        when: {
          all: [{ attribute: 'x', op: 'in', value: ['a'] }, { not: { attribute: 'y', op: 'exists' } }],
        },
      },
    },
    flags: {
      flags: {
        ...flag,
        rules: [
          {
            id: 'r',
            when: { audience: 'all' },
            serve: { share: 5, slices: [{ variant: 'on', start: 0, end: 9 }] },
          },
        ],
      },
    },
  });
  fc.assert(
    fc.property(mangled, ([path, replacement]) => {
      // A copy each time: what one run replaced must not be there in the next.
      const document: unknown = structuredClone(good());
      let place = document as Record<string | number, unknown>;
      for (const step of path) {
        const names = Object.keys(place);
        const name =
          typeof step === 'number' ? names[step % names.length] : names.find((one) => one === step);
        if (name === undefined) continue;
        const inner = place[name];
        if (typeof inner !== 'object' || inner === null) {
          place[name] = replacement;
          break;
        }
        place = inner as typeof place;
      }
      try {
        validateRuleset(document);
      } catch (error) {
        expect(error).toMatchObject({
          code: 'RULESET_INVALID',
          detail: { path: expect.any(String) as string },
        });
      }
    }),
    { numRuns: 2_000 },
  );
});
