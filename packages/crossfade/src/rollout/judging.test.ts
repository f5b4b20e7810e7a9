import { describe, expect, test } from 'vitest';
import {
  automatic,
  commandOf,
  evidenceOf,
  hourMs,
  judgementOf,
  person,
  planOf,
  subjectIn,
} from './rollout.fixture.ts';
import { verdictRules } from './verdict.ts';

describe('what a verdict does to a running stage', () => {
  test('pass after the bake moves one stage on, and carries the evidence', () => {
    const subject = subjectIn('running');
    expect(subject.bakeStage()).toEqual(['stage-entered']);
    expect(subject.events.at(-1)).toMatchObject({ type: 'stage-entered', stageIndex: 1, byHand: false });
    expect(subject.events.at(-1)).toHaveProperty('judgement.verdict.verdict', 'pass');
    expect(subject.current.judged).toBeNull();
  });

  test('pass before the bake is done holds, and says how long it still is', () => {
    const subject = subjectIn('running');
    subject.judge('pass');
    subject.tick(hourMs / 2);
    expect(subject.judge('pass')).toEqual([]);
    expect(subject.why).toBe('Baked 30m of 1h.');
  });

  test('fail rolls back at once with its sentence, by the automatic actor', () => {
    const subject = subjectIn('running');
    expect(subject.judge('fail', { sentence: 'p95 2,000 ms, limit 1,500 ms.' })).toEqual([
      'judged',
      'rollback-started',
    ]);
    expect(subject.current.rollback).toMatchObject({
      why: 'p95 2,000 ms, limit 1,500 ms.',
      actor: automatic,
      policy: 'migrate',
    });
  });

  test('fail on an epoch that is over rolls back too: shown bad stays bad', () => {
    const subject = subjectIn('running');
    subject.bakeStage();
    const judgement = judgementOf('fail', subject.current.epoch - 1);
    const command = { type: 'verdict', actor: automatic, reason: 'late', judgement } as const;
    expect(subject.send(command)).toEqual(['judged', 'rollback-started']);
  });

  test('pass on an epoch that is over counts for nothing', () => {
    const subject = subjectIn('running');
    const old = judgementOf('pass', subject.current.epoch);
    subject.bakeStage();
    expect(subject.send({ type: 'verdict', actor: automatic, reason: 'late', judgement: old })).toEqual([]);
    expect(subject.current.judged).toBeNull();
  });

  test('a catastrophic fail moves open sessions at once, whatever the plan says', () => {
    const subject = subjectIn('running', planOf({ drain: 'finish' }));
    subject.judge('fail', { catastrophic: true });
    expect(subject.current.rollback?.policy).toBe('cut');
  });

  test.each(['no-data', 'source-error', 'invalid', 'inconclusive'] as const)(
    '%s never promotes, bake or not',
    (kind) => {
      const subject = subjectIn('running');
      subject.judge('pass');
      subject.tick(hourMs);
      subject.judge(kind);
      subject.tick(hourMs);
      expect(subject.judge(kind)).toEqual([]);
      expect(subject.current.stageIndex).toBe(0);
      expect(subject.current.phase).toBe('running');
    },
  );

  test.each(Object.entries(verdictRules))(
    '%s lets the bake clock run or stops it, as the table says',
    (name, rule) => {
      if (rule.exposure === 'rollback') return;
      const subject = subjectIn('running');
      subject.judge(name as 'pass');
      const before = subject.current.bake?.healthyMs ?? 0;
      subject.tick(60_000);
      expect((subject.current.bake?.healthyMs ?? 0) - before).toBe(rule.bake === 'runs' ? 60_000 : 0);
      expect(subject.current.bake?.stopped === null).toBe(rule.bake === 'runs');
    },
  );

  test('a comparison broken by its assignments holds; one broken by its ends rolls back', () => {
    const held = subjectIn('running');
    expect(held.judge('invalid', { broken: 'assignments' })).toEqual(['judged']);
    expect(held.current.phase).toBe('running');
    const dying = subjectIn('running');
    expect(dying.judge('invalid', { broken: 'ends' })).toEqual(['judged', 'rollback-started']);
  });

  test('inconclusive pauses by itself after the longest bake of the stage, not before', () => {
    const stages = [{ name: 'all', share: 100, bake: '1h', longestBake: '2h', minSessionsPerHour: 0 }];
    const subject = subjectIn('running', planOf({ stages }));
    subject.nowMs += 2 * hourMs - 1;
    expect(subject.judge('inconclusive')).toEqual([]);
    subject.nowMs += 1;
    expect(subject.judge('inconclusive')).toEqual(['paused']);
    expect(subject.events.at(-1)?.reason).toMatch(/^inconclusive for 2h, limit 2h: /);
  });

  test('no data and source errors are one silence, and pause after its limit', () => {
    const subject = subjectIn('running', planOf({ noDataLimit: '2h' }));
    subject.judge('no-data');
    subject.nowMs += hourMs;
    subject.judge('source-error');
    subject.nowMs += hourMs;
    expect(subject.judge('source-error')).toEqual(['paused']);
  });

  test('after a resume the limits begin anew', () => {
    const subject = subjectIn('running', planOf({ noDataLimit: '2h' }));
    subject.judge('no-data');
    subject.nowMs += 2 * hourMs;
    subject.judge('no-data');
    subject.send(commandOf('resume', subject));
    subject.nowMs += hourMs;
    expect(subject.judge('no-data')).toEqual([]);
    subject.nowMs += hourMs;
    expect(subject.judge('no-data')).toEqual(['paused']);
  });

  test('the same word again is not recorded again, and one more proven gate is', () => {
    const subject = subjectIn('running');
    const some = { evidence: [evidenceOf('orphan-rate', 'within-limits')] };
    expect(subject.judge('inconclusive', some)).toEqual(['judged']);
    expect(subject.judge('inconclusive', some)).toEqual([]);
    expect(subject.judge('inconclusive', { evidence: [evidenceOf('orphan-rate', 'certified')] })).toEqual([
      'judged',
    ]);
  });
});

