import { messageOf } from '@crossfade/sdk/core/errors';
import type { SessionStore } from '../store/store.ts';
import { recordBatchMax } from '../wire/control.ts';
import { isRefusedForGood, type LinkLog, type LinkTransport } from './link-transport.ts';

/** Where the push of session records stopped; the name of its cursor in the gateway's store. */
export const recordCursor = 'control-plane';

/** Characters of one batch: 100 usual records are 0.2 MB, and the control plane takes up to 24 MB. */
const batchMaxChars = 8 * 1024 * 1024;

/**
 * Pushes the gateway's session records to the control plane: in the order they were stored, each at least once. The
 * cursor moves only after the control plane took them, so a crash of either side repeats and never loses.
 */
export class LinkRecords {
  readonly #transport: LinkTransport;
  readonly #gatewayId: string;
  readonly #sessions: SessionStore;
  readonly #log: LinkLog;
  readonly #intervalMs: number;
  #wake: () => void = () => {};
  #refused = 0;

  constructor(
    transport: LinkTransport,
    gatewayId: string,
    sessions: SessionStore,
    log: LinkLog,
    intervalMs: number,
  ) {
    this.#transport = transport;
    this.#gatewayId = gatewayId;
    this.#sessions = sessions;
    this.#log = log;
    this.#intervalMs = intervalMs;
  }

  /** Records that the control plane refused as malformed; they stay in the gateway's store as long as others. */
  get refused(): number {
    return this.#refused;
  }

  /** Look now rather than at the end of the wait. */
  wake(): void {
    this.#wake();
  }

  /** Until the link closes. */
  async run(): Promise<void> {
    let failures = 0;
    let batchMax = recordBatchMax;
    while (!this.#transport.isClosed) {
      let more = false;
      try {
        more = await this.#pushBatch(batchMax);
        failures = 0;
        batchMax = recordBatchMax;
      } catch (error) {
        if (this.#transport.isClosed) return;
        // A refused batch goes again record by record, so that one bad record is found and passed over.
        if (isRefusedForGood(error) && batchMax > 1) {
          batchMax = 1;
          continue;
        }
        failures++;
        this.#log('warn', `Session records wait: ${messageOf(error)}`);
      }
      if (failures > 0) await this.#transport.wait(this.#transport.retryMs(failures));
      else if (!more) await this.#transport.wait(this.#intervalMs, (wake) => (this.#wake = wake));
    }
  }

  /** Sends the next records and moves the cursor; true when there may be more. */
  async #pushBatch(batchMax: number): Promise<boolean> {
    const after = await this.#sessions.cursor(recordCursor);
    const stored = await this.#sessions.records({ after, limit: batchMax });
    const texts: string[] = [];
    let chars = 0;
    for (const { record } of stored) {
      const text = JSON.stringify(record);
      if (texts.length > 0 && chars + text.length > batchMaxChars) break;
      texts.push(text);
      chars += text.length;
    }
    const last = stored[texts.length - 1];
    if (last === undefined) return false;
    try {
      const body = `{"gateway":${JSON.stringify(this.#gatewayId)},"records":[${texts.join(',')}]}`;
      await this.#transport.post('/v1/session-records', body);
    } catch (error) {
      if (texts.length > 1 || !isRefusedForGood(error)) throw error;
      this.#refused++;
      const detail = { sessionId: last.record.sessionId };
      this.#log('error', `The control plane refused a session record for good: ${messageOf(error)}`, detail);
    }
    await this.#sessions.saveCursor(recordCursor, last.sequence);
    return texts.length < stored.length || stored.length === batchMax;
  }
}
