import type { SessionRecord, StoredTranscript } from '../../transcript/session-record.ts';
import { recordPageMax, type SessionStore, type StoredRecord } from '../store.ts';

/** Sessions in memory, for tests and for a manager without a data folder. Gone with the process. */
export function createMemorySessionStore(): SessionStore {
  const stored: StoredRecord[] = [];
  const byId = new Map<string, SessionRecord>();
  const transcripts = new Map<string, StoredTranscript>();
  const cursors = new Map<string, number>();
  return {
    async saveSession(record, transcript) {
      if (byId.has(record.sessionId)) return false;
      byId.set(record.sessionId, structuredClone(record));
      if (transcript !== null) transcripts.set(record.sessionId, structuredClone(transcript));
      stored.push({ sequence: stored.length + 1, record: structuredClone(record) });
      return true;
    },
    async record(sessionId) {
      return byId.get(sessionId);
    },
    async transcript(sessionId) {
      return transcripts.get(sessionId);
    },
    async records({ after = 0, rollout, limit = recordPageMax } = {}) {
      const wanted = stored.filter(
        ({ sequence, record }) =>
          sequence > after && (rollout === undefined || record.assignment.rollout?.name === rollout),
      );
      return wanted.slice(0, limit);
    },
    async cursor(name) {
      return cursors.get(name) ?? 0;
    },
    async saveCursor(name, sequence) {
      cursors.set(name, sequence);
    },
    async close() {},
  };
}
