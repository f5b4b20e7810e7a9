import { CrossfadeError } from '@crossfade/sdk/core/errors';

/** No session of this journal has the id. */
export function unknown(sessionId: string): CrossfadeError {
  return new CrossfadeError(
    'SESSION_UNKNOWN',
    `Expected a session of this journal, got ${sessionId}. Open it first.`,
  );
}

/** What was asked for cannot be, now or later: the caller has to do something else. */
export function refused(message: string): CrossfadeError {
  return new CrossfadeError('JOURNAL_REFUSED', message);
}
