import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';
import type { SessionContext } from './session-context.ts';

/** A store that is busy or full is asked again for about half a minute before its client is told. */
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
      await wait(context.clock, backoffMs(attempt));
    }
  }
}

/** A full disk is looked at this often: a session must be retrievable soon after there is room. */
const keepAgainMs = 1_000;

export interface KeptSession {
  /** As it stands now; `durableSample` is the journal's. */
  record(durableSample: number): SessionRecord;
  transcript(): StoredTranscript;
  /** Nobody keeps it any more: the gateway stops, and the next one finds it in the journal. */
  isAbandoned(): boolean;
  /** Disk or store refused, and will be asked again. */
  onRefused(error: unknown): void;
}

/**
 * Brings a session that is over to where it can be read: its audio durable, its record stored, then closed in the
 * journal. A disk or store that refuses is asked again as long as the gateway lives. Null: it was abandoned.
 */
export async function keepSession(
  context: Pick<SessionContext, 'journal' | 'sessions' | 'clock' | 'log'>,
  sessionId: string,
  session: KeptSession,
): Promise<SessionRecord | null> {
  const { journal, clock } = context;
  while (!session.isAbandoned()) {
    try {
      await journal.commit();
      const record = session.record(journal.durableSample(sessionId));
      await storeSession(context, record, session.transcript());
      journal.closeSession(sessionId);
      return record;
    } catch (error) {
      session.onRefused(error);
      await wait(clock, keepAgainMs);
    }
  }
  return null;
}

function wait(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}
