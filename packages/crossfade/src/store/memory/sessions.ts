import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SessionRecord, SessionSignal, StoredTranscript } from '../../transcript/session-record.ts';
import { readLimit } from '../chain.ts';
import type { SessionStore } from '../store.ts';
import { MemoryUsage } from './usage.ts';

/** A session store for tests and trials: keeps every promise of the port but to survive the process. */
export function createMemorySessionStore(): SessionStore {
  return new MemorySessionStore();
}

interface KeptSignal {
  readonly key: string;
  readonly rollout: string;
  readonly json: string;
  readonly receivedAtMs: number;
}

class MemorySessionStore implements SessionStore {
  /** As text, so that nobody who keeps the object can change what is stored. */
  readonly #records: {
    readonly sessionId: string;
    readonly rollout: string | undefined;
    readonly json: string;
    readonly receivedAtMs: number | null;
  }[] = [];
  /** By place; null: dropped. */
  readonly #signals: (KeptSignal | null)[] = [];
  readonly #signalled = new Set<string>();
  readonly #snapshots = new Map<string, string>();
  readonly #bySession = new Map<string, number>();
  readonly #transcripts = new Map<string, string>();
  readonly #usage = new MemoryUsage();
  readonly #cursors = new Map<string, number>();
  #closed = false;

  async saveSession(record: SessionRecord, transcript: StoredTranscript | null, receivedAtMs?: number) {
    this.#checkOpen();
    const { sessionId, assignment } = record;
    if (this.#bySession.has(sessionId)) return false;
    const json = JSON.stringify(record);
    this.#bySession.set(sessionId, this.#records.length);
    this.#records.push({
      sessionId,
      rollout: assignment.rollout?.name,
      json,
      receivedAtMs: receivedAtMs ?? null,
    });
    if (transcript !== null) this.#transcripts.set(sessionId, JSON.stringify(transcript));
    this.#usage.add(record);
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

  async eraseTranscript(sessionId: string) {
    this.#checkOpen();
    return this.#transcripts.delete(sessionId);
  }

  async records(options: Parameters<SessionStore['records']>[0] = {}) {
    this.#checkOpen();
    const { after = 0, rollout } = options;
    return this.#records
      .slice(after)
      .map((stored, index) => ({ ...stored, sequence: after + index + 1 }))
      .filter((stored) => rollout === undefined || stored.rollout === rollout)
      .slice(0, readLimit(options.limit))
      .map(({ sequence, json, receivedAtMs }) => ({
        sequence,
        record: JSON.parse(json) as SessionRecord,
        receivedAtMs,
      }));
  }

  async saveSignals(signals: readonly SessionSignal[], receivedAtMs: number) {
    this.#checkOpen();
    let added = 0;
    for (const signal of signals) {
      const key = JSON.stringify([signal.sessionId, signal.kind]);
      if (this.#signalled.has(key)) continue;
      this.#signalled.add(key);
      this.#signals.push({ key, rollout: signal.rollout.name, json: JSON.stringify(signal), receivedAtMs });
      added += 1;
    }
    return added;
  }

  async signals(options: Parameters<SessionStore['signals']>[0] = {}) {
    this.#checkOpen();
    const { after = 0, rollout } = options;
    return this.#signals
      .slice(after)
      .flatMap((stored, index) => (stored === null ? [] : [{ ...stored, sequence: after + index + 1 }]))
      .filter((stored) => rollout === undefined || stored.rollout === rollout)
      .slice(0, readLimit(options.limit))
      .map(({ sequence, json, receivedAtMs }) => ({
        sequence,
        signal: JSON.parse(json) as SessionSignal,
        receivedAtMs,
      }));
  }

  async dropSignals({ exceptRollouts, receivedBeforeMs, limit }: Parameters<SessionStore['dropSignals']>[0]) {
    this.#checkOpen();
    const rowsMax = readLimit(limit);
    let dropped = 0;
    for (const [index, stored] of this.#signals.entries()) {
      if (dropped === rowsMax) break;
      if (stored === null || exceptRollouts.includes(stored.rollout)) continue;
      if (stored.receivedAtMs >= receivedBeforeMs) continue;
      this.#signals[index] = null;
      this.#signalled.delete(stored.key);
      dropped += 1;
    }
    return dropped;
  }

  async saveSnapshot(name: string, text: string) {
    this.#checkOpen();
    this.#snapshots.set(name, text);
  }

  async snapshot(name: string) {
    this.#checkOpen();
    return this.#snapshots.get(name);
  }

  async dropSnapshot(name: string) {
    this.#checkOpen();
    this.#snapshots.delete(name);
  }

  async usage(userHash: string, nowMs: number) {
    this.#checkOpen();
    return this.#usage.of(userHash, nowMs);
  }

  async eraseUsage(userHash: string) {
    this.#checkOpen();
    return this.#usage.erase(userHash);
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
