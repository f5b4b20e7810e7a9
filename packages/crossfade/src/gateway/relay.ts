/**
 * Keeps one session on an upstream: starts attempts, replaces the ones that fail, lets control take over when the
 * assigned arm cannot go on, and asks for the tail that a pipeline kept.
 */
import { msToSamples } from '@crossfade/sdk/core/units';
import type { ListenQuery } from '../wire/listen-query.ts';
import { type Hypothesis, newIn } from '../transcript/hypothesis.ts';
import type { SampleRange } from '../transcript/range-set.ts';
import type { ReplayPoint } from '../transcript/reconciler.ts';
import type { AttemptEnd } from '../transcript/session-record.ts';
import { type ResultFlags, UpstreamAttempt } from './attempt.ts';
import { type NextAttempt, nextAttempt } from './route.ts';
import { FinalTimeline } from './final-timeline.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionLedgers } from './session-ledgers.ts';
import type { SessionNote } from './session-notes.ts';

/** The session as its relay sees it. */
export interface RelayHost {
  readonly sessionId: string;
  readonly query: ListenQuery;
  readonly controlUpstream: string;
  readonly ledgers: SessionLedgers;
  /** First sample that has not arrived. */
  readonly endSample: number;
  /** First sample that no final covers. */
  readonly settledSample: number;
  /** Where the next attempt begins. */
  replayPoint(): ReplayPoint;
  /** No more audio will come. */
  readonly isFinishing: boolean;
  onPartial(hypothesis: Hypothesis, flags: ResultFlags): void;
  /** Answers the audio that the final skipped, when it was not accepted for that. */
  onFinal(hypothesis: Hypothesis, flags: ResultFlags, from: FinalSource): SampleRange | null;
  onSpeechStarted(sample: number): void;
  onUtteranceEnd(lastWordEndSample: number): void;
  /** Control took over from an arm that failed. */
  onRescued(): void;
  /** Every sample is settled and no more will come. */
  onCovered(): void;
  /** Nobody transcribes the rest. */
  onGaveUp(why: string): void;
  note(note: SessionNote): void;
}

export interface FinalSource {
  readonly upstream: string;
  /** Take it though it skips audio. */
  readonly acceptHole: boolean;
}

/** Silence sent after the tail to a pipeline that kept it, doubled with each try; three cover chunks of 8 s. */
const tailPadMs = 2_000;
const tailTriesMax = 3;
/** How far two finals of a server may overlap, because it rounds its times. */
const overlapMs = 20;

export class Relay {
  readonly #context: SessionContext;
  readonly #host: RelayHost;
  #attempt: UpstreamAttempt | null = null;
  /** What was settled when the running attempt began; what it hears before that is not its work. */
  #attemptFrom = 0;
  #next: NextAttempt;
  #faultsInRow = 0;
  #faults = 0;
  #tailTries = 0;
  #isOver = false;

  constructor(context: SessionContext, host: RelayHost, upstream: string) {
    this.#context = context;
    this.#host = host;
    this.#next = { upstream, delayMs: 0, acceptHoles: false };
  }

  /** The upstream that serves the session now. */
  get upstream(): string {
    return this.#next.upstream;
  }

  /** Bytes that wait for the upstream to read them. */
  get unsentBytes(): number {
    return this.#attempt?.unsentBytes ?? 0;
  }

