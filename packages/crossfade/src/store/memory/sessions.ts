import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SessionRecord, StoredTranscript } from '../../transcript/session-record.ts';
import { readLimit } from '../chain.ts';
import type { SessionStore } from '../store.ts';

/** A session store for tests and trials: keeps every promise of the port but to survive the process. */
export function createMemorySessionStore(): SessionStore {
  return new MemorySessionStore();
}

class MemorySessionStore implements SessionStore {
  /** As text, so that nobody who keeps the object can change what is stored. */
  readonly #records: {
    readonly sessionId: string;
    readonly rollout: string | undefined;
    readonly json: string;
  }[] = [];
  readonly #bySession = new Map<string, number>();
  readonly #transcripts = new Map<string, string>();
  readonly #cursors = new Map<string, number>();
  #closed = false;

  async saveSession(record: SessionRecord, transcript: StoredTranscript | null) {
    this.#checkOpen();
    const { sessionId, assignment } = record;
    if (this.#bySession.has(sessionId)) return false;
    const json = JSON.stringify(record);
    this.#bySession.set(sessionId, this.#records.length);
    this.#records.push({ sessionId, rollout: assignment.rollout?.name, json });
    if (transcript !== null) this.#transcripts.set(sessionId, JSON.stringify(transcript));
    return true;
  }

  async record(sessionId: string) {
    this.#checkOpen();
    const index = this.#bySession.get(sessionId);
    const stored = index === undefined ? undefined : this.#records[index];
    return stored === undefined ? undefined : (JSON.parse(stored.json) as SessionRecord);
  }

  async transcript(sessionId: string) {
    this.#checkOpen();
    const json = this.#transcripts.get(sessionId);
    return json === undefined ? undefined : (JSON.parse(json) as StoredTranscript);
  }

  async records(options: Parameters<SessionStore['records']>[0] = {}) {
    this.#checkOpen();
    const { after = 0, rollout } = options;
    return this.#records
      .map((stored, index) => ({ ...stored, sequence: index + 1 }))
      .filter((stored) => stored.sequence > after && (rollout === undefined || stored.rollout === rollout))
      .slice(0, readLimit(options.limit))
      .map(({ sequence, json }) => ({ sequence, record: JSON.parse(json) as SessionRecord }));
  }

  async cursor(name: string) {
    this.#checkOpen();
    return this.#cursors.get(name) ?? 0;
  }

  async saveCursor(name: string, sequence: number) {
    this.#checkOpen();
    this.#cursors.set(name, sequence);
  }

  async close() {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new CrossfadeError('STORE_UNAVAILABLE', 'Expected an open store, got a closed one.');
  }
}
