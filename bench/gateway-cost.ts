/**
 * What a session costs through the gateway and through a bare `ws` pass-through. Both sides run beside each other with
 * sessions of their own; short slices of speech take turns between them, so that a machine that grows busier or slower
 * meets both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { Part } from './part.ts';
import { Speakers } from './speakers.ts';

export type Side = 'gateway' | 'pass-through';

export interface CostOptions {
  readonly frameMs: number;
  readonly sessions: number;
  /** Pairs of slices. */
  readonly rounds: number;
  readonly sliceSeconds: number;
}

export interface SideCost {
  /** CPU ms of the process for a second of one session, a slice each. */
  readonly cpuMs: readonly number[];
  /** Frame leaves its client until the text it brought about is there, by slice. */
  readonly roundTripsMs: readonly (readonly number[])[];
  /** Frame leaves its client until the upstream has it, by slice. */
  readonly framesMs: readonly (readonly number[])[];
  readonly bytesPerSession: number;
  /** How late the speakers themselves were at most. */
  readonly lateMsMax: number;
}

/** The beginning of each slice is not measured: sockets and caches are cold. */
const settleMs = 500;
/** Slices before the first measured pair, for the compiler. */
const warmUpSlices = 2;

const wait = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.after(ms, resolve));

export async function costOf(options: CostOptions): Promise<Readonly<Record<Side, SideCost>>> {
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-bench-'));
  const sides = { gateway: new RunningSide(options), 'pass-through': new RunningSide(options) };
  try {
    for (const side of ['pass-through', 'gateway'] as const) await sides[side].start(side, folder);
    for (let round = -warmUpSlices; round < options.rounds; round += 1) {
      // The one that goes first changes.
      const order: Side[] = round % 2 === 0 ? ['pass-through', 'gateway'] : ['gateway', 'pass-through'];
      for (const side of order) await sides[side].slice(round >= 0);
    }
    return { gateway: sides.gateway.cost(), 'pass-through': sides['pass-through'].cost() };
  } finally {
    await Promise.all(Object.values(sides).map((side) => side.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

class RunningSide {
  readonly #options: CostOptions;
  readonly #upstream = new Part();
  readonly #part = new Part();
  readonly #speakers: Speakers;
  readonly #cpuMs: number[] = [];
  readonly #roundTripsMs: (readonly number[])[] = [];
  readonly #framesMs: (readonly number[])[] = [];
  #bytesPerSession = 0;

  constructor(options: CostOptions) {
    this.#options = options;
    this.#speakers = new Speakers(options.frameMs);
  }

  async start(side: Side, folder: string): Promise<void> {
    const { port } = await this.#upstream.start({ role: 'upstream' });
    await this.#part.start(
      side === 'gateway'
        ? { role: 'gateway', control: port, candidate: port, folder, onCandidate: false }
        : { role: 'pass-through', upstreamPort: port },
    );
    const idle = await this.#part.ask();
    await this.#speakers.open(this.#part.port, this.#options.sessions);
    // Memory with every session in full swing, before the other side starts.
    await this.slice(false);
    this.#bytesPerSession = ((await this.#part.ask()).rssBytes - idle.rssBytes) / this.#options.sessions;
  }

  /** One stretch of speech. */
  async slice(isMeasured: boolean): Promise<void> {
    const { sliceSeconds, sessions } = this.#options;
    this.#speakers.speak();
    await wait(settleMs);
    const [before] = await Promise.all([this.#part.ask(), this.#upstream.ask()]);
    const startedAtMs = systemClock.monotonicMs();
    this.#speakers.isMeasuring = isMeasured;
    await wait(sliceSeconds * 1_000);
    this.#speakers.isMeasuring = false;
    const seconds = (systemClock.monotonicMs() - startedAtMs) / 1_000;
    const [after, heard] = await Promise.all([this.#part.ask(), this.#upstream.ask()]);
    this.#speakers.pause();
    const roundTripsMs = this.#speakers.takeRoundTripsMs();
    if (!isMeasured) return;
    this.#cpuMs.push((after.cpuMs - before.cpuMs) / seconds / sessions);
    this.#roundTripsMs.push(roundTripsMs);
    this.#framesMs.push(heard.framesMs);
  }

  cost(): SideCost {
    return {
      cpuMs: this.#cpuMs,
      roundTripsMs: this.#roundTripsMs,
      framesMs: this.#framesMs,
      bytesPerSession: this.#bytesPerSession,
      lateMsMax: this.#speakers.lateMsMax,
    };
  }

  async stop(): Promise<void> {
    await this.#speakers.stop(false);
    await this.#part.kill();
    await this.#upstream.kill();
  }
}