  /** Begins, or begins again after a restart. Does nothing while an attempt runs. */
  start(): void {
    if (this.#attempt === null) this.#startAttempt();
  }

  /** After a restart of the gateway: the session had left its arm for this upstream. */
  restore(upstream: string): void {
    this.#next = { ...this.#next, upstream };
  }

  offer(startSample: number, bytes: Uint8Array): void {
    this.#attempt?.offer(startSample, bytes);
  }

  finalize(): void {
    this.#attempt?.finalize();
  }

  /** No more audio comes. */
  finish(): void {
    if (this.#attempt === null) this.#startAttempt();
    else this.#attempt.closeStream();
  }

  tick(nowMs: number): void {
    this.#attempt?.tick(nowMs);
  }

  /** A rollback takes the session to control: what is not settled is replayed there. */
  moveToControl(reason: string): void {
    this.#endAttempt('migrated', reason);
    this.#host.ledgers.migratedFromArm();
    this.#host.note({ kind: 'left-arm', to: this.#host.controlUpstream, failure: '' });
    this.#next = { upstream: this.#host.controlUpstream, delayMs: 0, acceptHoles: false };
    this.#faultsInRow = 0;
    this.#startAttempt();
  }

  /** Nothing comes from it any more. */
  stop(): void {
    this.#isOver = true;
    this.#attempt?.abandon();
    this.#attempt = null;
  }

  #startAttempt(): void {
    const host = this.#host;
    if (this.#isOver) return;
    if (host.isFinishing && host.settledSample >= host.endSample) {
      host.onCovered();
      return;
    }
    const upstream = this.#context.upstreams.get(this.#next.upstream);
    if (upstream === undefined) {
      host.onGaveUp(`upstream ${this.#next.upstream} is not configured`);
      return;
    }
    const { journal, limits, clock, upstreamRoom } = this.#context;
    const { encoding, sampleRate, parameters } = host.query;
    const point = host.replayPoint();
    const timeline = new FinalTimeline(point.baseSample, msToSamples(overlapMs, sampleRate));
    const attempt: UpstreamAttempt = new UpstreamAttempt({
      upstream,
      clientQuery: parameters,
      encoding,
      sampleRate,
      baseSample: point.baseSample,
      source: {
        get endSample() {
          return host.endSample;
        },
        read: (start, end) => journal.readAudio(host.sessionId, start, end),
      },
      limits,
      room: upstreamRoom,
      clock,
      listener: {
        onPartial: (said, flags) => {
          const hypothesis = newIn(said, point.settledSample, point.heard);
          if (hypothesis.end > point.settledSample) host.onPartial(hypothesis, flags);
        },
        onFinal: (said, flags) => {
          if (!timeline.accepts(said)) {
            attempt.abandon();
            this.#onAttemptEnd(attempt, 'broke-protocol', 'its finals went back in time');
            return;
          }
          const hypothesis = newIn(said, point.settledSample, point.heard);
          if (hypothesis.end > point.settledSample) this.#onFinal(hypothesis, flags);
        },
        onSpeechStarted: (sample) => host.onSpeechStarted(sample),
        onUtteranceEnd: (sample) => host.onUtteranceEnd(sample),
        onEnd: (end, reason) => this.#onAttemptEnd(attempt, end, reason),
      },
    });
    this.#attempt = attempt;
    this.#attemptFrom = point.settledSample;
    // A tail that was refused once is offered again with as much silence behind it.
    const padMs = this.#tailTries === 0 ? 0 : tailPadMs * 2 ** (this.#tailTries - 1);
    if (host.isFinishing) attempt.closeStream(padMs);
  }

  #onFinal(hypothesis: Hypothesis, flags: ResultFlags): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    const { upstream } = attempt;
    const settledBefore = this.#host.settledSample;
    const acceptHole = this.#next.acceptHoles || upstream.tiles === false;
    const hole = this.#host.onFinal(hypothesis, flags, { upstream: upstream.name, acceptHole });
    // What was shown may have moved the session elsewhere.
    if (attempt !== this.#attempt) return;
    if (hole !== null) {
      const ms = Math.round(((hole.end - hole.start) * 1_000) / this.#host.query.sampleRate);
      attempt.abandon();
      this.#onAttemptEnd(attempt, 'broke-protocol', `a final skipped ${ms} ms of audio`);
      return;
    }
    if (this.#host.settledSample > settledBefore) this.#faultsInRow = 0;
    const isTailDone = this.#tailTries > 0 && this.#host.settledSample >= this.#host.endSample;
    if (isTailDone) {
      attempt.abandon();
      this.#onAttemptEnd(attempt, 'closed', 'tail covered');
    }
  }

  #onAttemptEnd(attempt: UpstreamAttempt, end: AttemptEnd, reason: string): void {
    if (attempt !== this.#attempt) return;
    const byArm = this.#host.ledgers.armIsServing;
    this.#endAttempt(end, reason);
    if (end === 'closed') {
      this.#afterClosed();
      return;
    }
    const upstream = attempt.upstream.name;
    this.#context.log.warn(
      { session: this.#host.sessionId, upstream, end, reason },
      'upstream attempt failed',
    );
    this.#host.note({ kind: 'fault', upstream, end, reason, byArm });
    this.#afterFault(upstream, end, reason);
  }

  /** Writes the running attempt into the ledgers and lets go of it. */
  #endAttempt(end: AttemptEnd, reason: string): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    this.#attempt = null;
    attempt.abandon();
    this.#host.ledgers.attemptEnded(
      {
        upstream: attempt.upstream.name,
        ...(attempt.build === undefined ? {} : { build: attempt.build }),
        startSample: this.#attemptFrom,
        samplesForwarded: Math.max(0, attempt.forwardedEnd - this.#attemptFrom),
        samplesCovered: Math.max(0, this.#host.settledSample - this.#attemptFrom),
        end,
        reason,
      },
      this.#context.clock.monotonicMs(),
    );
  }

  #afterFault(current: string, end: AttemptEnd, reason: string): void {
    this.#faultsInRow += 1;
    this.#faults += 1;
    this.#next = nextAttempt({
      current,
      control: this.#host.controlUpstream,
      end,
      faultsInRow: this.#faultsInRow,
      faults: this.#faults,
      retriesMax: this.#context.limits.retriesMax,
    });
    if (this.#next.upstream === current) this.#host.ledgers.replayed();
    else this.#rescue(`${end}: ${reason}`);
    if (this.#next.delayMs === 0) this.#startAttempt();
    else this.#context.clock.after(this.#next.delayMs, () => this.start());
  }

  #rescue(failure: string): void {
    const to = this.#host.controlUpstream;
    this.#faultsInRow = 0;
    this.#faults = 0;
    this.#host.ledgers.rescuedFromArm(to, failure);
    this.#host.note({ kind: 'left-arm', to, failure });
    this.#host.onRescued();
  }

  /** The upstream said it is done. What no final covers is its missed tail: control gets it, with silence after it. */
  #afterClosed(): void {
    const host = this.#host;
    if (!host.isFinishing) {
      this.#afterFault(this.upstream, 'died', 'it closed a stream that was not over');
      return;
    }
    const missing = host.endSample - host.settledSample;
    if (missing <= 0) {
      host.onCovered();
      return;
    }
    if (this.#tailTries >= tailTriesMax) {
      host.onGaveUp(`no upstream covered the last ${missing} samples`);
      return;
    }
    const missingMs = Math.round((missing * 1_000) / host.query.sampleRate);
    if (host.ledgers.armIsServing) this.#rescue(`left ${missingMs} ms of its tail`);
    this.#next = { upstream: host.controlUpstream, delayMs: 0, acceptHoles: this.#tailTries > 0 };
    this.#tailTries += 1;
    this.#startAttempt();
  }
}
