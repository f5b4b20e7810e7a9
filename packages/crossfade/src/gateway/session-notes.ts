/**
 * What the journal keeps of a session beside its audio, so that a gateway that was killed goes on where it stood:
 * who it is, what was settled, what went wrong, and whether the client had said stop.
 */
import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { Assignment, AttemptEnd, DrainOutcome, EntryWord } from '../transcript/session-record.ts';
import type { JournalNote } from '../journal/journal.ts';

export type SessionNote =
  | {
      readonly kind: 'start';
      readonly assignment: Assignment;
      /** The client's query as it came. */
      readonly query: string;
      readonly startedAtMs: number;
      readonly controlUpstream: string;
    }
  | {
      readonly kind: 'final';
      readonly segmentId: string;
      readonly start: number;
      readonly end: number;
      readonly text: string;
      readonly words: readonly EntryWord[];
      readonly upstream: string;
      /** Said by the assigned arm before any rescue. */
      readonly byArm: boolean;
      readonly hadPartial: boolean;
      /** Null after stop, and for silence. */
      readonly latencyMs: number | null;
    }
  | {
      readonly kind: 'fault';
      readonly upstream: string;
      readonly end: AttemptEnd;
      readonly reason: string;
      readonly byArm: boolean;
    }
  /** The session went to another upstream for good. */
  | { readonly kind: 'left-arm'; readonly to: string; readonly failure: string }
  /** A rollback's order, and what became of the session by it; the last one counts. Older gateways wrote none. */
  | {
      readonly kind: 'departure';
      readonly order: Drain;
      readonly outcome: DrainOutcome;
      readonly pauseMs: number | null;
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'restart' };

export function encodeNote(note: SessionNote): JournalNote {
  return { kind: note.kind, json: JSON.stringify(note) };
}

/** Notes are written by us and checked by the journal's checksum; a kind that a newer gateway wrote is skipped. */
export function decodeNotes(notes: readonly JournalNote[]): readonly SessionNote[] {
  const known = new Set<string>(['start', 'final', 'fault', 'left-arm', 'departure', 'stop', 'restart']);
  return notes.filter((note) => known.has(note.kind)).map((note) => JSON.parse(note.json) as SessionNote);
}
