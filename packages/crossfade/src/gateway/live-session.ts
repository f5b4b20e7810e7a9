/**
 * One session, from its first frame to its record.
 *
 *   live       a client sends audio, or may come back; an upstream transcribes it.
 *              Leaves to *finishing* by CloseStream, by a client that is gone for good, or by a limit.
 *   finishing  no more audio; upstreams are asked until everything is covered, with or without a client.
 *              Leaves to *ended* when all is covered, or when nobody could do better within the limit.
 *   ended      the record and the transcript are stored, once. Nothing happens any more.
 *
 * Audio goes to the journal before anything else looks at it. An upstream that dies, stalls or skips audio is replaced,
 * and the audio after the last final is replayed from the journal, so that the session never fails because an upstream did.
 */
import { bytesPerSample } from '@crossfade/sdk/core/audio';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { JournaledSession } from '../journal/journal.ts';
import { DueTime } from '../transcript/due-time.ts';
import { before, type Hypothesis, lastWordEnd } from '../transcript/hypothesis.ts';
import { Reconciler, type Shown, segmentNumberOf } from '../transcript/reconciler.ts';
import type {
  Assignment,
  AttemptEnd,
  DrainOutcome,
  SessionEnd,
  SessionRecord,
} from '../transcript/session-record.ts';
import { closeCodes } from '../wire/deepgram.ts';
import { errorOf, metadataOf, resultsOf, speechStartedOf, utteranceEndOf } from '../wire/deepgram-build.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import { type ResultFlags, UpstreamAttempt } from './attempt.ts';
import { type NextAttempt, nextAttempt } from './route.ts';
import type { SessionContext } from './session-context.ts';
import { SessionLedgers } from './session-ledgers.ts';
import { encodeNote, type SessionNote } from './session-notes.ts';
import { storeSession } from './store-session.ts';

/** The client's end of the session, as far as the session needs it. */
export interface SessionClient {
  /** It asked for acknowledgements, so it can resume. */
  readonly acks: boolean;
  send(message: object): void;
  close(code: number, reason: string): void;
}

export interface SessionStart {
  readonly sessionId: string;
  readonly query: ListenQuery;
  readonly assignment: Assignment;
  readonly controlUpstream: string;
  readonly startedAtMs: number;
}

/** Finals that round their times may leave this much between them. */
const toleranceMs = 20;
/** Silence sent after the tail to a pipeline that kept it, doubled with each try; three cover chunks of 8 s. */
const tailPadMs = 2_000;
const tailTriesMax = 3;

export class LiveSession {
  readonly id: string;
  readonly assignment: Assignment;
  readonly #context: SessionContext;
  readonly #start: SessionStart;
  readonly #query: ListenQuery;
  readonly #reconciler: Reconciler;
  readonly #ledgers = new SessionLedgers();
  readonly #due: DueTime;
  #phase: 'live' | 'finishing' | 'ended' = 'live';
  #end: SessionEnd = 'closed-by-client';
  #endSample = 0;
  #client: SessionClient | null = null;
  #graceUntilMs: number | null = null;
  #stoppedAtMs = 0;
  #attempt: UpstreamAttempt | null = null;
  #next: NextAttempt;
  #faultsInRow = 0;
  #tailTries = 0;
  #drain: { readonly order: Drain; outcome: DrainOutcome; moveBeforeMs: number | null } | null = null;

  constructor(context: SessionContext, start: SessionStart) {
    this.id = start.sessionId;
    this.assignment = start.assignment;
    this.#context = context;
    this.#start = start;
    this.#query = start.query;
    this.#reconciler = new Reconciler(Math.round((toleranceMs * start.query.sampleRate) / 1_000));
    this.#due = new DueTime(start.query.sampleRate);
    this.#next = { upstream: start.assignment.upstream, delayMs: 0, acceptHoles: false };
  }

  get phase(): 'live' | 'finishing' | 'ended' {
    return this.#phase;
  }

  get endSample(): number {
    return this.#endSample;
  }

  get entries(): Reconciler['entries'] {
    return this.#reconciler.entries;
  }

  get sampleRate(): number {
    return this.#query.sampleRate;
  }

  /** The upstream that serves it now. */
  get upstream(): string {
    return this.#next.upstream;
  }

  get drain(): { readonly id: string; readonly outcome: DrainOutcome } | null {
    return this.#drain === null ? null : { id: this.#drain.order.id, outcome: this.#drain.outcome };
  }

