import { createHash } from 'node:crypto';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { NewEvent, OutboxItem, StoredEvent } from './store.ts';

/** What the first record says of the one before it. */
export const genesisHash = '0'.repeat(64);

/** Events of one append: a command makes a handful. */
export const appendEventsMax = 1_000;

/** Characters of one payload: an event holds a plan (with lists of keys at most 8 MiB as text) or the evidence of a verdict. */
export const payloadCharsMax = 16 * 1024 * 1024;

/** Rows of one read unless the caller says otherwise, and the most it may say. */
export const readLimitDefault = 1_000;
export const readLimitMax = 10_000;

/** The last record of the chain. Stored apart from it, so that a removed last record is seen. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: string;
}

export const emptyHead: ChainHead = { sequence: 0, hash: genesisHash };

export interface Damage {
  readonly sequence: number;
  readonly problem: string;
}

/** The hash of a record: over all of its fields and the hash of the one before it, as a JSON list. */
export function hashOf(record: Omit<StoredEvent, 'hash'>): string {
  const { sequence, stream, streamRevision, atMs, type, payload, previousHash } = record;
  const text = JSON.stringify([sequence, stream, streamRevision, atMs, type, payload, previousHash]);
  return createHash('sha256').update(text).digest('hex');
}

/** The records that new events become behind `head`, in a stream at `streamRevision`. */
export function chain(
  head: ChainHead,
  stream: string,
  streamRevision: number,
  events: readonly NewEvent[],
  atMs: number,
): readonly StoredEvent[] {
  let previousHash = head.hash;
  return events.map(({ type, payload }, index) => {
    const record = {
      sequence: head.sequence + index + 1,
      stream,
      streamRevision: streamRevision + index + 1,
      atMs,
      type,
      payload,
      previousHash,
    };
    const hash = hashOf(record);
    previousHash = hash;
    return { ...record, hash };
  });
}

/** Walks a chain record by record; the answer to each is the damage it shows, or null. */
export class ChainCheck {
  #last: ChainHead = emptyHead;
  readonly #streams = new Map<string, number>();

  next(record: StoredEvent): Damage | null {
    const { sequence, stream, streamRevision, previousHash, hash } = record;
    const wanted = this.#last.sequence + 1;
    if (sequence !== wanted) {
      return {
        sequence: wanted,
        problem: `Record ${wanted} is missing: expected it, got record ${sequence}.`,
      };
    }
    if (previousHash !== this.#last.hash) {
      return {
        sequence,
        problem: `Record ${sequence} does not follow record ${sequence - 1}: its order or that record was changed.`,
      };
    }
    if (hash !== hashOf(record))
      return { sequence, problem: `Record ${sequence} was changed: it fails its hash.` };
    const streamWanted = (this.#streams.get(stream) ?? 0) + 1;
    if (streamRevision !== streamWanted) {
      return {
        sequence,
        problem: `Record ${sequence} should be number ${streamWanted} of ${stream}, got ${streamRevision}.`,
      };
    }
    this.#streams.set(stream, streamRevision);
    this.#last = { sequence, hash };
    return null;
  }

  /** After the last record: whether it is the one that was last. */
  end(head: ChainHead): Damage | null {
    if (this.#last.sequence < head.sequence) {
      const sequence = this.#last.sequence + 1;
      return {
        sequence,
        problem: `Record ${sequence} is missing: the last one was record ${head.sequence}.`,
      };
    }
    if (this.#last.sequence > head.sequence || this.#last.hash !== head.hash) {
      const { sequence } = this.#last;
      return {
        sequence,
        problem: `Record ${sequence} is not the one that was last appended (${head.sequence}).`,
      };
    }
    return null;
  }
}

/** Refuses what no honest caller appends, before anything is written. */
export function checkAppend(
  expectedRevision: number,
  events: readonly NewEvent[],
  outbox: readonly OutboxItem[],
): void {
  if (!Number.isSafeInteger(expectedRevision) || expectedRevision < 0) {
    throw new CrossfadeError('INTERNAL', `Expected a stream revision of 0 or more, got ${expectedRevision}.`);
  }
  if (events.length > appendEventsMax || outbox.length > appendEventsMax) {
    const count = Math.max(events.length, outbox.length);
    throw new CrossfadeError(
      'BODY_TOO_LARGE',
      `Expected at most ${appendEventsMax} events in one append, got ${count}.`,
    );
  }
  for (const { payload } of [...events, ...outbox]) {
    if (payload.length > payloadCharsMax) {
      throw new CrossfadeError(
        'BODY_TOO_LARGE',
        `Expected a payload of at most ${payloadCharsMax} characters, got ${payload.length}.`,
      );
    }
  }
}

/** Of two writers the second is told. */
export function conflict(stream: string, expected: number, actual: number): CrossfadeError {
  return new CrossfadeError(
    'STORE_CONFLICT',
    `Expected ${stream} at revision ${expected}, got ${actual}: another writer was first. Read again and retry.`,
    { detail: { stream, expected, actual } },
  );
}

/** A caller's limit within what one read may answer. */
export function readLimit(limit: number | undefined): number {
  return Math.max(0, Math.min(limit ?? readLimitDefault, readLimitMax));
}
