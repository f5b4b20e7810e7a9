/** Takes up what a killed gateway left in the journal. */
import { messageOf } from '@crossfade/sdk/core/errors';
import type { JournaledSession } from '../journal/journal.ts';
import { parseListenQuery } from '../wire/listen-query.ts';
import { LiveSession } from './live-session.ts';
import type { SessionContext } from './session-context.ts';
import { decodeNotes } from './session-notes.ts';

/**
 * The session as it stood, or null when there is nothing to go on with: its record was stored before the gateway died,
 * or its first note never reached the disk (then no audio did either).
 */
export async function restoreSession(
  context: SessionContext,
  journaled: JournaledSession,
): Promise<LiveSession | null> {
  const { journal, sessions, log } = context;
  if ((await sessions.record(journaled.sessionId)) !== undefined) {
    journal.closeSession(journaled.sessionId);
    return null;
  }
  try {
    const notes = decodeNotes(journaled.notes);
    const start = notes.find((note) => note.kind === 'start');
    if (start === undefined) {
      log.warn(
        { session: journaled.sessionId, samples: journaled.endSample },
        'journaled session has no start; nothing to transcribe',
      );
      journal.closeSession(journaled.sessionId);
      return null;
    }
    const query = parseListenQuery(new URLSearchParams(start.query));
    const { assignment, controlUpstream, startedAtMs } = start;
    const session = new LiveSession(context, {
      sessionId: journaled.sessionId,
      query,
      assignment,
      controlUpstream,
      startedAtMs,
    });
    session.restore(journaled, notes);
    return session;
  } catch (error) {
    // It stays in the journal, unfinished, for a person to look at.
    log.error(
      { session: journaled.sessionId, error: messageOf(error) },
      'journaled session could not be taken up',
    );
    return null;
  }
}
