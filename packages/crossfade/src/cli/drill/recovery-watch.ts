/** How long a fault was felt: until every session that was open for it is whole again. */
import type { Clock } from '@crossfade/sdk/core/clock';
import { wordIndex } from '../../signal/word-text.ts';
import { askSession } from './gateway-session.ts';
import type { SpokenSession } from './spoken-session.ts';

/** DOMAIN.md §4, metric 5. */
export const recoveredWithinMs = 30_000;
/** Waited for longer than that, so that a late recovery is measured and not guessed. */
const watchLimitMs = 60_000;
const pollMs = 100;

export interface Recovery {
  /** Null: not within the limit. */
  readonly ms: number | null;
  /** The session that took longest; null without any. */
  readonly slowest: SpokenSession | null;
}

/**
 * Waits until everything that was sent before now is in the transcripts: of a session that was cut off,
 * everything that the gateway received.
 */
export async function untilRecovered(
  sessions: readonly SpokenSession[],
  gatewayUrl: string,
  clock: Clock,
): Promise<Recovery> {
  const startedAtMs = clock.monotonicMs();
  let left = sessions.map((session) => ({ session, sample: session.spokenSamples }));
  let slowest: SpokenSession | null = null;
  for (;;) {
    const isWhole = await Promise.all(
      left.map(({ session, sample }) => isSettled(session, sample, gatewayUrl)),
    );
    left = left.filter((_, index) => isWhole[index] !== true);
    slowest = left[0]?.session ?? slowest;
    const elapsedMs = clock.monotonicMs() - startedAtMs;
    if (left.length === 0) return { ms: elapsedMs, slowest };
    if (elapsedMs > watchLimitMs) return { ms: null, slowest };
    await new Promise<void>((resolve) => clock.after(pollMs, resolve));
  }
}

async function isSettled(session: SpokenSession, sample: number, gatewayUrl: string): Promise<boolean> {
  const { sessionId, isBroken, failure, isComplete } = session;
  if (sessionId === null) return isBroken || failure !== null;
  // Its client has everything, or is told that it has not; the audit looks at it.
  if (isComplete || failure !== null) return true;
  const answer = await askSession(gatewayUrl, sessionId);
  if (answer === 'unknown') return isBroken;
  if (answer === 'away') return false;
  if (answer.record !== undefined) return true;
  const received = Math.min(sample, isBroken ? answer.samplesReceived : sample);
  const lastSaid = session.planned.script.words.findLast(({ end }) => end <= received);
  if (lastSaid === undefined) return true;
  return answer.entries.some(({ words }) => words.some(({ text }) => wordIndex(text) === lastSaid.index));
}
