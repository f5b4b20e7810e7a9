import { samplesToMs } from '@crossfade/sdk/core/units';
import type { Observation } from './observation.ts';
import type { LiveSpeech } from './speak.ts';
import type { JournaledSamples, Target, TargetProcess } from './target.ts';

/** Audio that the worst session of a crash lost, by the journal's files, ms. */
export interface InsideLosses {
  readonly killMs: number;
  /** Had the power gone instead. */
  readonly powerCutMs: number;
  /** The most by which a session's loss differs from what was seen from outside, ms. */
  readonly differenceMs: number;
}

/** What there was at the moment of a crash: how much each person had said, and how much of it was in the files. */
export class CrashScene {
  readonly #target: Target;
  readonly #speeches: readonly LiveSpeech[];
  #produced: readonly number[];
  #journaled: ReadonlyMap<string, JournaledSamples> | null = null;
  #hasLooked = false;

  constructor(target: Target, speeches: readonly LiveSpeech[]) {
    this.#target = target;
    this.#speeches = speeches;
    this.#produced = this.#count();
  }

  /** Samples that each session had said when the process that its client was connected to died. */
  get produced(): readonly number[] {
    return this.#produced;
  }

  /** Looks once: before the first kill that takes clients with it. The process stays frozen until it is killed. */
  async lookBefore(process: TargetProcess): Promise<void> {
    const takesClients = process.role !== 'pipeline' || this.#target.processes.length === 1;
    if (this.#hasLooked || !takesClients) return;
    this.#hasLooked = true;
    const { whiteBox } = this.#target;
    if (whiteBox !== undefined) process.freeze?.();
    this.#produced = this.#count();
    if (whiteBox !== undefined) this.#journaled = await whiteBox.journaled();
  }

  /** Null when nobody looked inside, or when no session broke. */
  losses(
    sessions: readonly { readonly observation: Observation; readonly lossMs: number }[],
  ): InsideLosses | null {
    const journaled = this.#journaled;
    if (journaled === null) return null;
    const found = sessions.flatMap(({ observation, lossMs }, i) => {
      const { spec, accepted, problem } = observation;
      const samples = journaled.get(accepted?.sessionId ?? '');
      // A client that resumes sends again what was not in the files: nothing is lost that a person would miss.
      if (problem === null || samples === undefined) return [];
      const produced = this.#produced[i] ?? 0;
      const missing = (kept: number): number =>
        samplesToMs(Math.max(0, produced - kept), spec.speech.sampleRate);
      const killMs = missing(samples.afterKill);
      return [
        { killMs, powerCutMs: missing(samples.afterPowerCut), differenceMs: Math.abs(killMs - lossMs) },
      ];
    });
    if (found.length === 0) return null;
    return {
      killMs: Math.max(...found.map(({ killMs }) => killMs)),
      powerCutMs: Math.max(...found.map(({ powerCutMs }) => powerCutMs)),
      differenceMs: Math.max(...found.map(({ differenceMs }) => differenceMs)),
    };
  }

  #count(): readonly number[] {
    return this.#speeches.map((speech) => speech.producedSamples());
  }
}