  /** Begins a new session: journal first, then the upstream. Throws JOURNAL_UNAVAILABLE. */
  begin(): void {
    const { journal } = this.#context;
    journal.openSession({
      sessionId: this.id,
      encoding: this.#query.encoding,
      sampleRate: this.#query.sampleRate,
    });
    this.#note({
      kind: 'start',
      assignment: this.assignment,
      query: this.#query.parameters.toString(),
      startedAtMs: this.#start.startedAtMs,
      controlUpstream: this.#start.controlUpstream,
    });
    this.#startAttempt();
  }

  /**
   * Takes up a session that a killed gateway left. It waits for a client that can resume; otherwise `finish` is called
   * when it is its turn.
   */
  restore(journaled: JournaledSession, notes: readonly SessionNote[], canResume: boolean): void {
    this.#endSample = journaled.endSample;
    const atMs = this.#context.clock.monotonicMs();
    this.#ledgers.gatewayRestarted();
    for (const note of notes) this.#restoreNote(note, atMs);
    this.#note({ kind: 'restart' });
    const hadStopped = notes.some((note) => note.kind === 'stop');
    if (canResume && !hadStopped) this.#graceUntilMs = atMs + this.#context.limits.resumeGraceMs;
    else if (hadStopped) this.#end = 'closed-by-client';
    else this.#end = 'recovered';
  }

  /** How a restored session ends when no client comes back to it. */
  get recoveredEnd(): SessionEnd {
    return this.#end;
  }

  /** Whether a restored session waits for its client. */
  get waitsForClient(): boolean {
    return this.#graceUntilMs !== null;
  }

  attach(
    client: SessionClient,
    resume: { readonly afterSegment: number; readonly producedSample: number | null } | null,
  ): void {
    this.#client?.close(closeCodes.normal.code, 'resumed elsewhere');
    this.#client = client;
    this.#graceUntilMs = null;
    if (client.acks) client.send({ type: 'Resume', session: this.id, next_sample: this.#endSample });
    if (resume === null) return;
    if (resume.producedSample !== null) {
      this.#ledgers.crashLoss(((resume.producedSample - this.#endSample) * 1_000) / this.sampleRate);
    }
    for (const entry of this.#reconciler.entries) {
      if (segmentNumberOf(entry.segmentId) > resume.afterSegment) {
        this.#sendResults(
          { ...entry, revision: 0, isFinal: true },
          { speechFinal: true, fromFinalize: false },
        );
      }
    }
    if (this.#attempt === null && this.#phase === 'live') this.#startAttempt();
  }

  /** A binary frame. Throws JOURNAL_UNAVAILABLE when it could not be kept; then nothing was taken. */
  audio(bytes: Uint8Array): void {
    if (this.#phase !== 'live') return;
    const start = this.#endSample;
    this.#context.journal.appendAudio(this.id, start, bytes);
    this.#endSample += bytes.length / bytesPerSample[this.#query.encoding];
    this.#due.frame(this.#endSample, this.#context.clock.monotonicMs());
    this.#attempt?.offer(start, bytes);
  }

  finalize(): void {
    this.#attempt?.finalize();
  }

  /** No more audio will come. Idempotent. */
  finish(end: SessionEnd): void {
    if (this.#phase !== 'live') return;
    this.#phase = 'finishing';
    this.#end = end;
    this.#graceUntilMs = null;
    this.#stoppedAtMs = this.#context.clock.monotonicMs();
    this.#ledgers.stop(this.#stoppedAtMs);
    if (end === 'closed-by-client') this.#tryNote({ kind: 'stop' });
    if (this.#attempt !== null) this.#attempt.closeStream();
    else this.#startAttempt();
  }

  /** The connection is gone without CloseStream. */
  clientGone(client: SessionClient): void {
    if (this.#client !== client) return;
    this.#client = null;
    if (this.#phase !== 'live') return;
    if (client.acks)
      this.#graceUntilMs = this.#context.clock.monotonicMs() + this.#context.limits.resumeGraceMs;
    else this.finish('client-lost');
  }

  /** Audio up to `sample` would survive a power cut. */
  durable(sample: number): void {
    if (this.#client?.acks === true)
      this.#client.send({ type: 'AudioAck', through_sample: sample, durable: true });
  }

  /** A rollback wants the session away from its arm. Repeating the order changes nothing. */
  leave(order: Drain): void {
    if (this.#phase === 'ended' || this.#drain?.order.id === order.id) return;
    const isThere = this.#ledgers.armIsServing && this.upstream !== this.#start.controlUpstream;
    this.#drain = { order, outcome: isThere ? 'open' : 'rescued', moveBeforeMs: null };
    if (!isThere) return;
    if (order.policy === 'cut') this.#moveToControl('cut');
    else if (order.policy === 'migrate') {
      this.#drain.moveBeforeMs = this.#context.clock.monotonicMs() + this.#context.limits.boundaryMs;
      if (this.#reconciler.openSegment === null) this.#moveToControl('migrated');
    }
  }

  /** Called a few times a second. */
  tick(nowMs: number): void {
    if (this.#phase === 'ended') return;
    this.#attempt?.tick(nowMs);
    if (this.#graceUntilMs !== null && nowMs >= this.#graceUntilMs) this.finish('client-lost');
    const moveBeforeMs = this.#drain?.moveBeforeMs ?? null;
    if (moveBeforeMs !== null && nowMs >= moveBeforeMs) this.#moveToControl('migrated');
    const { finishMs } = this.#context.limits;
    if (this.#phase === 'finishing' && nowMs - this.#stoppedAtMs > finishMs) {
      this.#giveUp(`nobody transcribed the rest within ${finishMs} ms`);
    }
  }

  /** Ends everything without a record; the journal finishes the session after a restart. */
  abandon(): void {
    this.#phase = 'ended';
    this.#attempt?.abandon();
    this.#client?.close(closeCodes.goingAway.code, closeCodes.goingAway.reason);
  }

  // --- upstream ---------------------------------------------------------------------------------------------------

  #startAttempt(padMs = 0): void {
    if (this.#phase === 'ended') return;
    if (this.#phase === 'finishing' && this.#reconciler.watermark >= this.#endSample) {
      void this.#complete();
      return;
    }
    const upstream = this.#context.upstreams.get(this.#next.upstream);
    if (upstream === undefined) {
      this.#giveUp(`upstream ${this.#next.upstream} is not configured`);
      return;
    }
    const { journal } = this.#context;
    const session = this;
    const attempt: UpstreamAttempt = new UpstreamAttempt({
      upstream,
      clientQuery: this.#query.parameters,
      encoding: this.#query.encoding,
      sampleRate: this.sampleRate,
      baseSample: this.#reconciler.watermark,
      source: {
        get endSample() {
          return session.#endSample;
        },
        read: (start, end) => journal.readAudio(this.id, start, end),
      },
      limits: this.#context.limits,
      clock: this.#context.clock,
      listener: {
        onOpen() {},
        onPartial: (hypothesis, flags) => this.#onPartial(hypothesis, flags),
        onFinal: (hypothesis, flags) => this.#onFinal(hypothesis, flags),
        onSpeechStarted: (sample) => this.#client?.send(speechStartedOf(this.#identity(), sample)),
        onUtteranceEnd: (sample) => this.#client?.send(utteranceEndOf(this.#identity(), sample)),
        onEnd: (end, reason) => this.#onAttemptEnd(attempt, end, reason),
      },
    });
    this.#attempt = attempt;
    if (this.#phase === 'finishing') attempt.closeStream(padMs);
  }

  #onPartial(said: Hypothesis, flags: ResultFlags): void {
    const atMs = this.#context.clock.monotonicMs();
    const hypothesis = before(said, this.#endSample);
    this.#ledgers.upstreamPartial(hypothesis, atMs, this.#due.dueMs);
    const result = this.#reconciler.partial(hypothesis);
    if (result.kind !== 'show') return;
    this.#ledgers.shown(result.shown, false, atMs, this.#due.dueMs);
    if (this.#query.interimResults) this.#sendResults(result.shown, flags);
  }

  #onFinal(said: Hypothesis, flags: ResultFlags): void {
    if (said.start >= this.#endSample) return;
    const atMs = this.#context.clock.monotonicMs();
    const hypothesis = before(said, this.#endSample);
    const upstream = this.#attempt!.upstream;
    const byArm = this.#ledgers.armIsServing;
    const hadPartial = this.#reconciler.openSegment !== null;
    this.#ledgers.upstreamFinal(hypothesis, atMs, this.#due.dueMs);
    const result = this.#reconciler.final(
      hypothesis,
      upstream.name,
      this.#next.acceptHoles || upstream.tiles === false,
    );
    if (result.kind === 'hole') {
      const ms = ((result.hole.end - result.hole.start) * 1_000) / this.sampleRate;
      this.#dropAttempt('broke-protocol', `a final skipped ${Math.round(ms)} ms of audio`);
      return;
    }
    if (result.kind !== 'show') return;
    this.#faultsInRow = 0;
    this.#ledgers.shown(result.shown, true, atMs, this.#due.dueMs);
    const isTimed = this.#phase === 'live' && result.shown.text !== '';
    this.#tryNote({
      kind: 'final',
      ...segmentOf(result.shown),
      upstream: upstream.name,
      byArm,
      hadPartial,
      latencyMs: isTimed ? Math.max(0, Math.round(atMs - this.#due.dueMs(lastWordEnd(hypothesis)))) : null,
    });
    this.#sendResults(result.shown, flags);
    if (this.#drain !== null && this.#drain.moveBeforeMs !== null) this.#moveToControl('migrated');
    else if (this.#tailTries > 0 && this.#reconciler.watermark >= this.#endSample)
      this.#dropAttempt('closed', 'tail covered');
  }

  /** Ends the running attempt from our side, as if it had ended so. */
  #dropAttempt(end: AttemptEnd, reason: string): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    attempt.abandon();
    this.#onAttemptEnd(attempt, end, reason);
  }

  #onAttemptEnd(attempt: UpstreamAttempt, end: AttemptEnd, reason: string): void {
    if (attempt !== this.#attempt || this.#phase === 'ended') return;
    this.#attempt = null;
    const byArm = this.#ledgers.armIsServing;
    this.#ledgers.attemptEnded(
      {
        upstream: attempt.upstream.name,
        ...(attempt.build === undefined ? {} : { build: attempt.build }),
        startSample: attempt.baseSample,
        samplesForwarded: attempt.samplesForwarded,
        samplesCovered: Math.max(0, this.#reconciler.watermark - attempt.baseSample),
        end,
        reason,
      },
      this.#context.clock.monotonicMs(),
    );
    if (end === 'closed') {
      this.#afterClosed();
      return;
    }
    if (end === 'migrated') return;
    this.#context.log.warn(
      { session: this.id, upstream: attempt.upstream.name, end, reason },
      'upstream attempt failed',
    );
    this.#tryNote({ kind: 'fault', upstream: attempt.upstream.name, end, reason, byArm });
    this.#afterFault(attempt.upstream.name, end, reason);
  }

  #afterFault(current: string, end: AttemptEnd, reason: string): void {
    this.#faultsInRow += 1;
    const next = nextAttempt({
      current,
      control: this.#start.controlUpstream,
      end,
      faultsInRow: this.#faultsInRow,
      retriesMax: this.#context.limits.retriesMax,
    });
    this.#next = next;
    if (next.upstream !== current) this.#rescue(next.upstream, `${end}: ${reason}`);
    else this.#ledgers.replayed();
    if (
      this.#drain !== null &&
      this.#drain.outcome === 'open' &&
      next.upstream === this.#start.controlUpstream
    ) {
      this.#drain.outcome = 'rescued';
      this.#drain.moveBeforeMs = null;
    }
    if (next.delayMs === 0) this.#startAttempt();
    else {
      this.#context.clock.after(next.delayMs, () => {
        if (this.#attempt === null) this.#startAttempt();
      });
    }
  }

  #rescue(to: string, failure: string): void {
    this.#faultsInRow = 0;
    this.#ledgers.rescuedFromArm(to, failure);
    this.#tryNote({ kind: 'left-arm', to, failure });
  }

  /** The upstream said it is done. What no final covers is its missed tail: control gets it, with silence after it. */
  #afterClosed(): void {
    const missing = this.#endSample - this.#reconciler.watermark;
    if (missing <= 0 || this.#phase !== 'finishing') {
      if (this.#phase === 'finishing') void this.#complete();
      else this.#afterFault(this.upstream, 'died', 'it closed a stream that was not over');
      return;
    }
    if (this.#tailTries >= tailTriesMax) {
      this.#giveUp(`no upstream covered the last ${missing} samples`);
      return;
    }
    const failure = `left ${Math.round((missing * 1_000) / this.sampleRate)} ms of its tail`;
    if (this.#ledgers.armIsServing) this.#rescue(this.#start.controlUpstream, failure);
    this.#next = { upstream: this.#start.controlUpstream, delayMs: 0, acceptHoles: this.#tailTries > 0 };
    const padMs = tailPadMs * 2 ** this.#tailTries;
    this.#tailTries += 1;
    this.#startAttempt(padMs);
  }

  #moveToControl(outcome: 'migrated' | 'cut'): void {
    if (this.#drain === null) return;
    this.#drain.outcome = outcome;
    this.#drain.moveBeforeMs = null;
    this.#dropAttempt('migrated', `rollback ${this.#drain.order.rollout}`);
    this.#ledgers.migratedFromArm();
    this.#tryNote({ kind: 'left-arm', to: this.#start.controlUpstream, failure: '' });
    this.#next = { upstream: this.#start.controlUpstream, delayMs: 0, acceptHoles: false };
    this.#faultsInRow = 0;
    this.#startAttempt();
    this.#context.onDrainProgress(this);
  }

  // --- the end ----------------------------------------------------------------------------------------------------

  #giveUp(why: string): void {
    this.#ledgers.armFailed(why);
    this.#context.log.error({ session: this.id, why }, 'session ends with audio that nobody transcribed');
    this.#attempt?.abandon();
    this.#attempt = null;
    this.#client?.send(
      errorOf('UPSTREAM_UNAVAILABLE', 'The rest of the audio is kept, but no upstream transcribed it.'),
    );
    void this.#complete();
  }

  async #complete(): Promise<void> {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#attempt?.abandon();
    this.#attempt = null;
    if (this.#drain !== null && this.#drain.outcome === 'open') this.#drain.outcome = 'finished';
    const { journal, clock, log } = this.#context;
    try {
      await journal.commit();
      const record = this.#record(journal.durableSample(this.id));
      const transcript = {
        sessionId: this.id,
        sampleRate: this.sampleRate,
        entries: this.#reconciler.entries,
      };
      await storeSession(this.#context, record, transcript);
      journal.closeSession(this.id);
      this.#client?.send(metadataOf(this.#identity(), this.#endSample, clock.nowMs()));
      this.#client?.close(closeCodes.normal.code, closeCodes.normal.reason);
      this.#context.onEnded(this, record);
    } catch (error) {
      log.error(
        { session: this.id, error: messageOf(error) },
        'session could not be stored; it stays in the journal',
      );
      this.#client?.close(closeCodes.tryLater.code, 'the session could not be stored yet');
      this.#context.onEnded(this, null);
    }
  }

  #record(durableSample: number): SessionRecord {
    const drain = this.#drain;
    return this.#ledgers.record({
      sessionId: this.id,
      assignment: this.assignment,
      model: this.#query.model,
      sampleRate: this.sampleRate,
      realTime: this.#due.realTime,
      startedAtMs: this.#start.startedAtMs,
      endedAtMs: this.#context.clock.nowMs(),
      end: this.#end,
      samplesOffered: this.#endSample,
      samplesDurable: Math.min(durableSample, this.#endSample),
      ...(drain === null
        ? {}
        : { drain: { id: drain.order.id, policy: drain.order.policy, outcome: drain.outcome } }),
    });
  }

  #restoreNote(note: SessionNote, atMs: number): void {
    if (note.kind === 'final') {
      const dueMs = (): number => atMs - (note.latencyMs ?? 0);
      if (note.hadPartial) this.#ledgers.upstreamPartial(note, atMs, dueMs);
      this.#ledgers.upstreamFinal(note, atMs, dueMs);
      this.#ledgers.shown(note, true, atMs, dueMs);
      this.#reconciler.restore(note, segmentNumberOf(note.segmentId));
    } else if (note.kind === 'left-arm') {
      this.#next = { ...this.#next, upstream: note.to };
      if (note.failure === '') this.#ledgers.migratedFromArm();
      else this.#ledgers.rescuedFromArm(note.to, note.failure);
    } else if (note.kind === 'restart') this.#ledgers.gatewayRestarted();
    else if (note.kind === 'fault' && note.byArm) {
      this.#ledgers.attemptEnded(
        {
          upstream: note.upstream,
          startSample: 0,
          samplesForwarded: 0,
          samplesCovered: 0,
          end: note.end,
          reason: note.reason,
        },
        atMs,
      );
    }
  }

  #sendResults(shown: Shown, flags: ResultFlags): void {
    const client = this.#client;
    if (client === null) return;
    const { segmentId, revision, ...rest } = shown;
    client.send(
      resultsOf(this.#identity(), { ...rest, ...flags, ...(client.acks ? { segmentId, revision } : {}) }),
    );
  }

  #identity(): { requestId: string; model: string; version: string; sampleRate: number } {
    return { requestId: this.id, model: this.#query.model, version: '1', sampleRate: this.sampleRate };
  }

  #note(note: SessionNote): void {
    this.#context.journal.appendNote(this.id, encodeNote(note));
  }

  /** A note that may fail: what it says can be found again by replaying the audio. */
  #tryNote(note: SessionNote): void {
    try {
      this.#note(note);
    } catch (error) {
      this.#context.log.warn({ session: this.id, error: messageOf(error) }, 'note could not be journaled');
    }
  }
}

function segmentOf(shown: Shown): Pick<Shown, 'segmentId' | 'start' | 'end' | 'text' | 'words'> {
  const { segmentId, start, end, text, words } = shown;
  return { segmentId, start, end, text, words };
}
