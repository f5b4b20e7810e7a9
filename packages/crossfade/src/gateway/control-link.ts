import { createParser } from 'eventsource-parser';
import { hasCode, messageOf, CrossfadeError } from '@crossfade/sdk/core/errors';
import type { Clock } from '@crossfade/sdk/core/clock';
import { systemRandom, type Random } from '@crossfade/sdk/core/random';
import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { SessionStore } from '../store/store.ts';
import { recordBatchMax, type DrainedSession } from '../wire/control.ts';
import { readRulesetCache, writeRulesetCache } from './ruleset-cache.ts';

/** The part of an evaluator that the link feeds. */
export interface LinkedEvaluator {
  /** Validates whole and compiles; throws and changes nothing when it refuses. */
  apply(ruleset: unknown): void;
  /** The control plane lives: leases are renewed. */
  heard(): void;
}

/** What became of the sessions of one drain on this gateway; `done` when none of them is open. */
export interface GatewayDrainReport {
  readonly sessions: readonly DrainedSession[];
  readonly done: boolean;
}

export type LinkLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  detail?: Record<string, unknown>,
) => void;

/** Waits of the link, ms. Fixed in production; tests shorten them. */
export interface LinkTiming {
  /** No event for this long and the stream is opened anew: five lost heartbeats. */
  readonly silenceMs: number;
  /** First wait before a retry; doubles up to `retryMaxMs`, with jitter so that gateways do not come back as one. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How often the session store is asked for new records. */
  readonly pushIntervalMs: number;
  /** Longest wait for the answer to one request. */
  readonly requestMs: number;
}

export const linkTiming: LinkTiming = {
  silenceMs: 10_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  pushIntervalMs: 500,
  requestMs: 10_000,
};

/** Where a reader of the gateway's session records stopped; the name of its cursor. */
export const recordCursor = 'control-plane';

/** A ruleset event larger than this is no ruleset of ours: 10,000 flags of 3 kB. */
const eventMaxChars = 32 * 1024 * 1024;

/** Bytes of one batch: recordBatchMax usual records are 0.2 MB, and the control plane takes up to 24 MB. */
const batchMaxChars = 8 * 1024 * 1024;

export interface ControlLinkOptions {
  /** Address of the control plane, such as http://127.0.0.1:7070. */
  readonly url: string;
  readonly token: string;
  readonly gatewayId: string;
  readonly evaluator: LinkedEvaluator;
  /** The gateway's own store; its records are pushed in the order they were stored. */
  readonly sessions: SessionStore;
  /** Keeps the last ruleset across a restart of this process. */
  readonly cacheFile: string;
  readonly clock: Clock;
  readonly random?: Random;
  readonly fetch?: typeof fetch;
  readonly log?: LinkLog;
  readonly timing?: Partial<LinkTiming>;
}

/**
 * A gateway's side of the control plane. Brings rulesets in, sends acknowledgements, session records and drain
 * reports out. Audio never waits for it: every failure is retried here, with growing waits, and the gateway
 * decides by the last ruleset meanwhile (by control, when its lease is over).
 *
 * Promises. Records: in order, each at least once. Drain reports: the latest of each drain is delivered at least
 * once. Rulesets: only newer ones are applied; a refused one is logged and the last stays.
 */
export class ControlLink {
  readonly #options: ControlLinkOptions;
  readonly #timing: LinkTiming;
  readonly #fetch: typeof fetch;
  readonly #log: LinkLog;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(ruleset: Ruleset) => void>();
  readonly #drainReports = new Map<string, { readonly report: GatewayDrainReport; delivered: boolean }>();
  readonly #loops: Promise<void>[] = [];
  #ruleset: Ruleset | undefined;
  #heardAtMs: number | undefined;
  #cachedAtMs: number | undefined;
  #connected = false;
  #isFirstOfConnection = true;
  #wakeDrains: () => void = () => {};
  #wakePush: () => void = () => {};
  #ackRevision = 0;
  #refusedRecords = 0;

  constructor(options: ControlLinkOptions) {
    this.#options = options;
    this.#timing = { ...linkTiming, ...options.timing };
    this.#fetch = options.fetch ?? fetch;
    this.#log = options.log ?? (() => {});
  }

