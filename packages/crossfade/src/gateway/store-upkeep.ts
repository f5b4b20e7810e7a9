import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import type { SessionStore } from '../store/store.ts';
import { recordCursor } from './link-records.ts';

/** Wait between two looks once nothing old is left, ms. */
const betweenMs = 3_600_000;

/**
 * Sessions that one batch takes out, and the wait for the next, ms. The store holds everything up meanwhile: four of ten
 * minutes took 3 ms (median), four of eight hours 92. 72,000 go in an hour: more than 1,000 at once that last a minute.
 */
export const upkeepSessionsMax = 4;
const pauseMs = 200;

export interface StoreUpkeepOptions {
  readonly sessions: Pick<SessionStore, 'cursor' | 'dropRecords'>;
  /** A session is kept this long after its end. */
  readonly keepMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Takes record and transcript of old sessions out of the gateway's store, so that the disk does not fill. A record that
 * the control plane has not had yet stays, however old it is.
 */
export class StoreUpkeep {
  readonly #options: StoreUpkeepOptions;
  #work: Promise<void> = Promise.resolve();
  #timer: Cancel | undefined;
  #stopped = false;
  #forgotten = 0;

  constructor(options: StoreUpkeepOptions) {
    this.#options = options;
  }

  /** After the gateway's start: until then it looks up which sessions of the journal have their record. */
  start(): void {
    this.#work = this.#turn();
  }

  /** Resolves when the store is not used any more. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    await this.#work;
  }

  async #turn(): Promise<void> {
    const { clock, log } = this.#options;
    let more = false;
    try {
      more = await this.#dropBatch();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'old sessions could not be forgotten yet');
    }
    if (!more && this.#forgotten > 0) {
      log.info({ sessions: this.#forgotten }, 'old sessions forgotten');
      this.#forgotten = 0;
    }
    if (!this.#stopped) this.#timer = clock.after(more ? pauseMs : betweenMs, () => this.start());
  }

  /** True when there may be more. */
  async #dropBatch(): Promise<boolean> {
    const { sessions, keepMs, clock } = this.#options;
    const dropped = await sessions.dropRecords({
      exceptRollouts: [],
      receivedBeforeMs: clock.nowMs() - keepMs,
      limit: upkeepSessionsMax,
      through: await sessions.cursor(recordCursor),
    });
    this.#forgotten += dropped;
    return dropped === upkeepSessionsMax;
  }
}
