import type { Clock } from '@crossfade/sdk/core/clock';
import { ToneGrid } from '../../signal/tone-grid.ts';
import { drillSampleRate, plannedSession } from './drill-speech.ts';
import { speak } from './speak.ts';
import { SpokenSession } from './spoken-session.ts';

export interface LanesOptions {
  readonly seed: number;
  /** Number of the first speaker: those of another system say other things. */
  readonly firstLane: number;
  readonly lanes: number;
  readonly gatewayUrl: string;
  readonly clock: Clock;
  /** Its client is done with it, one way or the other. */
  readonly onOver: (session: SpokenSession) => void;
}

/** A client that could not connect tries again after this, ms. */
const retryMs = 150;

/** Speakers, each with one session after another. */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #grid = new ToneGrid(drillSampleRate);
  readonly #open = new Set<SpokenSession>();
  #running: Promise<void>[] = [];
  #isStopping = false;
  readonly #hangUps = new Set<() => void>();

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** Sessions that are spoken now. */
  get open(): ReadonlySet<SpokenSession> {
    return this.#open;
  }

  start(): void {
    this.#running = Array.from({ length: this.#options.lanes }, (_, lane) =>
      this.#run(this.#options.firstLane + lane),
    );
  }

  /** No new sessions; resolves when the open ones have said what they had to say. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** Everybody hangs up: the drill is broken off. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    for (const hangUp of this.#hangUps) hangUp();
    await this.stop();
  }

  async #run(lane: number): Promise<void> {
    const { seed, gatewayUrl, clock, onOver } = this.#options;
    for (let number = 0; !this.#isStopping; number += 1) {
      const session = new SpokenSession(plannedSession(seed, lane, number, this.#grid));
      this.#open.add(session);
      await speak(session, { gatewayUrl, clock, hangUps: this.#hangUps });
      this.#open.delete(session);
      onOver(session);
      if (session.isBroken) await new Promise<void>((resolve) => clock.after(retryMs, resolve));
    }
  }
}
