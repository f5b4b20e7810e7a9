/** Names for new things. Handed in, so that a run can be replayed. */
export interface IdSource {
  /** Unique, and unguessable where it matters (a session id is a capability to read a transcript). */
  next(): string;
}

/** Random UUIDs from the platform's cryptographic generator. */
export const systemIds: IdSource = { next: () => globalThis.crypto.randomUUID() };
