import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import type { PendingOutboxItem, RolloutStore } from '../store/store.ts';

/** Where notifications go. May be called again for an item it already took: the id tells. */
export interface NoticeSender {
  /** Rejects when the notice did not leave. */
  send(item: PendingOutboxItem): Promise<void>;
}

/** Writes each notice into the log. */
export function logSender(log: Log): NoticeSender {
  return {
    send(item) {
      log.info({ notice: item.kind, id: item.id, ...asFields(item.payload) }, 'notice');
      return Promise.resolve();
    },
  };
}

/** Notices taken from the outbox at once. */
const batchMax = 50;

/** After this many failures a notice stays in the outbox until the next start. */
const attemptsMax = 12;

/** Wait after the first failure, ms; doubles with each, up to the second number. */
const retryMs = { min: 1_000, max: 300_000 } as const;

/** Longest wait for a sender, ms. */
const sendTimeoutMs = 10_000;

/** Empties the outbox: each notice leaves at least once, with growing waits between failures. */
export class Notifier {
  readonly #store: Pick<RolloutStore, 'pendingOutbox' | 'settleOutbox'>;
  readonly #sender: NoticeSender;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #failures = new Map<string, { readonly count: number; readonly nextAtMs: number }>();

  constructor(options: {
    readonly store: Pick<RolloutStore, 'pendingOutbox' | 'settleOutbox'>;
    readonly sender: NoticeSender;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#store = options.store;
    this.#sender = options.sender;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Sends what is due. Answers how many left. */
  async flush(): Promise<number> {
    let sent = 0;
    // Those that wait for their retry must not keep the others back.
    const items = await this.#store.pendingOutbox(batchMax + this.#failures.size);
    for (const item of items) {
      const failed = this.#failures.get(item.id);
      if (failed !== undefined && this.#clock.monotonicMs() < failed.nextAtMs) continue;
      if (await this.#send(item, failed?.count ?? 0)) sent++;
    }
    return sent;
  }

  async #send(item: PendingOutboxItem, failures: number): Promise<boolean> {
    try {
      await this.#inTime(this.#sender.send(item));
    } catch (error) {
      const count = failures + 1;
      const waitMs = count >= attemptsMax ? Infinity : Math.min(retryMs.max, retryMs.min * 2 ** (count - 1));
      this.#failures.set(item.id, { count, nextAtMs: this.#clock.monotonicMs() + waitMs });
      this.#log.warn({ id: item.id, attempt: count, error: messageOf(error) }, 'notice did not leave');
      await this.#store.settleOutbox(item.id, { sent: false, error: messageOf(error) });
      return false;
    }
    this.#failures.delete(item.id);
    await this.#store.settleOutbox(item.id, { sent: true });
    return true;
  }

  #inTime(sending: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`no answer within ${sendTimeoutMs} ms`));
      const stop = this.#clock.after(sendTimeoutMs, late);
      sending.then(resolve, reject).finally(stop);
    });
  }
}

function asFields(payload: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(payload) as Record<string, unknown>) };
  } catch {
    return { payload };
  }
}