  /** Applies the ruleset on disk, if any, then starts to listen and to send. Resolves before the first answer. */
  async start(): Promise<void> {
    const cached = await readRulesetCache(this.#options.cacheFile);
    if (cached !== null && this.#apply(cached.ruleset, 'disk')) this.#cachedAtMs = cached.savedAtMs;
    this.#loops.push(this.#listenLoop(), this.#pushLoop(), this.#drainLoop());
  }

  /** The ruleset that decides now. */
  get ruleset(): Ruleset | undefined {
    return this.#ruleset;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /**
   * How long ago the control plane was heard, ms; null: never. Before it is heard by this process, the age of
   * the ruleset on disk.
   */
  get ageMs(): number | null {
    if (this.#heardAtMs !== undefined) return this.#options.clock.monotonicMs() - this.#heardAtMs;
    return this.#cachedAtMs === undefined
      ? null
      : Math.max(0, this.#options.clock.nowMs() - this.#cachedAtMs);
  }

  /** Records that the control plane refused as malformed; they stay in the gateway's store. */
  get refusedRecords(): number {
    return this.#refusedRecords;
  }

  /** Called with every ruleset that was applied, and at once with the one that decides now. */
  onRuleset(listener: (ruleset: Ruleset) => void): () => void {
    this.#listeners.add(listener);
    if (this.#ruleset !== undefined) listener(this.#ruleset);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Says what became of a drain's sessions, whole each time. Retried until delivered, and delivered again on
   * every new connection for as long as the ruleset lists the drain: the control plane may have been restarted.
   */
  reportDrain(drainId: string, report: GatewayDrainReport): void {
    this.#drainReports.set(drainId, { report, delivered: false });
    this.#wakeDrains();
  }

  /** A session was stored: push now rather than at the next look. */
  recordStored(): void {
    this.#wakePush();
  }

  /** Stops everything; what was not sent is sent by the next start (records) or asked again (drains). */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wakeDrains();
    this.#wakePush();
    await Promise.all(this.#loops);
  }

  // -- rulesets in ---------------------------------------------------------------------------------

  async #listenLoop(): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      const before = this.#heardAtMs;
      try {
        await this.#listen();
        this.#log('info', 'The control plane ended the ruleset stream.');
      } catch (error) {
        if (!this.#closing.signal.aborted)
          this.#log('warn', `The ruleset stream failed: ${messageOf(error)}`);
      }
      this.#connected = false;
      failures = this.#heardAtMs === before ? failures + 1 : 1;
      await this.#wait(this.#retryMs(failures));
    }
  }

  /** One connection, until it ends, fails or falls silent. */
  async #listen(): Promise<void> {
    const quiet = new AbortController();
    const { clock, gatewayId } = this.#options;
    const silent = (): void => quiet.abort(new Error(`no event for ${this.#timing.silenceMs} ms`));
    let stopWatch = clock.after(this.#timing.silenceMs, silent);
    try {
      const response = await this.#fetch(
        new URL(
          `/v1/ruleset/stream?evaluator=${encodeURIComponent(gatewayId)}&role=gateway`,
          this.#options.url,
        ),
        { headers: this.#headers(), signal: AbortSignal.any([quiet.signal, this.#closing.signal]) },
      );
      if (!response.ok || response.body === null) throw await refusal(response);
      this.#isFirstOfConnection = true;
      const parser = createParser({
        maxBufferSize: eventMaxChars,
        onEvent: ({ event, data }) => {
          stopWatch();
          stopWatch = clock.after(this.#timing.silenceMs, silent);
          this.#onEvent(event, data);
        },
      });
      const decoder = new TextDecoder();
      for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
    } finally {
      stopWatch();
    }
  }

  #onEvent(event: string | undefined, data: string): void {
    this.#connected = true;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (event === 'ruleset') this.#onRuleset(data);
    this.#options.evaluator.heard();
  }

  #onRuleset(data: string): void {
    let ruleset: Ruleset;
    try {
      ruleset = JSON.parse(data) as Ruleset;
    } catch {
      this.#log('error', 'Expected a ruleset as JSON on the stream, got other text; the last one stays.');
      return;
    }
    const isNew = this.#ruleset === undefined || ruleset.revision > this.#ruleset.revision;
    if (isNew && !this.#apply(ruleset, 'control plane')) return;
    if (isNew) this.#cache(ruleset);
    if (this.#isFirstOfConnection) this.#repeatReports(ruleset);
    this.#isFirstOfConnection = false;
    void this.#acknowledge();
  }

  #apply(ruleset: Ruleset, from: string): boolean {
    try {
      this.#options.evaluator.apply(ruleset);
    } catch (error) {
      this.#log('error', `The ruleset from the ${from} was refused; the last one stays: ${messageOf(error)}`);
      return false;
    }
    this.#ruleset = ruleset;
    for (const listener of this.#listeners) listener(ruleset);
    return true;
  }

  #cache(ruleset: Ruleset): void {
    const savedAtMs = this.#options.clock.nowMs();
    writeRulesetCache(this.#options.cacheFile, { ruleset, savedAtMs }).catch((error: unknown) =>
      this.#log('warn', `The ruleset could not be kept on disk: ${messageOf(error)}`),
    );
  }

  /** A lost acknowledgement is repeated by the next connection: each begins with a ruleset. */
  async #acknowledge(): Promise<void> {
    const revision = this.#ruleset?.revision ?? 0;
    this.#ackRevision = Math.max(this.#ackRevision, revision);
    for (let failures = 1; failures <= ackAttemptsMax && !this.#closing.signal.aborted; failures++) {
      if (revision < this.#ackRevision) return;
      try {
        await this.#post(
          `/v1/evaluators/${encodeURIComponent(this.#options.gatewayId)}/ack`,
          JSON.stringify({ revision }),
        );
        return;
      } catch (error) {
        this.#log('warn', `Revision ${revision} is not acknowledged yet: ${messageOf(error)}`);
        await this.#wait(this.#retryMs(failures));
      }
    }
  }

  // -- session records and drain reports out -----------------------------------------------------------

  async #pushLoop(): Promise<void> {
    let failures = 0;
    let batchMax = recordBatchMax;
    while (!this.#closing.signal.aborted) {
      let more = false;
      try {
        more = await this.#pushBatch(batchMax);
        failures = 0;
        batchMax = recordBatchMax;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        // A refused batch goes again record by record, so that one bad record is found and passed over.
        if (isRefusedForGood(error) && batchMax > 1) {
          batchMax = 1;
          continue;
        }
        failures++;
        this.#log('warn', `Session records wait: ${messageOf(error)}`);
      }
      if (failures > 0) await this.#wait(this.#retryMs(failures));
      else if (!more) await this.#wait(this.#timing.pushIntervalMs, (wake) => (this.#wakePush = wake));
    }
  }

  /** Sends the next records and moves the cursor; true when there may be more. */
  async #pushBatch(batchMax: number): Promise<boolean> {
    const { sessions } = this.#options;
    const after = await sessions.cursor(recordCursor);
    const stored = await sessions.records({ after, limit: batchMax });
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
      await this.#post('/v1/session-records', `{"records":[${texts.join(',')}]}`);
    } catch (error) {
      if (texts.length > 1 || !isRefusedForGood(error)) throw error;
      this.#refusedRecords++;
      const detail = { sessionId: last.record.sessionId };
      this.#log('error', `The control plane refused a session record for good: ${messageOf(error)}`, detail);
    }
    await sessions.saveCursor(recordCursor, last.sequence);
    return texts.length < stored.length || stored.length === batchMax;
  }

  async #drainLoop(): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      const next = [...this.#drainReports].find(([, { delivered }]) => !delivered);
      if (next === undefined) {
        failures = 0;
        await this.#wait(idleWaitMs, (wake) => (this.#wakeDrains = wake));
        continue;
      }
      const [drainId, pending] = next;
      const body = JSON.stringify({ gateway: this.#options.gatewayId, ...pending.report });
      try {
        await this.#post(`/v1/drains/${encodeURIComponent(drainId)}/report`, body);
        pending.delivered = true;
        failures = 0;
      } catch (error) {
        this.#log('warn', `The report of drain ${drainId} waits: ${messageOf(error)}`);
        // Not known there: the drain is over.
        pending.delivered = isRefusedForGood(error, 404);
        failures = pending.delivered ? 0 : failures + 1;
      }
      if (failures > 0) await this.#wait(this.#retryMs(failures));
    }
  }

  /** Reports go out again, as the control plane may have been restarted; those of drains that are over are dropped. */
  #repeatReports(ruleset: Ruleset): void {
    const listed = new Set(ruleset.drains?.map(({ id }) => id));
    for (const [id, pending] of this.#drainReports) {
      if (listed.has(id)) pending.delivered = false;
      else if (pending.delivered) this.#drainReports.delete(id);
    }
    this.#wakeDrains();
  }

  // -- plumbing --------------------------------------------------------------------------------------

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#options.token}`, 'content-type': 'application/json' };
  }