describe('the bake clock', () => {
  test('counts nothing before the epoch was judged', () => {
    const subject = subjectIn('running');
    subject.bakeStage();
    subject.tick(hourMs);
    expect(subject.current.bake).toMatchObject({ healthyMs: 0, stopped: { reason: 'not-judged' } });
  });

  test('a tick that is sent again after a crash counts once', () => {
    const subject = subjectIn('running');
    subject.judge('pass');
    subject.tick(60_000);
    const again = {
      type: 'tick',
      actor: automatic,
      reason: 'again',
      healthyMs: 60_000,
      sessionsPerHour: 9,
    } as const;
    expect(subject.send(again)).toEqual([]);
    expect(subject.current.bake?.healthyMs).toBe(60_000);
  });

  test('a wall clock that steps back adds nothing, and nonsense adds nothing', () => {
    const subject = subjectIn('running');
    subject.judge('pass');
    for (const healthyMs of [Number.NaN, Infinity, -5, 60_000]) {
      subject.nowMs -= hourMs;
      subject.send({ type: 'tick', actor: automatic, reason: 'odd', healthyMs, sessionsPerHour: 9 });
    }
    expect(subject.current.bake?.healthyMs).toBe(0);
  });

  test('stops below the sessions an hour that the stage asks for, and when they are not known', () => {
    const subject = subjectIn('running');
    subject.judge('pass');
    for (const sessionsPerHour of [0, null]) {
      subject.tick(60_000, sessionsPerHour);
      expect(subject.current.bake?.stopped?.reason).toBe('too-few-sessions');
    }
    expect(subject.current.bake?.healthyMs).toBe(0);
    subject.tick(60_000, 1);
    expect(subject.current.bake).toMatchObject({ healthyMs: 60_000, stopped: null });
  });

  test('stands still in a gap, a freeze, a pause and while disabled, each with its reason', () => {
    const freeze = [{ name: 'morning', zone: 'UTC', days: ['mon'], from: '10:00', until: '11:00' }];
    const subject = subjectIn('running', planOf({ freeze }));
    subject.judge('pass');
    const reason = () => subject.current.bake?.stopped?.reason;
    const stop = { reason: 'gap', sentence: 'The controller was away for 5m.' } as const;
    subject.nowMs += 60_000;
    subject.send({
      type: 'tick',
      actor: automatic,
      reason: 'x',
      healthyMs: 60_000,
      sessionsPerHour: 9,
      stop,
    });
    expect(reason()).toBe('gap');
    subject.tick(hourMs);
    expect(reason()).toBe('freeze');
    subject.send(commandOf('pause', subject));
    expect(reason()).toBe('paused');
    subject.send(commandOf('resume', subject));
    subject.send(commandOf('disable', subject));
    expect(reason()).toBe('disabled');
    expect(subject.current.bake?.healthyMs).toBe(0);
  });
});

