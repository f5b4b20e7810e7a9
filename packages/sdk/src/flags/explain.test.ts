import { expect, test } from 'vitest';
import { compileRuleset } from './compile.ts';
import { explainAudience, explainDecision } from './explain.ts';
import { validateRuleset } from './validate.ts';

const compiled = compileRuleset(
  validateRuleset({
    schema: 'crossfade.ruleset/1',
    revision: 7,
    audiences: {
      staff: {
        when: {
          any: [
            { attribute: 'email', op: 'endsWith', value: '@acme.com' },
            { attribute: 'role', op: 'in', value: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] },
          ],
        },
      },
      abroad: { when: { not: { attribute: 'country', op: 'equals', value: 'DE' } } },
    },
    flags: {
      t: {
        variants: { off: 0, on: 1 },
        defaultVariant: 'off',
        enabled: true,
        salt: 's',
        leaseMs: 60_000,
        overrides: { bob: 'on' },
        rules: [
          {
            id: 'internal',
            when: { all: [{ audience: 'staff' }, { audience: 'abroad' }] },
            serve: { variant: 'on' },
          },
          { id: 'canary', serve: { share: 40_000, slices: [{ variant: 'on', start: 0, end: 50_000 }] } },
        ],
      },
      dead: { variants: { off: 0 }, defaultVariant: 'off', enabled: false, salt: 's', rules: [] },
    },
  }),
);

test.each([
  [
    'the way through rules and a share',
    { targetingKey: 'user-1', email: 'x@y.z' },
    0,
    [
      'Flag "t" at revision 7, default "off".',
      'No override for "user-1".',
      'Rule "internal" does not match: not in audience "staff" (email is "x@y.z", which does not satisfy endsWith "@acme.com" and role is missing, which does not satisfy in ["a", "b", "c", "d", "e", and 2 more]).',
      'Rule "canary" matches: everybody.',
      'It serves a share of 40 % by "targetingKey": "user-1" has bucket 35531, inside [0, 40000); its variant bucket 17206 is in [0, 50000), the slice of "on".',
      'Decision: "on" (SPLIT).',
    ],
  ],
  [
    'a lease that is over',
    { targetingKey: 'bob' },
    60_000,
    [
      'Flag "t" at revision 7, default "off".',
      'Override (@override) for "bob": "on".',
      'The control plane was not heard for 1m, the lease of "t": "on" is not served until it is, the default "off" is.',
      'Decision: "off" (STALE).',
    ],
  ],
  [
    'a share that gives the default, and a lease that is over',
    { targetingKey: 'user-3' },
    60_000,
    [
      'Flag "t" at revision 7, default "off".',
      'No override for "user-3".',
      'Rule "internal" does not match: not in audience "staff" (email is missing, which does not satisfy endsWith "@acme.com" and role is missing, which does not satisfy in ["a", "b", "c", "d", "e", and 2 more]).',
      'Rule "canary" matches: everybody.',
      'It serves a share of 40 % by "targetingKey": "user-3" has bucket 67229, outside [0, 40000).',
      'The control plane was not heard for 1m, the lease of "t": until it is, everybody gets the default "off", whatever the share says.',
      'Decision: "off" (STALE).',
    ],
  ],
  [
    'an audience that matches',
    { email: 'a@acme.com', country: 'CH' },
    0,
    [
      'Flag "t" at revision 7, default "off".',
      'No override for a missing key.',
      'Rule "internal" matches: in audience "staff" (email is "a@acme.com", which satisfies endsWith "@acme.com") and in audience "abroad" (not (country is "CH", which does not satisfy equals "DE")).',
      'It serves "on".',
      'Decision: "on" (TARGETING_MATCH).',
    ],
  ],
])('a decision is explained step by step: %s', (_name, context, ageMs, lines) => {
  expect(explainDecision(compiled, 't', context, ageMs).split('\n')).toEqual(lines);
});

test('the kill switch, an unknown flag and an unreadable context are explained too', () => {
  expect(explainDecision(compiled, 'dead', {}, 0)).toContain('kill switch');
  expect(explainDecision(compiled, 'x', {}, 0)).toContain(
    'Expected a flag of revision 7, got "x".\nDecision: nothing (ERROR, FLAG_NOT_FOUND).',
  );
  expect(explainDecision(compiled, 't', 5, 0)).toContain('Decision: "off" (ERROR, INVALID_CONTEXT).');
});

test('an audience says who is in and why', () => {
  expect(explainAudience(compiled, 'abroad', { country: 'DE' })).toEqual({
    member: false,
    why: 'not in audience "abroad" (not (country is "DE", which satisfies equals "DE"))',
  });
});
