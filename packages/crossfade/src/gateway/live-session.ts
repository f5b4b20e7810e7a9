/**
 * One session, from its first frame to its record.
 *
 *   live       a client sends audio, or may come back; an upstream transcribes it.
 *              Leaves to *finishing* by CloseStream, by a client that is gone for good, or by a limit.
 *   finishing  no more audio; upstreams are asked until everything is covered, with or without a client.
 *              Leaves to *ended* when all is covered, or when nobody could do better within the limit.
 *   ended      the record and the transcript are stored, once. Nothing happens any more.
 *
 * Audio goes to the journal before anything else looks at it, so that the session never fails because an upstream did.
 */
import { bytesPerSample } from '@crossfade/sdk/core/audio';
import { messageOf } from '@crossfade/sdk/core/errors';
import type { Drain } from '@crossfade/sdk/flags/ruleset';
import type { JournaledSession } from '../journal/journal.ts';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { SampleRange } from '../transcript/range-set.ts';
import type { ReplayPoint } from '../transcript/reconciler.ts';
import type { Assignment, Entry, SessionEnd, SessionRecord } from '../transcript/session-record.ts';
import { closeCodes } from '../wire/deepgram.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import type { ResultFlags } from './attempt.ts';
import { Departure } from './departure.ts';
import { type FinalSource, Relay, type RelayHost } from './relay.ts';
import type { ResumePoint, SessionClient } from './session-client.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionLedgers } from './session-ledgers.ts';
import { encodeNote, type SessionNote } from './session-notes.ts';
import { SessionTranscript, type ToShow } from './session-transcript.ts';
import { SessionVoice } from './session-voice.ts';
import { keepSession } from './store-session.ts';

export interface SessionStart {
  readonly sessionId: string;
  readonly query: ListenQuery;
  readonly assignment: Assignment;
  readonly controlUpstream: string;
  readonly startedAtMs: number;
}

export class LiveSession implements RelayHost {
  readonly sessionId: string;
  readonly assignment: Assignment;
  readonly query: ListenQuery;
  readonly controlUpstream: string;
  readonly startedAtMs: number;
  readonly #context: SessionContext;
  readonly #transcript: SessionTranscript;
  readonly #relay: Relay;
  readonly #voice: SessionVoice;
  #phase: 'live' | 'finishing' | 'ended' = 'live';
  #end: SessionEnd = 'closed-by-client';
  #graceUntilMs: number | null = null;
  #stoppedAtMs = 0;
  #departure: Departure | null = null;
  #isAbandoned = false;

  constructor(context: SessionContext, start: SessionStart) {
    this.sessionId = start.sessionId;
    this.assignment = start.assignment;
    this.query = start.query;
    this.controlUpstream = start.controlUpstream;
    this.startedAtMs = start.startedAtMs;
    this.#context = context;
    this.#transcript = new SessionTranscript(start.query);
    this.#relay = new Relay(context, this, start.assignment.upstream);
    this.#voice = new SessionVoice(start.sessionId, start.query, () => context.journal.written());
  }

  get phase(): 'live' | 'finishing' | 'ended' {
    return this.#phase;
  }

  get isFinishing(): boolean {
    return this.#phase === 'finishing';
  }

  get ledgers(): SessionLedgers {
    return this.#transcript.ledgers;
  }

  get endSample(): number {
    return this.#transcript.endSample;
  }

  get settledSample(): number {
    return this.#transcript.settledSample;
  }

  replayPoint(): ReplayPoint {
    return this.#transcript.replayPoint();
  }

  get entries(): readonly Entry[] {
    return this.#transcript.entries;
  }

  /** The upstream that serves it now. */
  get upstream(): string {
    return this.#relay.upstream;
  }

  /** The order that takes it away from its arm, and what became of it. */
  get departure(): Departure | null {
    return this.#departure;
  }

