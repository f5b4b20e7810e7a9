import type { WebSocket } from 'ws';
import { finalsAgain } from '../transcript/finals-again.ts';
import type { SessionRecord, StoredTranscript } from '../transcript/session-record.ts';
import type { ResumePoint } from './session-client.ts';
import { closeCodes } from '../wire/deepgram.ts';
import { metadataOf, resultsOf } from '../wire/deepgram-build.ts';

/** Answers a client that comes back after its session was finished without it: all finals it has not seen, then the end. */
export function sendStored(
  socket: WebSocket,
  record: SessionRecord,
  transcript: StoredTranscript,
  had: ResumePoint,
): void {
  const { sessionId, sampleRate, model } = record;
  const identity = { requestId: sessionId, model, version: '1', sampleRate };
  const say = (message: object): void => socket.send(JSON.stringify(message));
  say({ type: 'Resume', session: sessionId, next_sample: record.user.samplesOffered, ended: true });
  // Everything that was offered is settled by now, and no segment comes any more.
  const to = { endSample: record.user.samplesOffered, nextFinal: Number.MAX_SAFE_INTEGER };
  for (const final of finalsAgain(transcript.entries, to, had))
    say(
      resultsOf(identity, { ...final, isFinal: true, speechFinal: true, fromFinalize: false, revision: 0 }),
    );
  say(metadataOf(identity, record.user.samplesOffered, record.endedAtMs));
  socket.close(closeCodes.normal.code);
}
