import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import * as z from 'zod';
import { MetricAggregate } from '../../analysis/metrics.ts';
import type { RolloutStatus } from '../../controller/rollout-status.ts';
import { ControlClient } from '../../server/control-client.ts';
import { openSqliteSessionStore } from '../../store/sqlite/sessions.ts';
import type { SessionStore } from '../../store/store.ts';
import type { SessionRecord } from '../../transcript/session-record.ts';
import { dataPaths } from '../data-folder.ts';
import type { System } from '../supervisor/system.ts';
import type { Crowd } from './crowd.ts';
import { latencyByPipeline } from './outcome.ts';
import { progressLine } from './progress.ts';

/** A line this often, ms. */
const lineEveryMs = 2_000;
/** A rollout's end is looked for this often, ms. */
const lookEveryMs = 200;
/** A session's record is written within moments of its goodbye, ms. */
const recordsLimitMs = 15_000;
/** The gateway's health is a look into memory, ms. */
const healthLimitMs = 2_000;
const pageSize = 1_000;

const healthSchema = z.looseObject({ byUpstream: z.record(z.string(), z.number()) });

/** Reads what the running system says of itself, as a person would, and prints a line every two seconds. */
export class DemoWatch {
  readonly #system: System;
  readonly #crowd: Crowd;
  readonly #clock: Clock;
  readonly #tell: (line: string) => void;
  readonly #startedAtMs: number;
  readonly #records: SessionRecord[] = [];
  readonly #user = new MetricAggregate('user');
  #store: SessionStore | null = null;
  #client: ControlClient | null = null;
  #cursor = 0;
  #peakSessions = 0;
  #name: string | null = null;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: {
    readonly system: System;
    readonly crowd: Crowd;
    readonly clock: Clock;
    readonly tell: (line: string) => void;
    readonly startedAtMs: number;
  }) {
    this.#system = options.system;
    this.#crowd = options.crowd;
    this.#clock = options.clock;
    this.#tell = options.tell;
    this.#startedAtMs = options.startedAtMs;
  }

  get peakSessions(): number {
    return this.#peakSessions;
  }

  async open(): Promise<void> {
    this.#store = await openSqliteSessionStore({ file: dataPaths(this.#system.dataDir).sessions });
    this.#client = await ControlClient.forDataFolder(this.#system.dataDir);
    this.#running = this.#lines();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#store?.close();
  }

  /** Watches a rollout until it is completed or rolled back. */
  async untilOver(name: string, limitMs: number, signal: AbortSignal): Promise<RolloutStatus> {
    this.#name = name;
    const startedAtMs = this.#clock.monotonicMs();
    for (let told = ''; ;) {
      signal.throwIfAborted();
      const status = await this.#status(name);
      const sentence = status.verdict?.verdict === 'fail' ? status.verdict.sentence : '';
      if (sentence !== told && sentence !== '') this.#tell(`  The judge: ${sentence}`);
      told = sentence;
      if (status.state === 'completed' || status.state === 'rolled-back') return status;
      if (this.#clock.monotonicMs() - startedAtMs > limitMs) {
        const why = status.holding ?? status.verdict?.sentence ?? 'no reason is known';
        throw new CrossfadeError(
          'TIMEOUT',
          `Expected ${name} to end within ${limitMs / 1_000} s, it is ${status.state}: ${why}`,
        );
      }
      await this.#wait(lookEveryMs);
    }
  }

  /** Every session record, once as many as `expected` are there or the limit is over. */
  async allRecords(expected: number): Promise<readonly SessionRecord[]> {
    const untilMs = this.#clock.monotonicMs() + recordsLimitMs;
    do {
      await this.#readRecords();
      if (this.#records.length >= expected) break;
      await this.#wait(lookEveryMs);
    } while (this.#clock.monotonicMs() < untilMs);
    return this.#records;
  }

  async #lines(): Promise<void> {
    for (let next = this.#clock.monotonicMs() + lineEveryMs; !this.#closed;) {
      this.#peakSessions = Math.max(this.#peakSessions, this.#crowd.speaking);
      await this.#wait(lookEveryMs);
      if (this.#clock.monotonicMs() < next) continue;
      next += lineEveryMs;
      await this.#line().catch((error: unknown) => this.#tell(`(no progress line: ${messageOf(error)})`));
    }
  }

  async #line(): Promise<void> {
    const [sessions, rollout] = await Promise.all([
      this.#health(),
      this.#name === null ? null : this.#status(this.#name),
      this.#readRecords(),
    ]);
    this.#tell(
      progressLine({
        elapsedMs: this.#clock.monotonicMs() - this.#startedAtMs,
        rollout,
        sessions,
        ended: this.#records.length,
        finalLatencyMsP95: latencyByPipeline(this.#records),
        audioLostMs: this.#user.lostMs,
      }),
    );
  }

  async #health(): Promise<Readonly<Record<string, number>>> {
    const url = new URL('/healthz', this.#system.gatewayUrl.replace(/^ws/, 'http'));
    const response = await fetch(url, { signal: AbortSignal.timeout(healthLimitMs) });
    return healthSchema.parse(await response.json()).byUpstream;
  }

  #status(name: string): Promise<RolloutStatus> {
    if (this.#client === null)
      throw new CrossfadeError('INTERNAL', 'Expected an open watch, got a closed one.');
    return this.#client.rollout(name);
  }

  async #readRecords(): Promise<void> {
    for (let page = pageSize; page === pageSize && this.#store !== null;) {
      const found = await this.#store.records({ after: this.#cursor, limit: pageSize });
      // Two readers may ask at once; what the other one already took is passed over.
      for (const { sequence, record } of found) {
        if (sequence <= this.#cursor) continue;
        this.#cursor = sequence;
        this.#records.push(record);
        this.#user.add(record);
      }
      page = found.length;
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}
