import type { EvaluationResult, RolloutStamp } from '@crossfade/sdk/flags/ruleset';
import { describe, expect, test } from 'vitest';
import { assign, nextAttempt } from './route.ts';

const rollout: RolloutStamp = {
  name: 'next-model',
  epoch: 3,
  controlVariant: 'control',
  candidateVariant: 'candidate',
  candidateBuild: 'sha256:1',
};

function assigned(decision: Partial<EvaluationResult>): ReturnType<typeof assign> {
  return assign({
    flag: 'pipeline',
    decision: { value: 'next', variant: 'candidate', reason: 'SPLIT', revision: 7, ...decision },
    knownUpstreams: new Set(['legacy', 'next']),
    controlUpstream: 'legacy',
    userHash: '',
  });
}

describe('assignment', () => {
  test('carries the rollout, its epoch and the build, so that the session can be judged', () => {
    expect(assigned({ rollout })).toMatchObject({
      upstream: 'next',
      arm: 'candidate',
      rulesetRevision: 7,
      rollout: { name: 'next-model', epoch: 3, candidateBuild: 'sha256:1' },
    });
  });

  test.each([
    ['no flag', { value: undefined, variant: undefined, reason: 'ERROR' as const }],
    ['a value that is no name', { value: { upstream: 'next' }, rollout }],
    ['an upstream nobody configured', { value: 'gone', rollout }],
  ])('%s is control', (_, decision) => {
    expect(assigned(decision)).toMatchObject({ upstream: 'legacy', arm: 'control' });
  });
});

describe('after a fault', () => {
  const fault = {
    current: 'next',
    control: 'legacy',
    end: 'died',
    faultsInRow: 1,
    faults: 1,
    retriesMax: 2,
  } as const;

  test('the arm is asked again until its retries are out, the first time at once', () => {
    expect(nextAttempt(fault)).toEqual({ upstream: 'next', delayMs: 0, acceptHoles: false });
    expect(nextAttempt({ ...fault, faultsInRow: 2 }).delayMs).toBeGreaterThan(0);
    expect(nextAttempt({ ...fault, faultsInRow: 3 })).toEqual({
      upstream: 'legacy',
      delayMs: 0,
      acceptHoles: false,
    });
  });

  test('an arm that dies again and again, with a final in between, is given up too', () => {
    expect(nextAttempt({ ...fault, faults: 6 }).upstream).toBe('next');
    expect(nextAttempt({ ...fault, faults: 7 }).upstream).toBe('legacy');
  });

  test('a candidate that skipped audio is not asked again', () => {
    expect(nextAttempt({ ...fault, end: 'broke-protocol' }).upstream).toBe('legacy');
  });

  test('control is asked for ever, ever more gently, and believed when it keeps skipping', () => {
    const control = { ...fault, current: 'legacy' };
    const delays = [1, 2, 3, 4, 50].map((faultsInRow) => nextAttempt({ ...control, faultsInRow }).delayMs);
    expect(delays).toEqual([...delays].sort((a, b) => a - b));
    expect(nextAttempt({ ...control, faultsInRow: 50 }).upstream).toBe('legacy');
    expect(nextAttempt({ ...control, end: 'broke-protocol', faultsInRow: 1 }).acceptHoles).toBe(false);
    expect(nextAttempt({ ...control, end: 'broke-protocol', faultsInRow: 3 }).acceptHoles).toBe(true);
  });
});
