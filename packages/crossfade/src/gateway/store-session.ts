import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';
import type { SessionContext } from './session-context.ts';

/** A store that is busy or full is asked again for about half a minute; after that the journal keeps the session. */
const triesMax = 8;
const backoffMs = (attempt: number): number => Math.min(8_000, 100 * 2 ** attempt);

/** Stores record and transcript, exactly once per session. Throws STORE_UNAVAILABLE when the store does not recover. */
export async function storeSession(
  context: Pick<SessionContext, 'sessions' | 'clock' | 'log'>,
  record: SessionRecord,
  transcript: StoredTranscript,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await context.sessions.saveSession(record, transcript);
      return;
    } catch (error) {
      if (attempt + 1 >= triesMax) {
        throw new CrossfadeError(
          'STORE_UNAVAILABLE',
          `Expected the store to take a session, got: ${messageOf(error)}`,
          {
            cause: error,
          },
        );
      }
      context.log.warn(
        { session: record.sessionId, error: messageOf(error), attempt },
        'store refused a session; trying again',
      );
      await new Promise<void>((resolve) => context.clock.after(backoffMs(attempt), resolve));
    }
  }
}
