/** A user by hash, as two whole numbers of 32 bits. Never the key itself. */
export interface UserKey {
  readonly high: number;
  readonly low: number;
}

/** A user hash of a session record: 16 hex digits. Null when the session has no user. */
export function userKeyOf(userHash: string): UserKey | null {
  if (userHash === '') return null;
  const high = Number.parseInt(userHash.slice(0, 8), 16);
  const low = Number.parseInt(userHash.slice(8, 16), 16);
  return Number.isNaN(high) || Number.isNaN(low) ? null : { high: high >>> 0, low: low >>> 0 };
}

/** Buckets that users are grouped into where totals per user are wanted without keeping users (Chamandy et al. 2012). */
export const userBucketCount = 256;

/** The bucket of a user; independent of the side the user is on, which another hash decides. */
export function userBucket({ high, low }: UserKey): number {
  return (high ^ (low >>> 8)) & (userBucketCount - 1);
}

/** 2²¹ bits, 256 KB: at 57,600 users it takes one new user in 2,000 for a known one, at 345,600 one in 17. */
const filterBits = 2 ** 21;
const probes = 3;

/**
 * Which users an epoch has seen, in memory that does not grow (a Bloom filter). It may take a new user for a known one,
 * whatever their side and outcome, which costs a bet; never a known one for a new one, which would break the proof.
 */
export class UserFilter {
  /** Absent until the first user: most epochs of sessions without users never need it. */
  #bits: Uint8Array | undefined;
  /** The bits as text; an epoch that is over is saved again and again. */
  #text: string | undefined;

  constructor(bits?: Uint8Array) {
    this.#bits = bits;
  }

  /** Whether the user is new; from then on known. */
  add({ high, low }: UserKey): boolean {
    const bits = (this.#bits ??= new Uint8Array(filterBits / 8));
    let isNew = false;
    for (let probe = 0; probe < probes; probe++) {
      const bit = (high + Math.imul(probe, low | 1)) & (filterBits - 1);
      const mask = 1 << (bit & 7);
      const byte = bits[bit >>> 3] ?? 0;
      if ((byte & mask) === 0) {
        isNew = true;
        bits[bit >>> 3] = byte | mask;
      }
    }
    if (isNew) this.#text = undefined;
    return isNew;
  }

  /** Base64 of the bits; empty when no user was seen. */
  toJSON(): string {
    if (this.#bits === undefined) return '';
    return (this.#text ??= Buffer.from(this.#bits).toString('base64'));
  }

  static fromJSON(text: string): UserFilter {
    return text === '' ? new UserFilter() : new UserFilter(new Uint8Array(Buffer.from(text, 'base64')));
  }
}
