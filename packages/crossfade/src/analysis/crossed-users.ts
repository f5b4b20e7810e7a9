import type { SessionRecord } from '../transcript/session-record.ts';
import type { Verdict } from './verdict.ts';

/** Users remembered; beyond it new ones are not looked at, which `seen` tells. */
const usersMax = 200_000;

/** One user on both sides may have changed their plan or country between two sessions; a pattern is a broken hash. */
const crossedMin = 3;
const crossedShare = 0.01;

/**
 * Finds users whom a share put on both sides within one epoch. A share is sticky, so this cannot happen unless the
 * assignment is broken, and then no comparison of the arms means anything.
 */
export class CrossedUsers {
  readonly #arms = new Map<string, 'control' | 'candidate' | 'both'>();
  #crossed = 0;

  /** Users looked at. */
  get seen(): number {
    return this.#arms.size;
  }

  /** Users seen on both sides. */
  get crossed(): number {
    return this.#crossed;
  }

  /** Looks at the sessions that a share decided. A lease that ran out or an override may well change sides. */
  add({ assignment: { rollout, userHash, arm, reason } }: SessionRecord): void {
    if (rollout === undefined || userHash === '' || reason !== 'SPLIT') return;
    const key = `${rollout.epoch}/${userHash}`;
    const before = this.#arms.get(key);
    if (before === undefined) {
      if (this.#arms.size < usersMax) this.#arms.set(key, arm);
    } else if (before !== arm && before !== 'both') {
      this.#arms.set(key, 'both');
      this.#crossed += 1;
    }
  }

  /** `invalid` when so many crossed that it is a pattern, else null. */
  verdict(sessions: Verdict['sessions']): Verdict | null {
    if (this.#crossed < crossedMin || this.#crossed < crossedShare * this.seen) return null;
    const sentence = `${this.#crossed} of ${this.seen} users were on both sides within one epoch, fewer than ${crossedMin} are expected: the assignment is broken.`;
    return { verdict: 'invalid', sentence, evidence: [], sessions };
  }
}
