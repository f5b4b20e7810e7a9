import { hasCode } from '@crossfade/sdk/core/errors';
import { bucketCount } from '@crossfade/sdk/flags/ruleset';
import { validateRuleset } from '@crossfade/sdk/flags/validate';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Actor, Command } from './commands.ts';
import { decide } from './decide.ts';
import type { RolloutEvent } from './events.ts';
import { evolve, fold } from './evolve.ts';
import { receiptOf } from './receipt.ts';
import { automatic, judgementOf, person, planOf, startMs } from './rollout.fixture.ts';
import { rulesetOf } from './ruleset-of.ts';
import type { RolloutState } from './state.ts';

const actors = fc.constantFrom<Actor>(person, automatic);
const plans = [
  planOf(),
  planOf({ guardrails: { limits: { 'missed-tail': 50 } } }),
  planOf({ drain: 'cut', holdback: 5 }),
  planOf({
    stages: [
      { name: 'internal', share: 20, bake: '10m' },
      { name: 'all', share: 100, bake: '10m', approval: true },
    ],
  }),
  planOf({ name: 'another' }),
];
const plan = fc.constantFrom(...plans);
const outcome = fc.constantFrom('open' as const, 'finished' as const, 'migrated' as const);
const id = fc.constantFrom('a', 'b', '__proto__', 'constructor');

const verdictKind = fc.oneof(
  { weight: 30, arbitrary: fc.constant('pass' as const) },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      'inconclusive' as const,
      'no-data' as const,
      'source-error' as const,
      'invalid' as const,
    ),
  },
  { weight: 1, arbitrary: fc.constant('fail' as const) },
);

/** Half of the commands are a judge's and a clock's, as in life; the rest is anything. */
const ordinary = fc.constantFrom<Command['type']>(
  'start',
  'waive',
  'approve',
  'pause',
  'resume',
  'disable',
  'enable',
  'finish-rollback',
);
const body = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('tick'),
      healthyMs: fc.integer({ min: 0, max: 7_200_000 }),
      sessionsPerHour: fc.constantFrom(null, 0, 100),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('verdict'),
      kind: verdictKind,
      back: fc.constantFrom(0, 0, 0, 1),
      broken: fc.constantFrom(undefined, undefined, undefined, 'ends', 'assignments'),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: ordinary }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('apply'), plan }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('revise'), plan }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('advance'), withoutPass: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('rollback'), evaluators: fc.array(id), gateways: fc.array(id) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('acknowledge'), evaluator: id, revision: fc.nat(100) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('drain-report'),
      gateway: id,
      sessions: fc.array(fc.record({ sessionId: id, outcome, samplesLost: fc.nat(3) }), { maxLength: 3 }),
      done: fc.boolean(),
    }),
  },
);
const step = fc.record({ body, actor: actors, passedMs: fc.integer({ min: -60_000, max: 7_200_000 }) });
const walks = fc.array(step, { minLength: 5, maxLength: 80, size: 'max' });

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function commandOf({ body, actor }: Step, state: RolloutState | null): Command {
  const head = { actor, reason: 'property' };
  if (body.type !== 'verdict' || !('kind' in body)) return { ...head, ...body } as Command;
  const epoch = (state?.epoch ?? 0) - body.back;
  const judgement = judgementOf(body.kind, epoch, body.broken === undefined ? {} : { broken: body.broken });
  return { ...head, type: 'verdict', judgement };
}

/** Walks, and hands every step that was taken to `check`. Answers the log. */
function walk(
  steps: readonly Step[],
  check: (
    before: RolloutState | null,
    command: Command,
    events: readonly RolloutEvent[],
    after: RolloutState | null,
  ) => void = () => {},
): readonly RolloutEvent[] {
  let state: RolloutState | null = null;
  let nowMs = startMs;
  const log: RolloutEvent[] = [];
  const first: Step = { body: { type: 'apply', plan: plans[0]! }, actor: person, passedMs: 0 };
  const opening = (['start', 'waive'] as const).map((type): Step => ({ ...first, body: { type } }));
  for (const one of [first, ...opening, ...steps]) {
    nowMs += one.passedMs;
    const command = commandOf(one, state);
    const before: RolloutState | null = state;
    let events: readonly RolloutEvent[] = [];
    try {
      ({ events } = decide(before, command, nowMs));
    } catch (error) {
      if (!hasCode(error, 'COMMAND_REFUSED')) throw error;
    }
    state = events.reduce<RolloutState | null>(evolve, before);
    log.push(...events);
    check(before, command, events, state);
  }
  return log;
}

