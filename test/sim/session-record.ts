import { below, type Random } from '@crossfade/sdk/core/random';
import { sessionOf } from '../../packages/crossfade/src/controller/rollout.fixture.ts';
import type { SessionRecord, SessionSignal } from '../../packages/crossfade/src/transcript/session-record.ts';
import type { OpenSession } from './gateway.ts';

/** The record of a session that ends now: clean, and its finals nine seconds late if the candidate was bad by then. */
export function recordOf(
  session: OpenSession,
  badFromMs: number,
  endedAtMs: number,
  random: Random,
): SessionRecord {
  const { sessionId, arm, epoch, rollout, startedAtMs, user, rule, reason } = session;
  const isBad = arm === 'candidate' && startedAtMs >= badFromMs;
  const finalMs = isBad ? 9_000 : 300 + below(random, 300);
  const record = sessionOf({ id: sessionId, arm, epoch, rollout, endedAtMs, finalMs });
  const { rule: _, ...assignment } = record.assignment;
  const userHash = user.toString(16).padStart(16, '0');
  return {
    ...record,
    assignment: { ...assignment, reason, userHash, ...(rule === undefined ? {} : { rule }) },
  };
}

/** What a gateway says when a session begins. */
export function startOf(session: OpenSession, startedAtMs: number): SessionSignal {
  const { sessionId, arm, rollout, epoch, user, rule, reason } = session;
  const userHash = user.toString(16).padStart(16, '0');
  return {
    ...{ kind: 'started', sessionId, arm, userHash, reason, startedAtMs },
    rollout: { name: rollout, epoch },
    ...(rule === undefined ? {} : { rule }),
  };
}
