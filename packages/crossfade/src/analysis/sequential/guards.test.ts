import { describe, expect, test } from 'vitest';
import {
  afterSession,
  aliveControlRun,
  deadCandidate,
  deadRunLength,
  type EndedSession,
  type GuardState,
  guardsAtRest,
  silentCandidate,
} from './guards.ts';

function after(sessions: readonly EndedSession[], from: GuardState = guardsAtRest): GuardState {
  return sessions.reduce(afterSession, from);
}

/** Sessions of one arm, a second apart. */
function run(arm: 'control' | 'candidate', n: number, dead: boolean, fromS: number): readonly EndedSession[] {
  return Array.from({ length: n }, (_, i) => ({ arm, dead, endedAtMs: (fromS + i) * 1_000 }));
}

describe('a dead candidate', () => {
  const alive = run('control', aliveControlRun, false, 0);
  const dead = run('candidate', deadRunLength, true, 10);

  test('is seen after four dead sessions in a row beside a control that lives', () => {
    expect(deadCandidate(after([...alive, ...dead]))).toEqual({
      guard: 'dead-candidate',
      sentence: 'The last 4 candidate sessions were dead, acted at 4; the last 20 of control lived.',
    });
  });

  test.each([
    ['three are not enough', [...alive, ...dead.slice(1)]],
    [
      'one that lived between them begins anew',
      [...alive, ...dead.slice(1), ...run('candidate', 1, false, 20), dead[0]!],
    ],
    ['control died too', [...alive, ...run('control', 1, true, 25), ...dead]],
    ['control was hardly seen', [...alive.slice(1), ...dead]],
    ['control was last seen before', [...alive, ...run('candidate', deadRunLength, true, 60)]],
    ['nothing was seen', []],
  ])('is not seen when %s', (_why, sessions) => {
    expect(deadCandidate(after(sessions))).toBeNull();
  });
});

describe('a silent candidate', () => {
  const options = { nowMs: 200_000, share: 0.5, expectedGapMs: 6_000 };
  const spoken = run('candidate', 3, false, 0);

  test('is seen when control reported so often meanwhile that it cannot be chance', () => {
    const state = after([...spoken, ...run('control', 27, false, 100)]);

    expect(silentCandidate(state, options)?.sentence).toBe(
      'No candidate session ended for 198 s while 27 of control did, acted at 27.',
    );
  });

  test('a smaller share needs more of control: silence is likelier there', () => {
    const state = after([...spoken, ...run('control', 500, false, 100)]);

    expect(silentCandidate(state, { ...options, nowMs: 1e9, share: 0.01 })).toBeNull();
    expect(silentCandidate(state, { ...options, nowMs: 1e9, share: 0.05 })?.guard).toBe('silent-candidate');
  });

  test.each([
    ['control is silent too', after(spoken)],
    ['control has hardly spoken', after([...spoken, ...run('control', 26, false, 100)])],
    ['it spoke a moment ago', after([...run('control', 90, false, 0), ...run('candidate', 1, false, 199)])],
    ['nobody ever spoke', guardsAtRest],
  ])('is not seen when %s', (_why, state) => {
    expect(silentCandidate(state, options)).toBeNull();
  });

  test('a candidate that never spoke is silent from control’s first session on', () => {
    expect(silentCandidate(after(run('control', 60, false, 0)), options)?.guard).toBe('silent-candidate');
  });
});
