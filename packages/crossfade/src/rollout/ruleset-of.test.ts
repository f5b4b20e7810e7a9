import { Evaluator } from '@crossfade/sdk/flags/evaluator';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import type { EvaluationContext } from '@crossfade/sdk/flags/ruleset';
import { validateRuleset } from '@crossfade/sdk/flags/validate';
import { describe, expect, test } from 'vitest';
import { commandOf, person, planOf, Subject, subjectIn } from './rollout.fixture.ts';
import { rulesetOf } from './ruleset-of.ts';
import { phases, type RolloutState } from './state.ts';

const keys = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);

/** An evaluator that was just told what these rollouts make. */
function evaluatorOf(...states: readonly RolloutState[]): Evaluator {
  const evaluator = new Evaluator({ clock: new ManualClock() });
  evaluator.apply(rulesetOf(states, 1));
  evaluator.heard();
  return evaluator;
}

function upstreamOf(evaluator: Evaluator, context: EvaluationContext): unknown {
  return evaluator.evaluate('transcription', context).value;
}

function candidates(...states: readonly RolloutState[]): ReadonlySet<string> {
  const evaluator = evaluatorOf(...states);
  return new Set(keys.filter((targetingKey) => upstreamOf(evaluator, { targetingKey }) === 'streaming'));
}

const insider = { targetingKey: 'ana', email: 'ana@example.com' };

describe('the ruleset of a rollout', () => {
  test.each(phases)('in %s it is one that evaluators accept', (phase) => {
    expect(() => validateRuleset(rulesetOf([subjectIn(phase).current], 7))).not.toThrow();
  });

  test.each(['draft', 'awaiting-acceptance', 'rolling-back', 'rolled-back'] as const)(
    'in %s everybody gets control',
    (phase) => {
      const { current } = subjectIn(phase, planOf({ overrides: { vip: 'candidate' } }));
      expect(candidates(current).size).toBe(0);
      expect(upstreamOf(evaluatorOf(current), insider)).toBe('legacy');
      expect(upstreamOf(evaluatorOf(current), { targetingKey: 'vip' })).toBe('legacy');
    },
  );

  test('an audience is in first, and stays in while the share of everybody else grows; nobody who is in moves out', () => {
    const subject = subjectIn('running');
    const shares = [0, 0.1, 0.5, 1];
    let before: ReadonlySet<string> = new Set();
    for (const share of shares) {
      const now = candidates(subject.current);
      expect(now.size / keys.length).toBeCloseTo(share, 1);
      for (const key of before) expect(now.has(key)).toBe(true);
      expect(upstreamOf(evaluatorOf(subject.current), insider)).toBe('streaming');
      before = now;
      subject.send(commandOf('advance', subject));
    }
    expect(subject.current.phase).toBe('completed');
    expect(candidates(subject.current).size).toBe(keys.length);
  });

  test('the holdback keeps the same users on control in every stage, in audiences too', () => {
    const subject = subjectIn('running', planOf({ holdback: 20 }));
    const held = new Set(keys);
    for (let stage = 0; stage < 4; stage++) {
      const evaluator = evaluatorOf(subject.current);
      const inside = keys.filter(
        (key) => upstreamOf(evaluator, { targetingKey: key, email: 'x@example.com' }) === 'streaming',
      );
      for (const key of inside) held.delete(key);
      subject.send(commandOf('advance', subject));
    }
    expect(held.size / keys.length).toBeCloseTo(0.2, 1);
    const last = candidates(subject.current);
    for (const key of held) expect(last.has(key)).toBe(false);
    expect(last.size + held.size).toBe(keys.length);
  });

  test('disable takes the candidate from everybody, overrides included, and enable gives it back to the same', () => {
    const subject = subjectIn('running', planOf({ overrides: { vip: 'candidate' } }));
    subject.send(commandOf('advance', subject));
    const before = candidates(subject.current);
    subject.send(commandOf('disable', subject));
    expect(candidates(subject.current).size).toBe(0);
    expect(upstreamOf(evaluatorOf(subject.current), { targetingKey: 'vip' })).toBe('legacy');
    subject.send(commandOf('enable', subject));
    expect(candidates(subject.current)).toEqual(before);
    expect(upstreamOf(evaluatorOf(subject.current), { targetingKey: 'vip' })).toBe('streaming');
  });

  test.each(['rolling-back', 'rolled-back'] as const)(
    'in %s it is off twice: by the switch, and with no rule left',
    (phase) => {
      const [flag] = Object.values(rulesetOf([subjectIn(phase).current], 1).flags);
      expect(flag).toMatchObject({ enabled: false, rules: [] });
      expect(flag).not.toHaveProperty('overrides');
    },
  );

  test('disable and enable are epochs of their own', () => {
    const subject = subjectIn('running');
    subject.send(commandOf('disable', subject));
    expect(subject.current).toMatchObject({ epoch: 2, judged: null });
    expect(Object.values(rulesetOf([subject.current], 1).flags)[0]).toMatchObject({
      enabled: false,
      rules: [],
    });
    subject.send(commandOf('enable', subject));
    expect(subject.current).toMatchObject({ epoch: 3, judged: null });
  });

  test('a pause changes nothing of who is in', () => {
    const subject = subjectIn('running');
    subject.send(commandOf('advance', subject));
    const before = candidates(subject.current);
    subject.send(commandOf('pause', subject));
    expect(candidates(subject.current)).toEqual(before);
  });

  test('every decision carries the rollout, its epoch and the build', () => {
    const subject = subjectIn('running');
    const { rollout } = evaluatorOf(subject.current).evaluate('transcription', insider);
    expect(rollout).toMatchObject({ name: 'streaming-2', epoch: 1, candidateBuild: 'sha256:2' });
  });

  test('an evaluator that is cut off serves control when the lease is over', () => {
    const clock = new ManualClock();
    const evaluator = new Evaluator({ clock });
    evaluator.heard();
    evaluator.apply(rulesetOf([subjectIn('completed').current], 1));
    clock.advance(59_000);
    expect(upstreamOf(evaluator, insider)).toBe('streaming');
    clock.advance(1_001);
    expect(upstreamOf(evaluator, insider)).toBe('legacy');
  });
});

