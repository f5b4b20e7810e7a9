import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SessionRecord, SessionSignal, StoredTranscript } from '../../transcript/session-record.ts';
import { readLimit } from '../chain.ts';
import type { DropOptions, SessionStore, StoredRecord } from '../store.ts';
import { MemoryUsage } from './usage.ts';

/** A session store for tests and trials: keeps every promise of the port but to survive the process. */
export function createMemorySessionStore(): SessionStore {
  return new MemorySessionStore();
}

/** As text, so that nobody who keeps the object can change what is stored. */
interface Kept {
  readonly json: string;
  readonly rollout: string | undefined;
  readonly receivedAtMs: number | null;
}

interface KeptRecord extends Kept {
  readonly sessionId: string;
  readonly endedAtMs: number;
}

interface KeptSignal extends Kept {
  readonly key: string;
  readonly receivedAtMs: number;
}

class MemorySessionStore implements SessionStore {
  /** By place; null: dropped. */
  readonly #records: (KeptRecord | null)[] = [];
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
    const { sessionId, assignment, endedAtMs } = record;
    if (this.#bySession.has(sessionId)) return false;
    const json = JSON.stringify(record);
    this.#bySession.set(sessionId, this.#records.length);
    this.#records.push({
      sessionId,
      endedAtMs,
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
    return stored == null ? undefined : (JSON.parse(stored.json) as SessionRecord);
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
    return pageOf(this.#records, options).map(storedRecord);
  }

  async newestRecords({ before, limit }: Parameters<SessionStore['newestRecords']>[0] = {}) {
    this.#checkOpen();
    return sequenced(this.#records)
      .filter(({ sequence }) => sequence < (before ?? Infinity))
      .toReversed()
      .slice(0, readLimit(limit))
      .map(storedRecord);
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
    return pageOf(this.#signals, options).map(({ sequence, json, receivedAtMs }) => ({
      sequence,
      signal: JSON.parse(json) as SessionSignal,
      receivedAtMs,
    }));
  }

  async dropSignals(options: DropOptions) {
    this.#checkOpen();
    const dropped = dropFrom(this.#signals, options, ({ receivedAtMs }) => receivedAtMs);
    for (const { key } of dropped) this.#signalled.delete(key);
    return dropped.length;
  }

  async dropRecords(options: DropOptions) {
    this.#checkOpen();
    const dropped = dropFrom(
      this.#records,
      options,
      ({ receivedAtMs, endedAtMs }) => receivedAtMs ?? endedAtMs,
    );
    for (const { sessionId } of dropped) {
      this.#bySession.delete(sessionId);
      this.#transcripts.delete(sessionId);
    }
    return dropped.length;
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

function storedRecord({ sequence, json, receivedAtMs }: KeptRecord & Place): StoredRecord {
  return { sequence, record: JSON.parse(json) as SessionRecord, receivedAtMs };
}

interface Place {
  readonly sequence: number;
}

/** What is not dropped, in order, each with its sequence. */
function sequenced<T extends Kept>(rows: readonly (T | null)[], after = 0): readonly (T & Place)[] {
  return rows
    .slice(after)
    .flatMap((row, index) => (row === null ? [] : [{ ...row, sequence: after + index + 1 }]));
}

/** What stands after a place, in order. */
function pageOf<T extends Kept>(
  rows: readonly (T | null)[],
  { after = 0, rollout, limit }: NonNullable<Parameters<SessionStore['records']>[0]>,
): readonly (T & Place)[] {
  return sequenced(rows, after)
    .filter((row) => rollout === undefined || row.rollout === rollout)
    .slice(0, readLimit(limit));
}

/** Takes out what may go, and answers it. */
function dropFrom<T extends Kept>(
  rows: (T | null)[],
  { exceptRollouts, receivedBeforeMs, limit, through = rows.length }: DropOptions,
  receivedAtMs: (row: T) => number,
): readonly T[] {
  const dropped: T[] = [];
  for (const [index, row] of rows.slice(0, through).entries()) {
    if (dropped.length === readLimit(limit)) break;
    if (row === null || (row.rollout !== undefined && exceptRollouts.includes(row.rollout))) continue;
    if (receivedAtMs(row) >= receivedBeforeMs) continue;
    rows[index] = null;
    dropped.push(row);
  }
  return dropped;
}