  async #post(path: string, body: string): Promise<void> {
    const late = new AbortController();
    const stop = this.#options.clock.after(this.#timing.requestMs, () =>
      late.abort(new Error('no answer in time')),
    );
    try {
      const response = await this.#fetch(new URL(path, this.#options.url), {
        method: 'POST',
        headers: this.#headers(),
        body,
        signal: AbortSignal.any([late.signal, this.#closing.signal]),
      });
      if (!response.ok) throw await refusal(response);
      await response.arrayBuffer();
    } finally {
      stop();
    }
  }

  #retryMs(failures: number): number {
    const fullMs = Math.min(
      this.#timing.retryMaxMs,
      this.#timing.retryMinMs * 2 ** Math.min(failures - 1, 20),
    );
    return fullMs * (0.5 + 0.5 * (this.#options.random ?? systemRandom).next());
  }

  /** Ends after `delayMs`, when woken, or when the link closes. */
  async #wait(delayMs: number, onWaiting?: (wake: () => void) => void): Promise<void> {
    if (this.#closing.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stop();
        this.#closing.signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.#options.clock.after(delayMs, done);
      this.#closing.signal.addEventListener('abort', done, { once: true });
      onWaiting?.(done);
    });
  }
}

/** Acknowledgements of one revision; then the next ruleset or connection brings another. */
const ackAttemptsMax = 10;

/** An idle loop looks again after this long even when nobody woke it. */
const idleWaitMs = 60_000;

async function refusal(response: Response): Promise<CrossfadeError> {
  const text = (await response.text().catch(() => '')).slice(0, 300);
  return new CrossfadeError(
    'CONTROL_PLANE_UNREACHABLE',
    `The control plane answered ${response.status}: ${text}`,
    {
      detail: { status: response.status },
    },
  );
}

/** Whether sending the same body again can never help. */
function isRefusedForGood(error: unknown, also?: 404): boolean {
  if (!hasCode(error, 'CONTROL_PLANE_UNREACHABLE')) return false;
  return [400, 413, 422, also].includes(Number(error.detail?.['status']));
}
