import { describe, expect, test } from 'vitest';
import { commandOf, hourMs, person, planOf, subjectIn, type Subject } from './rollout.fixture.ts';
import type { Plan } from './plan.ts';

function revise(subject: Subject, plan: Plan): readonly string[] {
  return subject.send({ type: 'revise', actor: person, reason: 'as agreed', plan });
}

const withStages = (...stages: readonly Record<string, unknown>[]) =>
  planOf({ stages: stages.map((stage) => ({ bake: '1h', minSessionsPerHour: 1, ...stage })) });

describe('a change of plan while it runs', () => {
  test('records every place that changed, with what was there before', () => {
    const subject = subjectIn('running');
    revise(subject, planOf({ drain: 'cut', noDataLimit: '1h' }));
    expect(subject.events.at(-1)).toMatchObject({
      type: 'revised',
      newBake: false,
      diff: [
        { path: 'drain', before: 'migrate', after: 'cut' },
        { path: 'noDataLimitMs', before: 43_200_000, after: hourMs },
      ],
    });
    expect(subject.current).toMatchObject({ planVersion: 2, epoch: 1 });
  });

  test('the same plan again changes nothing', () => {
    expect(revise(subjectIn('running'), planOf())).toEqual([]);
  });

  test('the drain policy leaves the bake and the epoch as they are', () => {
    const subject = subjectIn('running');
    subject.judge('pass');
    subject.tick(60_000);
    revise(subject, planOf({ drain: 'cut' }));
    expect(subject.current).toMatchObject({ epoch: 1, bake: { healthyMs: 60_000 } });
  });

  test.each([
    ['a threshold', { guardrails: { limits: { 'missed-tail': 50 } } }, /guardrails/],
    ['a gate', { gates: [{ metric: 'orphan-rate' }] }, /gates/],
    ['a goal', { goals: [{ metric: 'error-rate' }] }, /goals/],
    ['a control in every stage instead of some', { holdback: 1 }, /kinds of stages/],
  ])('%s starts a new bake in a new epoch, and says so', (_, changes, why) => {
    const subject = subjectIn('running');
    subject.judge('pass');
    subject.tick(60_000);
    revise(subject, planOf(changes));
    expect(subject.current).toMatchObject({ epoch: 2, judged: null, bake: { healthyMs: 0 } });
    expect(subject.why).toMatch(why);
    expect(subject.why).toMatch(/new bake .* new error budget/);
  });

  test.each([
    [
      'share',
      withStages({ name: 'internal', audiences: ['internal'], share: 2 }, { name: 'all', share: 100 }),
    ],
    ['holdback', planOf({ holdback: 1 })],
    ['override', planOf({ overrides: { vip: 'candidate' } })],
    ['audience', planOf({ audiences: { internal: { when: { attribute: 'beta', op: 'exists' } } } })],
  ])('another %s is another epoch, at once', (_, plan) => {
    const subject = subjectIn('running');
    revise(subject, plan);
    expect(subject.current).toMatchObject({ epoch: 2, stageIndex: 0, phase: 'running' });
  });

  test('keeps its stage by name when stages come and go around it', () => {
    const subject = subjectIn('running');
    subject.bakeStage();
    revise(
      subject,
      withStages(
        { name: 'first', audiences: ['internal'] },
        { name: 'second', share: 1 },
        { name: 'tenth', share: 10 },
      ),
    );
    expect(subject.current).toMatchObject({ stageIndex: 2, epoch: 2 });
  });

  test.each([
    ['another name', planOf({ name: 'other' }), /another name/],
    [
      'another build',
      planOf({ candidate: { upstream: 'streaming', build: 'sha256:3' } }),
      /another candidate/,
    ],
    ['another flag', planOf({ flag: 'captions' }), /another flag/],
    ['another salt', planOf({ salt: 'pepper' }), /move users/],
    [
      'a plan without its stage',
      withStages({ name: 'all', share: 100 }),
      /keep the stage it is in, internal/,
    ],
  ])('%s is refused and nothing changes', (_, plan, message) => {
    const subject = subjectIn('running');
    const before = subject.current;
    expect(() => revise(subject, plan)).toThrow(message);
    expect(subject.current).toBe(before);
  });

  test('in a pause a new bake waits for the resume', () => {
    const subject = subjectIn('paused');
    revise(subject, planOf({ holdback: 1 }));
    expect(subject.current.bake?.stopped?.reason).toBe('paused');
    subject.send(commandOf('resume', subject));
    expect(subject.current.bake?.stopped?.reason).toBe('not-judged');
  });

  test('before the first stage everything but what it is about may change', () => {
    const subject = subjectIn('draft');
    expect(revise(subject, planOf({ salt: 'pepper', stages: [{ name: 'all', share: 100 }] }))).toEqual([
      'revised',
    ]);
    expect(subject.current.epoch).toBe(0);
  });
});
