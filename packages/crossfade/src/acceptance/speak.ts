import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { msToSamples, samplesToMs } from '@crossfade/sdk/core/units';
import type { Accepted, Driver, DriverConnection, SaidText, SessionBreak } from './driver.ts';
import type { Observation, SeenText, SessionSpec } from './observation.ts';

/** From the stop to the goodbye: an orphan is one after 10 s, a recovery one after 30 s. */
const goodbyeLimitMs = 30_000;
/** A target that has not taken the session by then never will. */
const acceptLimitMs = 12_000;
/** Partials and finals of a session: 50 for each second of audio, and some. */
const textsPerSecondMax = 50;
const textsMin = 500;
/** Characters of all of them: a hostile target fills this in vain. */
const charactersMax = 4_000_000;
const wordsPerTextMax = 5_000;

export interface SpeakOptions {
  readonly spec: SessionSpec;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** A session while it runs, for whoever wants to break something at a chosen moment. */
export interface LiveSpeech {
  /** Resolves when the session is over, however it ended. Never rejects. */
  readonly over: Promise<Observation>;
  /** Null until the target gave it a name. */
  readonly sessionId: string | null;
  /** Samples that were captured by now. */
  producedSamples(): number;
  /** Resolves when the stop was said, or the session ended before. */
  readonly stopped: Promise<void>;
  /** Loses the client's network, where its driver goes on by itself. */
  drop(): void;
  /** Resolves with the next partial that has a text, or when the session is over. */
  nextPartial(): Promise<void>;
}

/**
 * Speaks one session at its pace and writes down what comes back. Sample s is captured at origin + s / rate / pace; frames
 * leave on that absolute schedule whatever happened before, and how late they left is part of the observation.
 */
export function speak(options: SpeakOptions): LiveSpeech {
  return new Speech(options);
}

class Speech implements LiveSpeech {
  readonly over: Promise<Observation>;
  readonly stopped: Promise<void>;
  readonly #options: SpeakOptions;
  readonly #originMs: number;
  readonly #connection: DriverConnection;
  readonly #texts: SeenText[] = [];
  readonly #lateMs: number[] = [];
  #partialWaiters: (() => void)[] = [];
  #tellOver!: (observation: Observation) => void;
  #tellStopped!: () => void;
  #accepted: Accepted | null = null;
  #acceptedAtMs = 0;
  #sent = 0;
  /** The sample at which the client loses its connection; null: never, or done. */
  #dropAt: number | null;
  #characters = 0;
  #stoppedAtMs: number | null = null;
  #doneAtMs: number | null = null;
  #problem: SessionBreak | null = null;
  #isOver = false;
  #cancel: Cancel;
  readonly #onAbort: () => void;

  constructor(options: SpeakOptions) {
    this.#options = options;
    const { spec, driver, clock, signal } = options;
    this.over = new Promise((resolve) => (this.#tellOver = resolve));
    this.stopped = new Promise((resolve) => (this.#tellStopped = resolve));
    this.#dropAt = spec.dropAtShare === null ? null : Math.round(spec.dropAtShare * spec.speech.totalSamples);
    this.#originMs = clock.monotonicMs();
    this.#cancel = clock.after(acceptLimitMs, () =>
      this.#cut({
        kind: 'unreachable',
        reason: `Expected the target to take a session within ${acceptLimitMs / 1_000} s, got no answer.`,
      }),
    );
    this.#onAbort = () => this.#cut({ kind: 'died', reason: 'The run was stopped.' });
    this.#connection = driver.connect(spec.speech.sampleRate, {
      onAccepted: (accepted) => this.#onAccepted(accepted),
      onText: (text) => this.#onText(text),
      onDone: () => (this.#doneAtMs ??= this.#nowMs()),
      onEnd: (problem) => this.#onEnd(problem),
    });
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) queueMicrotask(this.#onAbort);
  }

  get sessionId(): string | null {
    return this.#accepted?.sessionId ?? null;
  }

