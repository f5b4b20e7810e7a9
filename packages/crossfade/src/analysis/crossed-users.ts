import type { Arm } from '../transcript/session-record.ts';

/** Users remembered at once. With more of them every second one is looked at, then every fourth, and so on. */
const usersMax = 8_192;

/** One user on both sides may have changed their plan or country between two sessions; a pattern is a broken hash. */
const crossedMin = 3;
const crossedShare = 0.01;

export interface CrossedUsersJson {
  readonly epoch: number;
  readonly every: number;
  readonly users: readonly (readonly [userHash: string, side: Arm | 'both'])[];
}

/**
 * Finds users whom a share put on both sides within one epoch. A share is sticky, so this cannot happen unless the
 * assignment is broken, and then no comparison of the arms means anything. Beyond a few thousand users a part of them is
 * looked at, chosen by hash, so that memory does not grow.
 */
export class CrossedUsers {
  #epoch = 0;
  #every = 1;
  #sides = new Map<string, Arm | 'both'>();

  /** Looks at a session that a share decided, of this epoch or a newer one, which begins anew. */
  add(epoch: number, userHash: string, arm: Arm): void {
    if (userHash === '' || epoch < this.#epoch) return;
    if (epoch > this.#epoch) {
      this.#epoch = epoch;
      this.#every = 1;
      this.#sides = new Map();
    }
    if (!isChosen(userHash, this.#every)) return;
    const before = this.#sides.get(userHash);
    this.#sides.set(userHash, before === undefined || before === arm ? arm : 'both');
    while (this.#sides.size > usersMax) {
      this.#every *= 2;
      for (const user of this.#sides.keys()) if (!isChosen(user, this.#every)) this.#sides.delete(user);
    }
  }

  /** Users of an epoch that were looked at, and of these those on both sides. */
  counts(epoch: number): { readonly users: number; readonly crossed: number } {
    if (epoch !== this.#epoch) return { users: 0, crossed: 0 };
    let crossed = 0;
    for (const side of this.#sides.values()) if (side === 'both') crossed += 1;
    return { users: this.#sides.size, crossed };
  }

  toJSON(): CrossedUsersJson {
    return { epoch: this.#epoch, every: this.#every, users: [...this.#sides] };
  }

  static fromJSON({ epoch, every, users }: CrossedUsersJson): CrossedUsers {
    const crossed = new CrossedUsers();
    crossed.#epoch = epoch;
    crossed.#every = every;
    crossed.#sides = new Map(users);
    return crossed;
  }
}

/** Of every `every` users one, by the low bits of the hash. */
function isChosen(userHash: string, every: number): boolean {
  return Number.parseInt(userHash.slice(-8), 16) % every === 0;
}

/** Says that so many users crossed that it is a pattern; null when not. */
export function crossedSentence({
  users,
  crossed,
}: {
  readonly users: number;
  readonly crossed: number;
}): string | null {
  if (crossed < crossedMin || crossed < crossedShare * users) return null;
  return `${crossed} of ${users} users were on both sides within one epoch, fewer than ${crossedMin} are expected: the assignment is broken.`;
}
