import { describe, expect, test } from 'vitest';
import { evidenceOf, hourMs, judgementOf, person, planOf, subjectIn } from './rollout.fixture.ts';
import { type Judgement, ruleOf, type VerdictRule, verdictRules } from './verdict.ts';

/** Every row of the table, as the judge would say it. */
const judgements: Readonly<
  Record<keyof typeof verdictRules, Partial<Judgement> & { kind: Judgement['verdict']['verdict'] }>
> = {
  pass: { kind: 'pass' },
  fail: { kind: 'fail' },
  inconclusive: { kind: 'inconclusive' },
  'no-data': { kind: 'no-data' },
  'source-error': { kind: 'source-error' },
  invalid: { kind: 'invalid', broken: 'build' },
  'invalid-ends': { kind: 'invalid', broken: 'ends' },
  'shared-incident': { kind: 'inconclusive', sharedIncident: true },
};
const rows = Object.keys(judgements) as (keyof typeof judgements)[];

/** What else the rule asks for; each may be so or not. */
interface Case {
  readonly row: keyof typeof judgements;
  readonly isBaked: boolean;
  readonly atLook: boolean;
  readonly isProven: boolean;
  readonly isFrozen: boolean;
  readonly isApproved: boolean;
  readonly isDisabled: boolean;
  readonly isPaused: boolean;
}

const bits = [
  'isBaked',
  'atLook',
  'isProven',
  'isFrozen',
  'isApproved',
  'isDisabled',
  'isPaused',
] as const satisfies readonly (keyof Case)[];

const cases: readonly Case[] = rows.flatMap((row) =>
  Array.from({ length: 2 ** bits.length }, (_, number) => {
    const flags = Object.fromEntries(bits.map((bit, i) => [bit, ((number >> i) & 1) === 1]));
    return { row, ...flags } as unknown as Case;
  }),
);

/** A freeze that is open at the fixture's time, or one that is not. */
const freeze = (isOpen: boolean) => [
  {
    name: 'holidays',
    zone: 'UTC',
    from: isOpen ? '2026-01-01T00:00' : '2028-01-01T00:00',
    until: '2029-01-01T00:00',
  },
];

const written = {
  stages: [
    { name: 'half', share: 50, bake: '1h', longestBake: '100h', minSessionsPerHour: 0 },
    { name: 'most', share: 90, bake: '1h', minSessionsPerHour: 0, approval: true },
  ],
  gates: [{ metric: 'missed-tail', liveAtStage: 'half' }],
};
const openPlan = planOf({ ...written, freeze: freeze(false) });
const frozenPlan = planOf({ ...written, freeze: freeze(true) });

/** Sends the verdict to a rollout in that situation; the events that followed. */
function eventsOf(given: Case): readonly string[] {
  const subject = subjectIn('awaiting-acceptance', openPlan);
  subject.send({ type: 'waive', actor: person, reason: 'no run' });
  subject.judge('inconclusive');
  if (given.isBaked) subject.tick(hourMs);
  if (given.isApproved) subject.send({ type: 'approve', actor: person, reason: 'quiet week' });
  if (given.isFrozen) {
    subject.send({
      type: 'revise',
      actor: person,
      reason: 'holidays',
      plan: frozenPlan,
    });
  }
  if (given.isDisabled) subject.send({ type: 'disable', actor: person, reason: 'a look' });
  if (given.isPaused) subject.send({ type: 'pause', actor: person, reason: 'a look' });
  const { kind, ...rest } = judgements[given.row];
  return subject.judge(kind, {
    ...rest,
    ...(given.atLook ? { atLook: true } : {}),
    evidence: [evidenceOf('missed-tail', given.isProven ? 'certified' : 'within-limits')],
  });
}

describe('the verdict table', () => {
  test('lets a pass promote and nothing else', () => {
    const promoting = rows.filter((row) => verdictRules[row].promotes);
    expect(promoting).toEqual(['pass']);
  });

  test.each(rows)('has one row for %s, and the judge falls under it', (row) => {
    const { kind, ...rest } = judgements[row];
    expect(ruleOf(judgementOf(kind, 1, rest))).toBe(verdictRules[row]);
  });

  test.each(Object.entries(verdictRules))(
    '%s rolls back, holds or goes on as planned, and never two of them',
    (_row, rule: VerdictRule) => {
      expect(rule.exposure === 'as-planned' || rule.bake === 'stops').toBe(true);
      expect(rule.promotes && rule.exposure !== 'as-planned').toBe(false);
    },
  );
});

/** Each situation once, with what followed. */
const outcomes = cases.map((given) => ({ given, events: eventsOf(given) }));

describe('the advance rule, in all of its situations', () => {
  test(`no path leads from no-data, source-error, inconclusive or invalid to the next stage (${cases.length} situations)`, () => {
    for (const { given, events } of outcomes) {
      const mayAdvance =
        given.row === 'pass' &&
        given.isBaked &&
        given.isProven &&
        given.isApproved &&
        !given.isFrozen &&
        !given.isDisabled &&
        !given.isPaused;
      const advanced = events.includes('stage-entered');
      expect({ ...given, advanced }).toEqual({ ...given, advanced: mayAdvance });
    }
  });

  test('shown bad is rolled back in every one of them: nothing delays it', () => {
    for (const { given, events } of outcomes) {
      const isBad = verdictRules[given.row].exposure === 'rollback';
      expect({ ...given, back: events.includes('rollback-started') }).toEqual({
        ...given,
        back: isBad,
      });
    }
  });

  test('what is not proven at the look extends the bake or asks a person, and nothing else does', () => {
    for (const { given, events } of outcomes) {
      const isPoor = given.row === 'inconclusive' && given.atLook && !given.isPaused;
      expect({ ...given, extended: events.includes('bake-extended') }).toEqual({
        ...given,
        extended: isPoor,
      });
    }
  });
});
