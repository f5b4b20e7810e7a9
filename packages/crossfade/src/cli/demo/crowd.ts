import { setMaxListeners } from 'node:events';
import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import type { DemoAudio, DemoVoice } from './demo-audio.ts';
import { speakSession, type SpokenSession } from './live-session.ts';
import { laneSessions, type PlannedSession, type TrafficPlan } from './traffic.ts';

/** One session of the demo: what was planned, what it said, what the client saw. */
export interface DemoSession {
  readonly planned: PlannedSession;
  readonly script: DemoAudio['script'];
  readonly spoken: SpokenSession;
}

export interface CrowdOptions {
  readonly plan: TrafficPlan;
  readonly voice: DemoVoice;
  readonly gatewayUrl: string;
  readonly clock: Clock;
}

/** Speakers in their lanes, one session after another in each, until told to stop. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #sessions: DemoSession[] = [];
  readonly #lanes: Promise<void>[] = [];
  readonly #waits = new Set<() => void>();
  readonly #cut = new AbortController();
  #speaking = 0;
  #isStopping = false;

  constructor(options: CrowdOptions) {
    this.#options = options;
    // One listener for each session that speaks.
    setMaxListeners(options.plan.lanes, this.#cut.signal);
  }

  /** Sessions that speak now. */
  get speaking(): number {
    return this.#speaking;
  }

  get finished(): readonly DemoSession[] {
    return this.#sessions;
  }

  start(): void {
    for (let lane = 0; lane < this.#options.plan.lanes; lane += 1) this.#lanes.push(this.#runLane(lane));
  }

  /** No new sessions; resolves with all of them when the open ones have said what they had to say. */
  async stop(): Promise<readonly DemoSession[]> {
    this.#isStopping = true;
    for (const wake of this.#waits) wake();
    await Promise.all(this.#lanes);
    return this.#sessions;
  }

  /** Everybody hangs up at once: the demo is broken off. */
  async cut(): Promise<void> {
    this.#cut.abort();
    await this.stop();
  }

  async #runLane(lane: number): Promise<void> {
    const { plan, voice, gatewayUrl, clock } = this.#options;
    for (const planned of laneSessions(plan, lane)) {
      await this.#pause(planned.pauseMs);
      if (this.#isStopping) return;
      const audio = voice.audioOf(planned.content);
      const { targetingKey, attributes } = planned.user;
      this.#speaking += 1;
      const model = planned.engine;
      const spoken = await speakSession({
        gatewayUrl,
        model,
        targetingKey,
        attributes,
        audio,
        clock,
        signal: this.#cut.signal,
      });
      this.#speaking -= 1;
      this.#sessions.push({ planned, script: audio.script, spoken });
    }
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      const wake = (): void => {
        cancel();
        this.#waits.delete(wake);
        resolve();
      };
      cancel = this.#options.clock.after(delayMs, wake);
      this.#waits.add(wake);
    });
  }
}