  producedSamples(): number {
    const { speech, pace } = this.#options.spec;
    return Math.min(speech.totalSamples, msToSamples(this.#nowMs() * pace, speech.sampleRate));
  }

  drop(): void {
    this.#connection.drop?.();
  }

  nextPartial(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => this.#partialWaiters.push(resolve));
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs() - this.#originMs;
  }

  #onAccepted(accepted: Accepted): void {
    this.#accepted = accepted;
    this.#acceptedAtMs = this.#nowMs();
    this.#cancel();
    this.#sendDue();
  }

  /** Sends every frame that is due, then waits for the next one on the absolute schedule. */
  #sendDue(): void {
    const { clock, spec } = this.#options;
    const { sampleRate, totalSamples } = spec.speech;
    const frameSamples = msToSamples(spec.frameMs, sampleRate);
    while (this.#sent < totalSamples) {
      const end = Math.min(totalSamples, this.#sent + frameSamples);
      const lateMs = this.#nowMs() - samplesToMs(end, sampleRate) / spec.pace;
      // Timers fire on whole milliseconds; a frame that is due within this one goes now.
      if (lateMs < -1) {
        this.#cancel = clock.after(-lateMs, () => this.#sendDue());
        return;
      }
      if (this.#dropAt !== null && this.#sent >= this.#dropAt) {
        this.#dropAt = null;
        this.#connection.drop?.();
      }
      if (!this.#connection.send(spec.speech.read(this.#sent, end))) return;
      // What had to wait for the connection is not the sender's fault.
      this.#lateMs.push(Math.max(0, Math.min(lateMs, this.#nowMs() - this.#acceptedAtMs)));
      this.#sent = end;
    }
    this.#sayStop();
  }

  #sayStop(): void {
    const { clock, spec } = this.#options;
    if (spec.stop === 'hang-up') {
      this.#tellStopped();
      this.#cut({ kind: 'died', reason: 'The client hung up, as it was to.' });
      return;
    }
    if (spec.stop === 'finalize-and-close') this.#connection.finalize?.();
    this.#connection.stop();
    this.#stoppedAtMs = this.#nowMs();
    this.#tellStopped();
    this.#cancel = clock.after(goodbyeLimitMs, () =>
      this.#cut({
        kind: 'died',
        reason: `Expected a goodbye within ${goodbyeLimitMs / 1_000} s of the stop, got none.`,
      }),
    );
  }

  #onText(text: SaidText): void {
    const { totalSamples, sampleRate } = this.#options.spec.speech;
    const textsMax = textsMin + textsPerSecondMax * Math.ceil(totalSamples / sampleRate);
    this.#characters += text.text.length;
    if (
      this.#texts.length >= textsMax ||
      this.#characters > charactersMax ||
      text.words.length > wordsPerTextMax
    ) {
      const limits = `${textsMax} texts, ${charactersMax} characters and ${wordsPerTextMax} words a text`;
      this.#cut({ kind: 'broke-protocol', reason: `Expected at most ${limits} in a session, got more.` });
      return;
    }
    this.#texts.push({ ...text, atMs: this.#nowMs() });
    if (!text.isFinal && text.text !== '') for (const tell of this.#partialWaiters.splice(0)) tell();
  }

  /** Ends a session that would not end by itself. */
  #cut(problem: SessionBreak): void {
    this.#problem ??= problem;
    this.#connection.hangUp();
  }

  #onEnd(problem: SessionBreak | null): void {
    this.#isOver = true;
    this.#cancel();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const tell of this.#partialWaiters.splice(0)) tell();
    this.#tellStopped();
    this.#tellOver({
      spec: this.#options.spec,
      accepted: this.#accepted,
      sentSamples: this.#sent,
      lateMs: this.#lateMs,
      texts: this.#texts,
      stoppedAtMs: this.#stoppedAtMs,
      doneAtMs: this.#doneAtMs,
      endedAtMs: this.#nowMs(),
      problem: this.#problem ?? problem,
    });
  }
}
