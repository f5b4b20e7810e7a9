import { readFileSync } from 'node:fs';
import { hasCode } from '@crossfade/sdk/core/errors';
import { describe, expect, test } from 'vitest';
import type { CommandType } from './commands.ts';
import { decide } from './decide.ts';
import {
  automatic,
  commandOf,
  commandTypes,
  planOf,
  planWithApproval,
  Subject,
  subjectIn,
} from './rollout.fixture.ts';
import { phases, type Phase } from './state.ts';

type Outcome = readonly string[] | 'refused' | 'unknown';

/** What an ordinary command does in each phase: the events it makes, none, or a refusal. Shared with other languages. */
const transitions = JSON.parse(
  readFileSync(new URL('../../../../conformance/rollout/transitions.json', import.meta.url), 'utf8'),
) as Readonly<Record<CommandType, Readonly<Record<Phase | 'none', Outcome>>>>;

function outcomeOf(subject: Subject, type: CommandType): Outcome {
  try {
    return subject.send(commandOf(type, subject));
  } catch (error) {
    if (hasCode(error, 'COMMAND_REFUSED')) return 'refused';
    if (hasCode(error, 'ROLLOUT_UNKNOWN')) return 'unknown';
    throw error;
  }
}

describe('every phase and every command', () => {
  const cases = commandTypes.flatMap((type) =>
    (['none', ...phases] as const).map((phase) => [phase, type] as const),
  );

  test.each(cases)('in %s, %s does what the table of transitions says', (phase, type) => {
    const subject = phase === 'none' ? new Subject() : subjectIn(phase, planWithApproval());
    expect(outcomeOf(subject, type)).toEqual(transitions[type]?.[phase]);
  });

  test('the table names no command and no phase that there is not', () => {
    expect(Object.keys(transitions).toSorted()).toEqual(commandTypes.toSorted());
    for (const row of Object.values(transitions)) {
      expect(Object.keys(row).toSorted()).toEqual(['none', ...phases].toSorted());
    }
  });

  test.each(cases)('in %s, %s answers a sentence, whether it is taken or refused', (phase, type) => {
    const subject = phase === 'none' ? new Subject() : subjectIn(phase);
    let sentence: string;
    try {
      sentence = decide(subject.state, commandOf(type, subject), subject.nowMs).why;
    } catch (error) {
      sentence = (error as Error).message;
    }
    expect(sentence).toMatch(/^\S.*\.$/);
  });
});

describe('who may ask', () => {
  const personOnly: ReadonlySet<CommandType> = new Set([
    'waive',
    'advance',
    'approve',
    'resume',
    'disable',
    'enable',
  ]);

  test.each(commandTypes)('the automatic actor may %s only where no person is asked for', (type) => {
    const takes = (least: number) =>
      phases.find((phase) => {
        const outcome = transitions[type][phase];
        return Array.isArray(outcome) && outcome.length >= least;
      });
    const subject = subjectIn(takes(1) ?? takes(0) ?? 'running', planWithApproval());
    const send = () => subject.send(commandOf(type, subject, automatic));
    if (personOnly.has(type)) expect(send).toThrow(/person/);
    else expect(send).not.toThrow();
  });

  test('a decision by a person needs a reason', () => {
    const subject = subjectIn('running');
    const command = { ...commandOf('disable', subject), reason: '  ' };
    expect(() => subject.send(command)).toThrow(/reason/);
  });
});

describe('rollback', () => {
  const before = phases.filter((phase) => phase !== 'rolling-back' && phase !== 'rolled-back');

  test.each(before)('from %s a rollback is accepted, from anybody, with or without a reason', (phase) => {
    for (const actor of [automatic, commandOf('rollback', new Subject()).actor]) {
      const subject = subjectIn(phase);
      expect(subject.send({ type: 'rollback', actor, reason: '' })).toEqual(['rollback-started']);
      expect(subject.current.phase).toBe('rolling-back');
    }
  });

  test.each(phases)('from %s a second rollback changes nothing', (phase) => {
    const subject = subjectIn(phase);
    subject.send(commandOf('rollback', subject));
    expect(subject.send(commandOf('rollback', subject))).toEqual([]);
  });

  test('a harder policy hardens a rollback that is under way, a milder one does not', () => {
    const subject = subjectIn('running');
    const roll = (policy: 'finish' | 'migrate' | 'cut') =>
      subject.send({ ...commandOf('rollback', subject), type: 'rollback', policy });
    expect(roll('finish')).toEqual(['rollback-started']);
    const first = subject.current.rollback?.drainId;
    expect(roll('cut')).toEqual(['drain-escalated']);
    expect(subject.current.rollback?.drainId).not.toBe(first);
    expect(roll('migrate')).toEqual([]);
    expect(subject.current.rollback?.policy).toBe('cut');
  });

  test('a freeze window does not delay it', () => {
    const always = {
      name: 'always',
      zone: 'UTC',
      fromLocal: '2026-01-01T00:00',
      untilLocal: '2030-01-01T00:00',
    };
    const subject = subjectIn('awaiting-acceptance', { ...planOf(), freeze: [always] });
    expect(() => subject.send(commandOf('waive', subject))).toThrow(/freeze/);
    expect(subject.send(commandOf('rollback', subject))).toEqual(['rollback-started']);
  });
});

test('every event says who, why, when, and where the rollout stood before and after', () => {
  const subject = subjectIn('completed');
  subject.send(commandOf('rollback', subject));
  const [first, ...rest] = subject.events;
  expect(first?.before).toBeNull();
  let after = first?.after;
  for (const event of rest) {
    expect(event.before).toEqual(after);
    expect(['ana', 'controller']).toContain(event.actor.name);
    expect(event.reason).not.toBe('');
    expect(event.atMs).toBeGreaterThan(0);
    after = event.after;
  }
});