describe('the advance rule', () => {
  test('a freeze window holds a stage that is baked and passed', () => {
    const freeze = [{ name: 'morning', zone: 'UTC', days: ['mon'], from: '10:00', until: '11:00' }];
    const subject = subjectIn('running', planOf({ freeze }));
    subject.judge('pass');
    subject.nowMs += hourMs - 1;
    subject.send({ type: 'tick', actor: automatic, reason: 'x', healthyMs: hourMs, sessionsPerHour: 9 });
    subject.send(commandOf('revise', subject));
    subject.nowMs += 1;
    expect(subject.judge('pass')).toEqual([]);
    expect(() => subject.send(commandOf('advance', subject))).toThrow(/freeze window morning/);
  });

  test('a stage with approval waits for it, asks once, and begins at the next pass', () => {
    const stages = [
      { name: 'half', share: 50, bake: '1h', minSessionsPerHour: 0 },
      { name: 'all', share: 100, bake: '1h', minSessionsPerHour: 0, approval: true },
    ];
    const subject = subjectIn('running', planOf({ stages }));
    expect(subject.bakeStage()).toEqual(['approval-wanted']);
    expect(subject.judge('pass')).toEqual([]);
    expect(subject.why).toMatch(/approval/);
    const wrong = { type: 'approve', actor: person, reason: 'fine', stage: 'half' } as const;
    expect(() => subject.send(wrong)).toThrow(/next stage, all/);
    expect(subject.send({ ...wrong, stage: 'all' })).toEqual(['approved']);
    expect(subject.judge('pass')).toEqual(['stage-entered']);
  });

  test('a gate that must be live by a stage holds it until the judge proves it there', () => {
    const gates = [{ metric: 'orphan-rate', liveAtStage: 'internal' }];
    const subject = subjectIn('running', planOf({ gates }));
    expect(subject.bakeStage()).toEqual([]);
    expect(subject.why).toMatch(/orphan-rate is not proven certified/);
    const proven = { evidence: [evidenceOf('orphan-rate', 'certified')] };
    expect(subject.judge('pass', proven)).toEqual(['judged', 'stage-entered']);
  });

  test('the last stage completes when every gate is proven or waived, and not before', () => {
    const stages = [{ name: 'all', share: 100, bake: '1h', minSessionsPerHour: 0 }];
    const gates = [{ metric: 'orphan-rate' }, { metric: 'durability-loss' }];
    const subject = subjectIn('awaiting-acceptance', planOf({ stages, gates }));
    subject.send({ type: 'waive', actor: person, reason: 'no disk to pull', gates: ['durability-loss'] });
    expect(subject.bakeStage()).toEqual([]);
    expect(subject.why).toMatch(/orphan-rate is neither proven nor waived/);
    expect(subject.judge('pass', { evidence: [evidenceOf('orphan-rate', 'certified')] })).toEqual([
      'judged',
      'completed',
    ]);
  });

  test('a goal that must improve holds completion', () => {
    const stages = [{ name: 'half', share: 50, bake: '1h', minSessionsPerHour: 0 }];
    const subject = subjectIn(
      'running',
      planOf({ stages, goals: [{ metric: 'first-partial-latency', mustImprove: true }] }),
    );
    expect(subject.bakeStage()).toEqual([]);
    expect(subject.why).toMatch(/first-partial-latency must improve/);
    expect(subject.judge('pass', { metGoals: ['first-partial-latency'] })).toContain('completed');
  });

  test('by hand needs a pass in this epoch, or a person who says to go without', () => {
    const subject = subjectIn('running');
    const advance = { type: 'advance', actor: person, reason: 'quiet week' } as const;
    expect(() => subject.send(advance)).toThrow(/Expected a pass/);
    expect(subject.send({ ...advance, withoutPass: true })).toEqual(['stage-entered']);
    expect(subject.events.at(-1)).toMatchObject({ byHand: true, withoutPass: true, actor: person });
    subject.judge('pass');
    expect(subject.send(advance)).toEqual(['stage-entered']);
    expect(subject.events.at(-1)).toMatchObject({ byHand: true, withoutPass: false });
  });

  test('by hand never passes over a broken comparison, nor a disabled rollout', () => {
    const subject = subjectIn('running');
    const advance = { type: 'advance', actor: person, reason: 'now', withoutPass: true } as const;
    subject.judge('invalid');
    expect(() => subject.send(advance)).toThrow(/invalid/);
    const off = subjectIn('running');
    off.send(commandOf('disable', off));
    expect(() => off.send(advance)).toThrow(/Enable it first/);
  });

  test('paused records what the judge says and moves nothing', () => {
    const subject = subjectIn('paused');
    expect(subject.judge('pass')).toEqual(['judged']);
    expect(subject.current.phase).toBe('paused');
    expect(subject.judge('fail')).toEqual(['judged', 'rollback-started']);
  });
});

describe('users who did not get all', () => {
  const alarm = (harmed: number) => ({ alarm: { harmed, sentence: `${harmed} sessions did not get all.` } });

  test('pause a rollout that runs, and page again only when they doubled or a quarter of an hour passed', () => {
    const subject = subjectIn('running');
    const said: number[] = [];
    for (let second = 1; second <= 1_000; second++) {
      subject.nowMs += 1_000;
      const types = subject.judge('inconclusive', alarm(second));
      if (types.includes('alarmed')) said.push(second);
    }

    expect(subject.current.phase).toBe('paused');
    expect(said).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    subject.nowMs += 900_000;
    expect(subject.judge('inconclusive', alarm(1_001))).toContain('alarmed');
  });
});
