import { createParser } from 'eventsource-parser';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, hasCode } from '@crossfade/sdk/core/errors';
import type { Random } from '@crossfade/sdk/core/random';

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
  /** The same for an acknowledgement: one that stalls is asked again while this gateway still counts as heard. */
  readonly ackMs: number;
}

export const linkTiming: LinkTiming = {
  silenceMs: 10_000,
  retryMinMs: 100,
  retryMaxMs: 2_000,
  pushIntervalMs: 500,
  requestMs: 10_000,
  ackMs: 3_000,
};

/** A ruleset event larger than this is no ruleset of ours: 10,000 flags of 3 kB. */
const eventMaxChars = 32 * 1024 * 1024;

export interface LinkTransportOptions {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof fetch;
  readonly timing: LinkTiming;
}

/** Requests to the control plane and the waits between them; all of it ends when the link closes. */
export class LinkTransport {
  readonly #options: LinkTransportOptions;
  readonly #closing = new AbortController();

  constructor(options: LinkTransportOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort(new Error('the link was closed'));
  }

  /** Resolves when the control plane took the body; rejects with CONTROL_PLANE_UNREACHABLE when it refused. */
  async post(path: string, body: string, limitMs = this.#options.timing.requestMs): Promise<void> {
    const limit = this.#limit(limitMs, 'no answer in time');
    try {
      const response = await this.#fetch(path, { method: 'POST', body, signal: limit.signal });
      await response.arrayBuffer();
    } finally {
      limit.end();
    }
  }

  /** Reads server-sent events until the stream ends, fails, or is silent for too long. */
  async listen(path: string, onEvent: (event: string | undefined, data: string) => void): Promise<void> {
    const { silenceMs } = this.#options.timing;
    const limit = this.#limit(silenceMs, `no event for ${silenceMs} ms`);
    try {
      const response = await this.#fetch(path, { signal: limit.signal });
      const parser = createParser({
        maxBufferSize: eventMaxChars,
        onEvent: ({ event, data }) => {
          limit.renew();
          onEvent(event, data);
        },
      });
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
    } finally {
      limit.end();
    }
  }

  /** How long to wait after so many failures in a row, ms: doubles up to a limit, half of it by chance. */
  retryMs(failures: number): number {
    const { retryMinMs, retryMaxMs } = this.#options.timing;
    const fullMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures - 1, 20));
    return fullMs * (0.5 + 0.5 * this.#options.random.next());
  }

  /** Ends after `delayMs`, when woken, or when the link closes. */
  async wait(delayMs: number, onWaiting?: (wake: () => void) => void): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.#options.clock.after(delayMs, done);
      signal.addEventListener('abort', done, { once: true });
      onWaiting?.(done);
    });
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#options.token}`, 'content-type': 'application/json' };
    const response = await this.#options.fetch(new URL(path, this.#options.url), { ...init, headers });
    if (response.ok) return response;
    const text = (await response.text().catch(() => '')).slice(0, 300);
    const message = `The control plane answered ${response.status}: ${text}`;
    throw new CrossfadeError('CONTROL_PLANE_UNREACHABLE', message, { detail: { status: response.status } });
  }

  /** A signal that aborts after `delayMs` without `renew`, or when the link closes. */
  #limit(delayMs: number, why: string): { signal: AbortSignal; renew(): void; end(): void } {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    const controller = new AbortController();
    const expire = (): void => controller.abort(new Error(why));
    const close = (): void => controller.abort(signal.reason);
    let stop = clock.after(delayMs, expire);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    return {
      signal: controller.signal,
      renew() {
        stop();
        stop = clock.after(delayMs, expire);
      },
      end() {
        stop();
        signal.removeEventListener('abort', close);
      },
    };
  }
}

/** Whether sending the same body again can never help. */
export function isRefusedForGood(error: unknown, also?: 404): boolean {
  if (!hasCode(error, 'CONTROL_PLANE_UNREACHABLE')) return false;
  return [400, 413, 422, also].includes(Number(error.detail?.['status']));
}
