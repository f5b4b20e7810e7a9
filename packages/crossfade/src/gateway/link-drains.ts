import { messageOf } from '@crossfade/sdk/core/errors';
import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { DrainedSession } from '../wire/control.ts';
import { isRefusedForGood, type LinkLog, type LinkTransport } from './link-transport.ts';

/** What became of the sessions of one drain on this gateway; `done` when none of them is open. */
export interface GatewayDrainReport {
  readonly sessions: readonly DrainedSession[];
  readonly done: boolean;
}

/** An idle loop looks again after this long even when nobody woke it. */
const idleWaitMs = 60_000;
/** At most so often: each report with news is an event in a log that is never shortened, and 200 sessions leave one by one. */
const betweenReportsMs = 200;

/**
 * Delivers drain reports: the latest of each drain, at least once, and again on every new connection for as long
 * as the ruleset lists the drain, because the control plane may have been restarted.
 */
export class LinkDrains {
  readonly #transport: LinkTransport;
  readonly #gatewayId: string;
  readonly #log: LinkLog;
  readonly #reports = new Map<string, { readonly report: GatewayDrainReport; delivered: boolean }>();
  #wake: () => void = () => {};

  constructor(transport: LinkTransport, gatewayId: string, log: LinkLog) {
    this.#transport = transport;
    this.#gatewayId = gatewayId;
    this.#log = log;
  }

  report(drainId: string, report: GatewayDrainReport): void {
    this.#reports.set(drainId, { report, delivered: false });
    this.#wake();
  }

  /** A new connection: reports go out again; those of drains that are over are dropped. */
  repeat(ruleset: Ruleset): void {
    const listed = new Set(ruleset.drains?.map(({ id }) => id));
    for (const [id, pending] of this.#reports) {
      if (listed.has(id)) pending.delivered = false;
      else if (pending.delivered) this.#reports.delete(id);
    }
    this.#wake();
  }

  /** Until the link closes. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#transport.isClosed) {
      const next = [...this.#reports].find(([, { delivered }]) => !delivered);
      if (next === undefined) {
        await this.#transport.wait(idleWaitMs, (wake) => (this.#wake = wake));
        continue;
      }
      const [drainId, pending] = next;
      const body = JSON.stringify({ gateway: this.#gatewayId, ...pending.report });
      try {
        await this.#transport.post(`/v1/drains/${encodeURIComponent(drainId)}/report`, body);
        pending.delivered = true;
      } catch (error) {
        if (this.#transport.isClosed) return;
        this.#log('warn', `The report of drain ${drainId} waits: ${messageOf(error)}`);
        // Not known there: the drain is over.
        pending.delivered = isRefusedForGood(error, 404);
      }
      failures = pending.delivered ? 0 : failures + 1;
      await this.#transport.wait(failures > 0 ? this.#transport.retryMs(failures) : betweenReportsMs);
    }
  }
}