describe('a drain', () => {
  test('stands from the first moment of the rollback, and after it for who comes back late', () => {
    const subject = subjectIn('running');
    expect(rulesetOf([subject.current], 1).drains).toEqual([]);
    subject.send(commandOf('rollback', subject));
    expect(rulesetOf([subject.current], 1).drains).toMatchObject([
      { rollout: 'streaming-2', flag: 'transcription', variant: 'candidate', policy: 'migrate' },
    ]);
    expect(rulesetOf([subjectIn('rolled-back').current], 1).drains).toHaveLength(1);
  });

  test('of an older rollback stands until its sessions are accounted for, that of the newest of a flag for ever', () => {
    const older = subjectIn('rolling-back');
    const newer = subjectIn('rolled-back', planOf({ name: 'streaming-3' })).current;
    const ofOther = planOf({ name: 'captions', flag: 'captions', acceptance: 'waiver' });
    const other = subjectIn('rolled-back', ofOther).current;
    const names = () => rulesetOf([older.current, newer, other], 1).drains?.map(({ rollout }) => rollout);
    expect(names()).toEqual(['streaming-2', 'streaming-3', 'captions']);
    older.send(commandOf('drain-report', older));
    older.send(commandOf('acknowledge', older));
    older.nowMs += 600_000;
    older.send(commandOf('finish-rollback', older));
    expect(names()).toEqual(['streaming-3', 'captions']);
  });

  test('stands past the limit while a session is open, so that the receipt can be completed', () => {
    const subject = subjectIn('rolling-back');
    const report = (outcome: 'open' | 'finished') =>
      subject.send({
        type: 'drain-report',
        actor: person,
        reason: 'r',
        gateway: 'gateway-1',
        sessions: [{ sessionId: 's1', outcome, samplesLost: 0 }],
        done: outcome !== 'open',
      });
    report('open');
    subject.nowMs += 600_000;
    subject.send(commandOf('finish-rollback', subject));
    const newer = subjectIn('rolled-back', planOf({ name: 'streaming-3' })).current;
    expect(rulesetOf([subject.current, newer], 1).drains).toHaveLength(2);
    report('finished');
    expect(rulesetOf([subject.current, newer], 1).drains).toHaveLength(1);
  });
});

describe('several rollouts of one flag', () => {
  const next = planOf({
    name: 'turbo-3',
    control: { upstream: 'streaming' },
    candidate: { upstream: 'turbo', build: 'sha256:3' },
  });

  function applied(): Subject {
    const subject = new Subject();
    subject.send({ type: 'apply', actor: person, reason: 'next', plan: next });
    return subject;
  }

  test('a draft changes nothing for the users of the one before it', () => {
    const first = subjectIn('completed').current;
    expect(upstreamOf(evaluatorOf(first, applied().current), insider)).toBe('streaming');
  });

  test('the next one serves its control and its candidate once it runs, and its control when it is rolled back', () => {
    const first = subjectIn('completed').current;
    const second = subjectIn('running', next);
    expect(upstreamOf(evaluatorOf(first, second.current), insider)).toBe('turbo');
    expect(upstreamOf(evaluatorOf(first, second.current), { targetingKey: 'b' })).toBe('streaming');
    second.send(commandOf('rollback', second));
    expect(upstreamOf(evaluatorOf(first, second.current), insider)).toBe('streaming');
  });

  test('a build that was rolled back is served to nobody, though it is the control of the next', () => {
    const first = subjectIn('completed');
    const second = subjectIn('running', next);
    first.send(commandOf('rollback', first));
    const evaluator = evaluatorOf(first.current, second.current);
    for (const context of [insider, { targetingKey: 'b' }])
      expect(upstreamOf(evaluator, context)).toBe('legacy');
  });

  test('a later build of an upstream whose first build was rolled back may be the control of the next', () => {
    const first = subjectIn('rolled-back').current;
    const again = planOf({ name: 'streaming-4', candidate: { upstream: 'streaming', build: 'sha256:4' } });
    const second = subjectIn('completed', again).current;
    const third = subjectIn('running', next).current;
    expect(upstreamOf(evaluatorOf(first, second, third), { targetingKey: 'b' })).toBe('streaming');
  });

  test('audiences of the same name do not meet', () => {
    const other = planOf({
      name: 'captions',
      flag: 'captions',
      audiences: {
        internal: { when: { audience: 'staff' } },
        staff: { when: { attribute: 'plan', op: 'equals', value: 'staff' } },
      },
    });
    const evaluator = evaluatorOf(subjectIn('running').current, subjectIn('running', other).current);
    const context = { targetingKey: 'x', plan: 'staff' };
    expect(evaluator.evaluate('captions', context).value).toBe('streaming');
    expect(evaluator.evaluate('transcription', context).value).toBe('legacy');
  });
});
