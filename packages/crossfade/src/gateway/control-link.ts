import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { systemRandom, type Random } from '@crossfade/sdk/core/random';
import type { Ruleset } from '@crossfade/sdk/flags/ruleset';
import type { SessionStore } from '../store/store.ts';
import type { SessionSignal } from '../transcript/session-record.ts';
import { answerIntervalMs, heartbeatIntervalMs, heartbeatSchema } from '../wire/control.ts';
import { LinkDrains, type GatewayDrainReport } from './link-drains.ts';
import { LinkRecords } from './link-records.ts';
import { LinkSignals } from './link-signals.ts';
import { LinkTransport, linkTiming, type LinkLog, type LinkTiming } from './link-transport.ts';
import { readRulesetCache, writeRulesetCache } from './ruleset-cache.ts';

/** The part of an evaluator that the link feeds. */
export interface LinkedEvaluator {
  /** Validates whole and compiles; throws and changes nothing when it refuses. */
  apply(ruleset: unknown): void;
  /** The control plane lives: leases are renewed. */
  heard(): void;
}

export interface ControlLinkOptions {
  /** Address of the control plane, such as http://127.0.0.1:7070. */
  readonly url: string;
  readonly token: string;
  readonly gatewayId: string;
  /** Names of what this gateway can route to; the control plane says when a rollout wants another. */
  readonly upstreams?: readonly string[];
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

/** Half a heartbeat less than the interval: the one that falls due then comes a little early or late. */
const answerAfterMs = answerIntervalMs - heartbeatIntervalMs / 2;

/**
 * A gateway's side of the control plane. Brings rulesets in, sends acknowledgements, session records and drain
 * reports out. Audio never waits for it: every failure is retried here, with growing waits, and the gateway
 * decides by the last ruleset meanwhile (by control, when its lease is over).
 *
 * Promises. Records: in order, each at least once. Drain reports: the latest of each drain is delivered at least
 * once. Rulesets: only newer ones are applied; a refused one is logged and the last stays. Leases are renewed only
 * while the revision that decides here is the one that the control plane announces, so a gateway that missed or
 * refused a ruleset stops serving the candidate by itself.
 */
export class ControlLink {
  readonly #options: ControlLinkOptions;
  readonly #log: LinkLog;
  readonly #transport: LinkTransport;
  readonly #ackMs: number;
  readonly #records: LinkRecords;
  readonly #signals: LinkSignals;
  readonly #drains: LinkDrains;
  readonly #listeners = new Set<(ruleset: Ruleset) => void>();
  #loops: readonly Promise<void>[] = [];
  #caching: Promise<void> = Promise.resolve();
  #ruleset: Ruleset | undefined;
  #heardAtMs: number | undefined;
  #cachedAtMs: number | undefined;
  #connected = false;
  /** Revision that the control plane was told; -1: none on this connection. */
  #acknowledged = -1;
  /** When the last acknowledgement that arrived was sent, monotonic. */
  #acknowledgedAtMs = -Infinity;
  #acknowledging = false;
  /** Announced, and not ours: said once in the log. */
  #foreignRevision: number | undefined;

  constructor(options: ControlLinkOptions) {
    const { clock, url, token, gatewayId } = options;
    const timing = { ...linkTiming, ...options.timing };
    this.#ackMs = timing.ackMs;
    this.#options = options;
    this.#log = options.log ?? (() => {});
    const random = options.random ?? systemRandom;
    this.#transport = new LinkTransport({ url, token, clock, random, timing, fetch: options.fetch ?? fetch });
    const { pushIntervalMs } = timing;
    const { sessions } = options;
    this.#records = new LinkRecords(this.#transport, gatewayId, sessions, this.#log, pushIntervalMs);
    this.#signals = new LinkSignals(this.#transport, this.#log, pushIntervalMs);
    this.#drains = new LinkDrains(this.#transport, gatewayId, this.#log);
  }

