import { describe, expect, test } from 'vitest';
import type { SessionSignal } from '../transcript/session-record.ts';
import { EarlySignals, earlyWindowMs, type SignalledSession } from './early-signals.ts';

function sessionAt(startedAtMs: number, failed = false, hasRollout = true): SignalledSession {
  return {
    sessionId: `session-${startedAtMs}`,
    assignment: {
      flag: 'transcription',
      variant: 'streaming',
      reason: 'SPLIT',
      rule: 'stage:half',
      rulesetRevision: 1,
      upstream: 'streaming',
      arm: 'candidate',
      ...(hasRollout ? { rollout: { name: 'streaming-2', epoch: 3, candidateBuild: 'build-2' } } : {}),
      userHash: 'aa',
    },
    startedAtMs,
    endSample: 16_000,
    ledgers: { armFailedSoFar: () => failed },
  };
}

function signals(): { readonly said: SessionSignal[]; readonly early: EarlySignals } {
  const said: SessionSignal[] = [];
  return { said, early: new EarlySignals((signal) => said.push(signal)) };
}

const kinds = (said: readonly SessionSignal[]): readonly string[] => said.map(({ kind }) => kind);

describe('signals of a running session', () => {
  test('say that it began, at once, with all that the judge asks of an assignment', () => {
    const { said, early } = signals();
    early.began(sessionAt(1_000));

    expect(said).toEqual([
      {
        kind: 'started',
        sessionId: 'session-1000',
        arm: 'candidate',
        rollout: { name: 'streaming-2', epoch: 3 },
        userHash: 'aa',
        reason: 'SPLIT',
        rule: 'stage:half',
        startedAtMs: 1_000,
      },
    ]);
  });

  test('say how its first two minutes went when they are over, once', () => {
    const { said, early } = signals();
    early.began(sessionAt(0, true));
    early.began(sessionAt(1_000));
    early.tick(earlyWindowMs - 1);
    expect(kinds(said)).toEqual(['started', 'started']);

    early.tick(earlyWindowMs);
    early.tick(earlyWindowMs + 500);
    expect(said.at(-1)).toMatchObject({ kind: 'early', sessionId: 'session-0', failed: true });
    early.tick(2 * earlyWindowMs);
    expect(said.at(-1)).toMatchObject({ kind: 'early', sessionId: 'session-1000', failed: false });
    expect(said).toHaveLength(4);
  });

  test('leave a shorter session to its record, and a session of no rollout to itself', () => {
    const { said, early } = signals();
    early.began(sessionAt(0));
    early.ended('session-0');
    early.began(sessionAt(1, false, false));
    early.tick(2 * earlyWindowMs);

    expect(kinds(said)).toEqual(['started']);
  });

  test('begin again for a session that a killed gateway left, and its time goes on', () => {
    const { said, early } = signals();
    early.began(sessionAt(0));
    early.tick(earlyWindowMs + 60_000);

    expect(kinds(said)).toEqual(['started', 'early']);
  });
});
