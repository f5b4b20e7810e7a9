import { bytesPerSample } from '@crossfade/sdk/core/audio';
import type { JournaledSession, JournalNote } from './journal.ts';
import type { Statement } from './record.ts';

/** Half-open range of samples that no readable record covers. */
export interface Hole {
  readonly start: number;
  readonly end: number;
}

/**
 * open: takes audio. closing: its close is not durable yet. closed: over; audio stays, notes leave memory.
 * erased: nothing of it can be read.
 */
export type SessionPhase = 'open' | 'closing' | 'closed' | 'erased';

/** Numbers a span takes in `SessionState.spans`: file sequence, start, end, offset and bytes of its directory record. */
export const spanStride = 5;

/** What the journal holds in memory of one session: some 300 bytes, its notes while it is open, 40 bytes a span. */
export class SessionState {
  readonly handle: number;
  readonly statement: Statement;
  readonly bytesPerSample: number;
  phase: SessionPhase = 'open';
  /** Samples [0, endSample) were appended; [0, durableSample) are durable. */
  endSample = 0;
  durableSample = 0;
  notes: JournalNote[] = [];
  nextNote = 0;
  overAtMs = 0;
  holes: readonly Hole[] = [];
  /** Where its audio lies in full files, flat: a session of hours spans hundreds of them. */
  readonly spans: number[] = [];
  /** File that holds its latest close, erasing or erased record. */
  overInFile = 0;
  /** An erased session's records are all blank. */
  blanked = false;

  constructor(handle: number, statement: Statement) {
    this.handle = handle;
    this.statement = statement;
    this.bytesPerSample = bytesPerSample[statement.encoding];
  }

  get id(): string {
    return this.statement.sessionId;
  }

  snapshot(): JournaledSession {
    const { sessionId, encoding, sampleRate, openedAtMs } = this.statement;
    return {
      sessionId,
      encoding,
      sampleRate,
      openedAtMs,
      endSample: this.endSample,
      holes: this.holes,
      notes: [...this.notes],
      closed: this.phase === 'closed' || this.phase === 'erased',
    };
  }
}