  /** Applies the ruleset on disk, if any, then starts to listen and to send. Resolves before the first answer. */
  async start(): Promise<void> {
    const cached = await readRulesetCache(this.#options.cacheFile);
    if (cached !== null && this.#apply(cached.ruleset, 'disk')) this.#cachedAtMs = cached.savedAtMs;
    this.#loops = [this.#listenLoop(), this.#records.run(), this.#signals.run(), this.#drains.run()];
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

  /** Records that the control plane refused as malformed; they stay in the gateway's store as long as others. */
  get refusedRecords(): number {
    return this.#records.refused;
  }

  /** Called with every ruleset that was applied, and at once with the one that decides now. */
  onRuleset(listener: (ruleset: Ruleset) => void): () => void {
    this.#listeners.add(listener);
    if (this.#ruleset !== undefined) listener(this.#ruleset);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Says what became of a drain's sessions, whole each time. Retried until delivered, and delivered again on
   * every new connection for as long as the ruleset lists the drain.
   */
  reportDrain(drainId: string, report: GatewayDrainReport): void {
    this.#drains.report(drainId, report);
  }

  /** A session was stored: push now rather than at the next look. */
  recordStored(): void {
    this.#records.wake();
  }

  /** Something is known of a session that runs; sent soon, with others. */
  signal(signal: SessionSignal): void {
    this.#signals.add(signal);
  }

  /** Signals that were given up; their sessions are counted by their records. */
  get droppedSignals(): number {
    return this.#signals.dropped;
  }

  /** Stops everything; what was not sent is sent by the next start (records) or asked again (drains). */
  async close(): Promise<void> {
    this.#transport.close();
    await Promise.all(this.#loops);
    await this.#caching;
  }

  async #listenLoop(): Promise<void> {
    const { gatewayId, upstreams } = this.#options;
    const query = new URLSearchParams({ evaluator: gatewayId, role: 'gateway', answers: 'true' });
    if (upstreams !== undefined) query.set('upstreams', upstreams.join(','));
    const path = `/v1/ruleset/stream?${query.toString()}`;
    let failures = 0;
    while (!this.#transport.isClosed) {
      const before = this.#heardAtMs;
      this.#acknowledged = -1;
      try {
        await this.#transport.listen(path, (event, data) => this.#onEvent(event, data));
        this.#log('info', 'The control plane ended the ruleset stream.');
      } catch (error) {
        if (!this.#transport.isClosed) this.#log('warn', `The ruleset stream failed: ${messageOf(error)}`);
      }
      this.#connected = false;
      failures = this.#heardAtMs === before ? failures + 1 : 1;
      await this.#transport.wait(this.#transport.retryMs(failures));
    }
  }

  #onEvent(event: string | undefined, data: string): void {
    const value = asJson(data);
    const announced = heartbeatSchema.safeParse(value);
    if (!announced.success) {
      this.#log(
        'error',
        `Expected a revision in every event of the ruleset stream, got ${event ?? 'none'} without.`,
      );
      return;
    }
    const { revision } = announced.data;
    const isFirst = !this.#connected;
    this.#connected = true;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (event === 'ruleset' && revision > (this.#ruleset?.revision ?? -1)) {
      const ruleset = value as Ruleset;
      if (this.#apply(ruleset, 'control plane')) this.#cache(ruleset);
    }
    if (isFirst && this.#ruleset !== undefined) this.#drains.repeat(this.#ruleset);
    if (revision !== this.#ruleset?.revision) {
      this.#refuseForeign(revision);
      return;
    }
    this.#options.evaluator.heard();
    const isAnswerDue = this.#options.clock.monotonicMs() - this.#acknowledgedAtMs >= answerAfterMs;
    if (this.#acknowledged < revision || isAnswerDue) void this.#acknowledge(revision);
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

  /** One write after the other: an older ruleset never replaces a newer one. */
  #cache(ruleset: Ruleset): void {
    const cached = { ruleset, savedAtMs: this.#options.clock.nowMs() };
    this.#caching = this.#caching
      .then(() => writeRulesetCache(this.#options.cacheFile, cached))
      .catch((error: unknown) =>
        this.#log('warn', `The ruleset could not be kept on disk: ${messageOf(error)}`),
      );
  }

  /** What decides here is not what the control plane says: no lease is renewed, and the log says so once. */
  #refuseForeign(revision: number): void {
    if (this.#foreignRevision === revision) return;
    this.#foreignRevision = revision;
    const ours = this.#ruleset?.revision ?? 'none';
    const remedy =
      typeof ours === 'number' && revision < ours
        ? ` If its data was made anew, delete ${this.#options.cacheFile} and restart this gateway.`
        : '';
    this.#log(
      'error',
      `Expected the control plane to announce revision ${ours}, got ${revision}; candidates end with their lease.${remedy}`,
    );
  }

  /** Once, then as a sign of life; when it is lost, the next heartbeat asks again. */
  async #acknowledge(revision: number): Promise<void> {
    if (this.#acknowledging) return;
    this.#acknowledging = true;
    const sentAtMs = this.#options.clock.monotonicMs();
    try {
      const path = `/v1/evaluators/${encodeURIComponent(this.#options.gatewayId)}/ack`;
      await this.#transport.post(path, JSON.stringify({ revision }), this.#ackMs);
      this.#acknowledged = revision;
      this.#acknowledgedAtMs = sentAtMs;
    } catch (error) {
      if (!this.#transport.isClosed)
        this.#log('warn', `Revision ${revision} is not acknowledged yet: ${messageOf(error)}`);
    } finally {
      this.#acknowledging = false;
      const { revision: current = -1 } = this.#ruleset ?? {};
      // A newer ruleset came meanwhile.
      if (this.#acknowledged === revision && current > revision && !this.#transport.isClosed)
        void this.#acknowledge(current);
    }
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
