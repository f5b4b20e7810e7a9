import type { Log } from '@crossfade/sdk/core/log';
import type { DeadOutboxItem, RolloutStore } from '../store/store.ts';
import { routedNotice, targetText } from './notice-routes.ts';

/** A notice that somebody was not told of, as people read it. */
export interface DeadLetter {
  readonly id: string;
  readonly rollout: string;
  readonly kind: string;
  /** Who was not told; of a webhook the origin alone. */
  readonly target: string;
  readonly title: string;
  readonly attempts: number;
  readonly diedAtMs: number;
  readonly error: string;
}

/** Which of them: of one rollout, of one id, or all. */
export interface DeadLetterChoice {
  readonly rollout?: string | undefined;
  readonly id?: string | undefined;
}

/** Dead letters that are looked at: more than a person reads, and a night of every target down. */
const listMax = 1_000;

/** The notices that were given up, and what a person does with them. */
export class DeadLetters {
  readonly #store: Pick<RolloutStore, 'deadOutbox' | 'reviveOutbox' | 'dropOutbox'>;
  readonly #log: Log;
  readonly #wake: () => void;

  constructor(options: {
    readonly store: Pick<RolloutStore, 'deadOutbox' | 'reviveOutbox' | 'dropOutbox'>;
    readonly log: Log;
    /** There is something to send again. */
    readonly wake?: () => void;
  }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#wake = options.wake ?? (() => {});
  }

  /** The newest first. */
  async list(choice: DeadLetterChoice = {}): Promise<readonly DeadLetter[]> {
    return (await this.#chosen(choice)).map(({ letter }) => letter);
  }

  /** Sent again, their attempts counted anew. Answers how many. */
  async retry(choice: DeadLetterChoice, by: string): Promise<number> {
    let count = 0;
    for (const { storedId, letter } of await this.#chosen(choice)) {
      if (!(await this.#store.reviveOutbox(storedId))) continue;
      count++;
      this.#log.info({ id: letter.id, by }, 'a dead letter is sent again');
    }
    if (count > 0) this.#wake();
    return count;
  }

  /** Forgotten; the log keeps who did it. Answers how many. */
  async drop(choice: DeadLetterChoice, by: string): Promise<number> {
    let count = 0;
    for (const { storedId, letter } of await this.#chosen(choice)) {
      if (!(await this.#store.dropOutbox(storedId))) continue;
      count++;
      this.#log.info({ id: letter.id, by }, 'a dead letter was dropped');
    }
    return count;
  }

  async #chosen({ rollout, id }: DeadLetterChoice): Promise<readonly Chosen[]> {
    const all = (await this.#store.deadOutbox(listMax)).map(chosenOf);
    return all.filter(
      ({ letter }) =>
        (rollout === undefined || letter.rollout === rollout) && (id === undefined || letter.id === id),
    );
  }
}

interface Chosen {
  /** Holds the whole address of a webhook, which may be a secret. */
  readonly storedId: string;
  readonly letter: DeadLetter;
}

function chosenOf({ id, kind, target, payload, attempts, diedAtMs, error }: DeadOutboxItem): Chosen {
  const notice = routedNotice(payload)?.notice;
  const to = targetText(target);
  const letter = {
    id: notice === undefined ? id : `${notice.id}>${to}`,
    rollout: notice?.rollout ?? '',
    kind,
    target: to,
    title: notice?.title ?? kind,
    attempts,
    diedAtMs,
    error,
  };
  return { storedId: id, letter };
}
