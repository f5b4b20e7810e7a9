import { messageOf } from '@crossfade/sdk/core/errors';
import type { SessionSignal } from '../transcript/session-record.ts';
import { signalBatchMax } from '../wire/control.ts';
import { isRefusedForGood, type LinkLog, type LinkTransport } from './link-transport.ts';

/** Signals that wait at once: an hour of ten sessions a second without a control plane. Older ones are dropped first. */
const waitingMax = 36_000;

/** What it needs of the link. */
export type SignalTransport = Pick<LinkTransport, 'post' | 'wait' | 'retryMs' | 'isClosed'>;

/**
 * Pushes signals of running sessions to the control plane, in batches. They are kept in memory alone: a session whose
 * signal is lost is counted by its record, and one that a killed gateway left is signalled again by the next.
 */
export class LinkSignals {
  readonly #transport: SignalTransport;
  readonly #log: LinkLog;
  readonly #intervalMs: number;
  #waiting: SessionSignal[] = [];
  #dropped = 0;

  constructor(transport: SignalTransport, log: LinkLog, intervalMs: number) {
    this.#transport = transport;
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  /** Signals that were given up: too many waited, or the control plane refused them as malformed. */
  get dropped(): number {
    return this.#dropped;
  }

  add(signal: SessionSignal): void {
    this.#waiting.push(signal);
    if (this.#waiting.length <= waitingMax) return;
    const kept = waitingMax - signalBatchMax;
    this.#drop(this.#waiting.splice(0, this.#waiting.length - kept).length, 'the control plane is away');
  }

  /** Until the link closes. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#transport.isClosed) {
      try {
        await this.#push();
        failures = 0;
      } catch (error) {
        if (this.#transport.isClosed) return;
        failures++;
        this.#log('warn', `Signals of sessions wait: ${messageOf(error)}`);
      }
      await this.#transport.wait(failures > 0 ? this.#transport.retryMs(failures) : this.#intervalMs);
    }
  }

  async #push(): Promise<void> {
    while (this.#waiting.length > 0) {
      const signals = this.#waiting.slice(0, signalBatchMax);
      try {
        await this.#transport.post('/v1/session-signals', JSON.stringify({ signals }));
      } catch (error) {
        if (!isRefusedForGood(error)) throw error;
        this.#drop(signals.length, messageOf(error));
      }
      // Those at the front may have been dropped meanwhile; what was sent is taken out by what it is.
      const sent = new Set(signals);
      this.#waiting = this.#waiting.filter((signal) => !sent.has(signal));
    }
  }

  #drop(count: number, why: string): void {
    this.#dropped += count;
    this.#log('error', `${count} signals of sessions were given up: ${why}`);
  }
}
