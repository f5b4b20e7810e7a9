import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { systemRandom, type Random } from '@crossfade/sdk/core/random';
import type { OutboxItem, OutboxResult, PendingOutboxItem, RolloutStore } from '../store/store.ts';
import { itemsOf, routedNotice, routesOf, targetOf, targetText, type NoticeTarget } from './notice-routes.ts';
import type { Notice } from './notice.ts';
import { attemptsMax, retryMs, retryWaitMs } from './retry-wait.ts';

/** Where notifications go. May be called again for an item it already took: the notice's id tells. */
export interface NoticeSender {
  /**
   * Answers what came back, if it knows. Rejects when the notice did not leave: with UNDELIVERABLE when another attempt
   * would not either.
   */
  send(item: PendingOutboxItem, signal: AbortSignal): Promise<string | void>;
}

/** Thrown by a sender when trying again is of no use: the notice is dead at once, until a person mends the cause. */
export class Undeliverable extends Error {}

/** Thrown by a sender that was told when to come again. */
export class ComeAgain extends Error {
  readonly afterMs: number;

  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** Notices taken from the outbox at once, and the most that one target gets of them in a round. */
const batchMax = 50;

/** Longest wait for a sender, ms. */
const sendTimeoutMs = 10_000;

/** A target that failed is left alone for at most this long, ms; its notices have waits of their own. */
const targetPauseMs = 60_000;

/** Characters of an error that are kept. */
const errorCharsMax = 300;

export interface NotifierOptions {
  readonly store: Pick<RolloutStore, 'pendingOutbox' | 'settleOutbox'>;
  readonly sender: NoticeSender;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: Random;
  /** Who is told when a notice is given up; never the target that failed. */
  readonly targets?: readonly NoticeTarget[];
}

interface Lane {
  busy: boolean;
  failures: number;
  notBeforeMs: number;
}

/**
 * Empties the outbox: each notice leaves at least once. One lane a target, one notice after the other in it, so that a
 * receiver that hangs keeps back only what is its own. Attempts and the time of the next are in the store and survive a
 * restart; after twenty attempts, or one that can never work, a notice is dead and others are told.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #random: Random;
  readonly #lanes = new Map<string, Lane>();
  #reading: Promise<readonly Promise<number>[]> | null = null;
  #stopped = false;
  readonly #sending = new Set<Promise<number>>();
  readonly #abort = new AbortController();

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
  }

  /** Sends what is due, in the background: whoever calls waits for nothing. Never throws. */
  wake(): void {
    this.#round().catch((error: unknown) =>
      this.#options.log.error({ error: messageOf(error) }, 'the outbox could not be read'),
    );
  }

  /** As `wake`, and waits for what it began. Answers how many left. */
  async flush(): Promise<number> {
    const counts = await Promise.all(await this.#round());
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Sends one item now, once, past the outbox: nothing of it is kept. Settles in time, and as the sender does. */
  attempt(item: OutboxItem): Promise<string | void> {
    return this.#inTime({ ...item, createdAtMs: this.#options.clock.nowMs(), attempts: 0 });
  }

  /** Gives up what is being sent; the next start sends it again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#abort.abort(new Error('the control plane stops'));
    await Promise.allSettled([this.#reading, ...this.#sending]);
  }

  /** One round at a time reads the store; the lanes go on by themselves. */
  #round(): Promise<readonly Promise<number>[]> {
    this.#reading ??= this.#begin().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #begin(): Promise<readonly Promise<number>[]> {
    if (this.#stopped) return [];
    const { store, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const exceptTargets = [...this.#lanes].flatMap(([target, { busy, notBeforeMs }]) =>
      busy || nowMs < notBeforeMs ? [target] : [],
    );
    const due = { nowMs: clock.nowMs(), longestWaitMs: retryMs.max };
    const items = await store.pendingOutbox({ limit: batchMax, due, exceptTargets });
    return [...groupByTarget(items)].map(([target, own]) => {
      const lane = this.#run(target, own).finally(() => this.#sending.delete(lane));
      this.#sending.add(lane);
      return lane;
    });
  }

  async #run(target: string, items: readonly PendingOutboxItem[]): Promise<number> {
    const lane = this.#lanes.get(target) ?? { busy: false, failures: 0, notBeforeMs: 0 };
    this.#lanes.set(target, lane);
    lane.busy = true;
    let sent = 0;
    try {
      for (const item of items) {
        if (this.#stopped || !(await this.#send(item, lane))) break;
        sent++;
      }
    } catch (error) {
      // The store did not take what became of it: it is sent again. At least once, not exactly once.
      this.#options.log.error(
        { error: messageOf(error), id: items[0]?.id },
        'the outbox could not be written',
      );
    } finally {
      lane.busy = false;
      if (lane.failures === 0) this.#lanes.delete(target);
    }
    return sent;
  }

  async #send(item: PendingOutboxItem, lane: Lane): Promise<boolean> {
    const { store, clock, log } = this.#options;
    try {
      await this.#inTime(item);
    } catch (error) {
      if (this.#stopped) return false;
      const result = this.#failure(item, error);
      lane.failures++;
      lane.notBeforeMs =
        clock.monotonicMs() + Math.min(targetPauseMs, retryWaitMs(lane.failures, this.#random));
      const said = { id: item.id, attempt: item.attempts + 1, error: result.error };
      if (result.is === 'dead') log.error(said, 'a notice was given up; see crossfade rollout status');
      else log.warn(said, 'a notice did not leave; it is tried again');
      await store.settleOutbox(item.id, result);
      return false;
    }
    lane.failures = 0;
    lane.notBeforeMs = 0;
    await store.settleOutbox(item.id, { is: 'sent' });
    return true;
  }

  #failure(item: PendingOutboxItem, error: unknown): Extract<OutboxResult, { readonly error: string }> {
    const nowMs = this.#options.clock.nowMs();
    const text = messageOf(error).slice(0, errorCharsMax);
    const attempts = item.attempts + 1;
    if (error instanceof Undeliverable || attempts >= attemptsMax) {
      const outbox = this.#deadLetterNotices(item, text, nowMs, attempts);
      return { is: 'dead', error: text, atMs: nowMs, outbox };
    }
    const asked = error instanceof ComeAgain ? Math.min(error.afterMs, retryMs.max) : 0;
    const waitMs = Math.max(asked, retryWaitMs(attempts, this.#random));
    return { is: 'failed', error: text, dueAtMs: nowMs + waitMs };
  }

  /** Others are told of it; that such a notice died in its turn is in the list and the log alone. */
  #deadLetterNotices(
    item: PendingOutboxItem,
    error: string,
    nowMs: number,
    attempts: number,
  ): readonly OutboxItem[] {
    const notice = routedNotice(item.payload)?.notice;
    if (notice === undefined || item.kind === 'dead-lettered') return [];
    const to = targetText(item.target);
    const told: Notice = {
      ...notice,
      id: `${notice.id}:dead-lettered:${to}`,
      kind: 'dead-lettered',
      severity: 'warning',
      atMs: nowMs,
      actor: 'notifier',
      reason: error,
      title: `${notice.rollout}: ${to} was not told`,
      howBad: `It missed this: ${notice.title}. Tried ${attempts} times; last: ${error}`,
      done: 'The notice waits in the list of dead letters.',
      nextStep: `Mend the receiver, then: crossfade notices retry ${notice.rollout}; or drop it: crossfade notices drop ${notice.rollout}`,
    };
    const routes = routesOf('dead-lettered', null, this.#options.targets ?? []);
    return itemsOf(
      told,
      routes.filter((route) => targetOf(route) !== item.target),
    );
  }

  /** Settles in time also when the sender does not listen to its signal. */
  #inTime(item: PendingOutboxItem): Promise<string | void> {
    return new Promise((resolve, reject) => {
      const abort = new AbortController();
      const give = (reason: Error): void => {
        abort.abort(reason);
        end();
        reject(reason);
      };
      const stopped = (): void => give(this.#abort.signal.reason as Error);
      const late = (): void => give(new Error(`Expected an answer within ${sendTimeoutMs} ms, got none.`));
      const cancel = this.#options.clock.after(sendTimeoutMs, late);
      this.#abort.signal.addEventListener('abort', stopped, { once: true });
      const end = (): void => {
        cancel();
        this.#abort.signal.removeEventListener('abort', stopped);
      };
      this.#options.sender.send(item, abort.signal).finally(end).then(resolve, reject);
    });
  }
}

function groupByTarget(items: readonly PendingOutboxItem[]): Map<string, PendingOutboxItem[]> {
  const groups = new Map<string, PendingOutboxItem[]>();
  for (const item of items) groups.set(item.target, [...(groups.get(item.target) ?? []), item]);
  return groups;
}