const exposureOf = (state: RolloutState | null): number =>
  state === null
    ? 0
    : Object.values(rulesetOf([state], 1).flags).flatMap(({ enabled, rules }) => (enabled ? rules : []))
        .length;

describe('any sequence of commands', () => {
  test('a state is the fold of its events, also after they were written and read again', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        let last: RolloutState | null = null;
        const log = walk(steps, (_, __, ___, after) => (last = after));
        expect(fold(log)).toEqual(last);
        expect(fold(JSON.parse(JSON.stringify(log)) as RolloutEvent[])).toEqual(
          JSON.parse(JSON.stringify(last)),
        );
      }),
    );
  });

  test('revision grows by one with each event, and the epoch never goes back', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (before, _, events, after) => {
          expect(after?.revision ?? 0).toBe((before?.revision ?? 0) + events.length);
          expect(after?.epoch ?? 0).toBeGreaterThanOrEqual(before?.epoch ?? 0);
        });
      }),
    );
  });

  test('no stage begins and nothing completes without a pass, but by a person who says so', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (before, command, events) => {
          for (const event of events) {
            const isFirst = event.type === 'stage-entered' && before?.phase === 'awaiting-acceptance';
            if ((event.type !== 'stage-entered' && event.type !== 'completed') || isFirst) continue;
            const passed =
              event.judgement?.verdict.verdict === 'pass' && event.judgement.epoch === before?.epoch;
            const byPerson =
              command.type === 'advance' && command.actor.kind === 'person' && event.withoutPass;
            expect(passed || byPerson).toBe(true);
          }
        });
      }),
    );
  });

  test('stages are taken one at a time and in order', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (before, command, events, after) => {
          const entered = events.filter(({ type }) => type === 'stage-entered');
          expect(entered.length).toBeLessThanOrEqual(1);
          if (command.type !== 'revise' && entered.length === 1) {
            expect(after?.stageIndex).toBe((before?.stageIndex ?? -1) + 1);
          }
        });
      }),
    );
  });

  test('after a rollback nobody gets the candidate ever again, and nothing is lost from the receipt', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (before, _, __, after) => {
          if (after === null || after.rollback === null) return;
          expect(exposureOf(after)).toBe(0);
          expect(['rolling-back', 'rolled-back']).toContain(after.phase);
          if (before?.rollback === null || before === null) return;
          const known = receiptOf(before, startMs)?.sessions.length ?? 0;
          expect(receiptOf(after, startMs)?.sessions.length).toBeGreaterThanOrEqual(known);
          for (const [session, { outcome }] of Object.entries(before.rollback.sessions)) {
            if (outcome !== 'open') expect(after.rollback.sessions[session]?.outcome).not.toBe('open');
          }
        });
      }),
    );
  });

  test('a rollback is taken at every point of every life', () => {
    fc.assert(
      fc.property(walks, actors, (steps, actor) => {
        walk(steps, (_, __, ___, after) => {
          if (after === null) return;
          const { events } = decide(after, { type: 'rollback', actor, reason: '' }, startMs);
          expect(events.length).toBe(after.rollback === null ? 1 : 0);
        });
      }),
      { numRuns: 40 },
    );
  });

  test('the bake clock never counts more than the time that passed', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (_, __, ___, after) => {
          const bake = after?.bake ?? null;
          if (bake === null) return;
          expect(bake.healthyMs).toBeGreaterThanOrEqual(0);
          expect(bake.healthyMs).toBeLessThanOrEqual(Math.max(0, bake.tickedAtMs - startMs));
        });
      }),
    );
  });

  test('its ruleset is always valid, and no share is beyond all buckets', () => {
    fc.assert(
      fc.property(walks, (steps) => {
        walk(steps, (_, __, events, after) => {
          if (after === null || events.length === 0) return;
          const ruleset = validateRuleset(rulesetOf([after], 1));
          for (const { rules } of Object.values(ruleset.flags)) {
            for (const { serve } of rules)
              if ('share' in serve) expect(serve.share).toBeLessThanOrEqual(bucketCount);
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  test('the walks are worth walking: they reach completion, a rollback, and a pause', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(walks, (steps) => {
        for (const { after } of walk(steps)) reached.add(after.phase);
      }),
      { numRuns: 200, seed: 1 },
    );
    for (const phase of ['running', 'paused', 'completed', 'rolling-back', 'rolled-back'])
      expect(reached).toContain(phase);
  });
});