  /** Begins a new session: journal first, then the upstream. Throws JOURNAL_UNAVAILABLE. */
  begin(): void {
    const { encoding, sampleRate, parameters } = this.query;
    this.#context.journal.openSession({ sessionId: this.sessionId, encoding, sampleRate });
    this.#append({
      kind: 'start',
      assignment: this.assignment,
      query: parameters.toString(),
      startedAtMs: this.startedAtMs,
      controlUpstream: this.controlUpstream,
    });
    this.#relay.start();
  }

  /**
   * Takes up a session that a killed gateway left. One whose client can resume waits for it; any other is to be
   * finished with `recoveredEnd` when it is its turn.
   */
  restore(journaled: JournaledSession, notes: readonly SessionNote[]): void {
    const atMs = this.#context.clock.monotonicMs();
    this.#transcript.restore(journaled.endSample, notes, this.#relay, atMs);
    const left = notes.findLast((note) => note.kind === 'departure');
    if (left !== undefined)
      this.#departure = Departure.restored(left, this.#isOnArm, this.ledgers.wasMigrated);
    this.note({ kind: 'restart' });
    const hadStopped = notes.some((note) => note.kind === 'stop');
    const canResume = this.query.extra.get('ack') === '1' && !hadStopped;
    if (canResume) this.#graceUntilMs = atMs + this.#context.limits.resumeGraceMs;
    else if (!hadStopped) this.#end = 'recovered';
  }

  /** Whether a restored session waits for its client. */
  get waitsForClient(): boolean {
    return this.#graceUntilMs !== null;
  }

  /** How a restored session ends when no client comes back to it. */
  get recoveredEnd(): SessionEnd {
    return this.#end;
  }

  /** Connects a client; one that was connected before is sent away. */
  attach(client: SessionClient, resume: ResumePoint | null): void {
    this.#voice.turnTo(client, this.#transcript.heardBeyond(resume));
    this.#graceUntilMs = null;
    if (resume === null) {
      if (client.acks) void this.#welcome(client);
      return;
    }
    this.#voice.resume(this.endSample);
    if (resume.producedSample !== null && this.ledgers.gatewayRestarts > 0) {
      this.ledgers.crashLoss(((resume.producedSample - this.endSample) * 1_000) / this.query.sampleRate);
    }
    this.#voice.again(this.#transcript.finalsAfter(resume));
    this.#voice.again(this.#transcript.repeated(this.#context.repeats));
    if (this.#phase === 'live') this.#relay.start();
  }

  /** The id it is told must be one that it can resume, whatever dies: the session's start is durable first. */
  async #welcome(client: SessionClient): Promise<void> {
    try {
      await this.#context.journal.commit();
      if (client === this.#voice.client) this.#voice.resume(this.endSample);
    } catch {
      // The journal has said why; a client that comes again begins anew.
      client.close(closeCodes.tryLater.code, closeCodes.tryLater.reason);
    }
  }

  /** Audio that arrived and that a power cut could still take. */
  get undurableBytes(): number {
    const durable = this.#context.journal.durableSample(this.sessionId);
    return (this.endSample - durable) * bytesPerSample[this.query.encoding];
  }

  /** Bytes that wait for its upstream to read them. */
  get upstreamBacklogBytes(): number {
    return this.#relay.unsentBytes;
  }

  /** A binary frame. Throws JOURNAL_UNAVAILABLE when it could not be kept; then nothing was taken. */
  audio(bytes: Uint8Array): void {
    if (this.#phase !== 'live') return;
    const start = this.endSample;
    this.#context.journal.appendAudio(this.sessionId, start, bytes);
    const end = start + bytes.length / bytesPerSample[this.query.encoding];
    this.#transcript.frame(end, this.#context.clock.monotonicMs());
    this.#relay.offer(start, bytes);
  }

  finalize(): void {
    this.#relay.finalize();
  }

  /** No more audio will come. Idempotent. */
  finish(end: SessionEnd): void {
    if (this.#phase !== 'live') return;
    this.#phase = 'finishing';
    this.#end = end;
    this.#graceUntilMs = null;
    this.#stoppedAtMs = this.#context.clock.monotonicMs();
    this.ledgers.stop(this.#stoppedAtMs);
    if (end === 'closed-by-client') this.note({ kind: 'stop' });
    this.#relay.finish();
  }

  /** The connection is gone without CloseStream. */
  clientGone(client: SessionClient): void {
    if (this.#voice.client !== client) return;
    this.#voice.clientGone();
    if (this.#phase !== 'live') return;
    const { clock, limits } = this.#context;
    if (client.acks) this.#graceUntilMs = clock.monotonicMs() + limits.resumeGraceMs;
    else this.finish('client-lost');
  }

  /** Audio up to `sample` would survive a power cut. */
  durable(sample: number): void {
    this.#voice.durable(sample);
  }

  /** A rollback wants the session away from its arm. Repeating the order changes nothing. */
  leave(order: Drain): void {
    if (this.#phase === 'ended' || this.#departure?.order.id === order.id) return;
    if (!this.#isOnArm) {
      this.#departure = Departure.found(order, this.#departure, this.ledgers.wasMigrated);
      this.note(this.#departure.note);
      return;
    }
    this.#departure = new Departure(order, 'open');
    if (order.policy === 'cut') return this.#moveToControl('cut');
    if (order.policy === 'migrate') {
      if (!this.#transcript.isInUtterance) return this.#moveToControl('migrated');
      this.#departure.moveBefore(this.#context.clock.monotonicMs() + this.#context.limits.boundaryMs);
    }
    this.note(this.#departure.note);
  }

  /** Called a few times a second. */
  tick(nowMs: number): void {
    if (this.#phase === 'ended') return;
    this.#relay.tick(nowMs);
    if (this.#graceUntilMs !== null && nowMs >= this.#graceUntilMs) this.finish('client-lost');
    if (this.#departure?.mustMove(nowMs) === true) this.#moveToControl('migrated');
    const { finishMs } = this.#context.limits;
    if (this.#phase === 'finishing' && nowMs - this.#stoppedAtMs > finishMs) {
      this.onGaveUp(`nobody transcribed the rest within ${finishMs} ms`);
    }
  }

  /** Ends without a record; the journal finishes the session after a restart. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#phase = 'ended';
    this.#relay.stop();
    this.#voice.close(closeCodes.goingAway);
  }

  onPartial(said: Hypothesis, flags: ResultFlags): void {
    const atMs = this.#context.clock.monotonicMs();
    const heard = this.#transcript.partial(said, atMs);
    if (heard === null) return;
    this.#readable(heard, atMs);
    if (this.query.interimResults) this.#voice.results(heard.shown, flags);
  }

  onFinal(said: Hypothesis, flags: ResultFlags, from: FinalSource): SampleRange | null {
    const atMs = this.#context.clock.monotonicMs();
    const heard = this.#transcript.final(said, from, atMs, this.#phase === 'live');
    if (heard === null) return null;
    if (heard.kind === 'hole') return heard.hole;
    this.note(heard.note);
    this.#readable(heard, atMs);
    this.#voice.results(heard.shown, flags);
    // A final is the boundary that a migration waits for.
    if (this.#departure?.mustMove(Number.POSITIVE_INFINITY) === true) this.#moveToControl('migrated');
    return null;
  }

  onSpeechStarted(sample: number): void {
    this.#voice.speechStarted(sample);
  }

  onUtteranceEnd(lastWordEndSample: number): void {
    this.#voice.utteranceEnd(lastWordEndSample);
  }

  onRescued(): void {
    if (this.#departure?.outcome !== 'open') return;
    this.#departure.settle('rescued');
    this.#departed(this.#departure);
  }

  onCovered(): void {
    void this.#complete();
  }

  onGaveUp(why: string): void {
    this.ledgers.armFailed(why);
    this.#context.log.error(
      { session: this.sessionId, why },
      'session ends with audio that nobody transcribed',
    );
    const message = 'The rest of the audio is kept, but no upstream transcribed it.';
    this.#voice.error('UPSTREAM_UNAVAILABLE', message);
    void this.#complete();
  }

  /** A note that may fail: what it says can be found again by replaying the audio. */
  note(note: SessionNote): void {
    try {
      this.#append(note);
    } catch (error) {
      this.#context.log.warn(
        { session: this.sessionId, error: messageOf(error) },
        'note could not be journaled',
      );
    }
  }

  /** Something is shown; the first text after a move says how long its user waited for it. */
  #readable({ saidAtMs }: ToShow, atMs: number): void {
    if (saidAtMs !== null && this.#departure?.shown(saidAtMs, atMs) === true) this.#departed(this.#departure);
  }

  get #isOnArm(): boolean {
    return this.ledgers.armIsServing && this.upstream !== this.controlUpstream;
  }

  #moveToControl(outcome: 'migrated' | 'cut'): void {
    const departure = this.#departure;
    if (departure === null) return;
    departure.moved(outcome, this.#context.clock.monotonicMs());
    this.#relay.moveToControl(`rollback of ${departure.order.rollout}`);
    this.#departed(departure);
  }

  /** Something is known of its departure: kept, then told. */
  #departed({ note }: Departure): void {
    this.note(note);
    this.#context.onDrainProgress(this.sessionId);
  }

  async #complete(): Promise<void> {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#relay.stop();
    if (this.#departure?.outcome === 'open') this.#departure.settle('finished');
    const { clock, log, onEnded } = this.#context;
    const { sessionId } = this;
    const record = await keepSession(this.#context, sessionId, {
      record: (durableSample) => this.#record(durableSample),
      transcript: () => ({ sessionId, sampleRate: this.query.sampleRate, entries: this.entries }),
      isAbandoned: () => this.#isAbandoned,
      onRefused: (error) => {
        log.error({ session: sessionId, error: messageOf(error) }, 'session not stored yet; trying again');
        const reason = 'the session could not be stored yet';
        this.#voice.close({ ...closeCodes.tryLater, reason });
      },
    });
    if (record === null) return;
    this.#voice.goodbye(this.endSample, clock.nowMs());
    onEnded(sessionId, record);
  }

  #record(durableSample: number): SessionRecord {
    const departure = this.#departure;
    return this.ledgers.record({
      sessionId: this.sessionId,
      assignment: this.assignment,
      model: this.query.model,
      sampleRate: this.query.sampleRate,
      realTime: this.#transcript.realTime,
      startedAtMs: this.startedAtMs,
      endedAtMs: this.#context.clock.nowMs(),
      end: this.#end,
      samplesOffered: this.endSample,
      samplesDurable: Math.min(durableSample, this.endSample),
      ...(departure === null ? {} : { drain: departure.stamp }),
    });
  }

  #append(note: SessionNote): void {
    this.#context.journal.appendNote(this.sessionId, encodeNote(note));
  }
}
