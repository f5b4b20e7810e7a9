/**
 * One connection to one upstream for one session. It has a clock of its own that starts at `baseSample`; everything it
 * reports is on the session's clock. Audio comes from the journal until it has caught up, then straight from the client.
 */
import type { AudioEncoding } from '@crossfade/sdk/core/audio';
import { bytesPerSample } from '@crossfade/sdk/core/audio';
import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { WebSocket } from 'ws';
import type { AudioRun } from '../journal/journal.ts';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { AttemptEnd } from '../transcript/session-record.ts';
import { parseUpstreamMessage, serverTextCharactersMax, type UpstreamResults } from '../wire/deepgram.ts';
import type { BufferRoom } from './buffer-room.ts';
import type { GatewayLimits } from './limits.ts';
import { needsMask, type Upstream, upstreamUrl, zeroMask } from './upstream.ts';

/** Where an attempt reads the session's audio. */
export interface AudioSource {
  /** First sample that has not arrived yet. */
  readonly endSample: number;
  read(startSample: number, endSample: number): AsyncIterable<AudioRun>;
}

export interface ResultFlags {
  readonly speechFinal: boolean;
  readonly fromFinalize: boolean;
}

export interface AttemptListener {
  onPartial(hypothesis: Hypothesis, flags: ResultFlags): void;
  onFinal(hypothesis: Hypothesis, flags: ResultFlags): void;
  onSpeechStarted(sample: number): void;
  onUtteranceEnd(lastWordEndSample: number): void;
  /** The connection is over. Called once; nothing comes after it. */
  onEnd(end: AttemptEnd, reason: string): void;
}

export interface AttemptOptions {
  readonly upstream: Upstream;
  readonly clientQuery: URLSearchParams;
  readonly encoding: AudioEncoding;
  readonly sampleRate: number;
  readonly baseSample: number;
  readonly source: AudioSource;
  readonly limits: GatewayLimits;
  /** What may wait in memory for upstreams. */
  readonly room: BufferRoom;
  readonly clock: Clock;
  readonly listener: AttemptListener;
}

/** Audio is read from the journal in pieces of this length. */
const readChunkMs = 2_000;
/** Replayed audio leaves in frames of this length: large enough to be cheap, small enough for any server. */
const frameMs = 100;
/** A stall is silence about audio: this part of the limit must have been sent meanwhile. */
const stallAudioShare = 0.5;
/** The protocol asks for a KeepAlive every 3 to 5 s when there is no audio. */
const keepAliveMs = 4_000;

export class UpstreamAttempt {
  readonly upstream: Upstream;
  readonly baseSample: number;
  readonly #options: AttemptOptions;
  readonly #socket: WebSocket;
  readonly #startedAtMs: number;
  #build: string | undefined;
  #nextSample: number;
  #isOpen = false;
  #isOver = false;
  #isPumping = false;
  #finalizeAsked = false;
  #closeAsked: { readonly padSamples: number } | null = null;
  #closeSent = false;
  /** It answered CloseStream with Metadata: what it closes after that is complete by its own word. */
  #saidDone = false;
  #lastMessageAtMs: number;
  #lastSendAtMs: number;
  /** Samples sent since the upstream last said something; a client that only keeps alive is owed nothing. */
  #unansweredSamples = 0;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.upstream = options.upstream;
    this.baseSample = options.baseSample;
    this.#nextSample = options.baseSample;
    this.#startedAtMs = options.clock.monotonicMs();
    this.#lastMessageAtMs = this.#startedAtMs;
    this.#lastSendAtMs = this.#startedAtMs;
    const url = upstreamUrl(options.upstream, options.clientQuery);
    this.#socket = new WebSocket(url, {
      ...(needsMask(url) ? {} : { generateMask: zeroMask }),
      headers: { ...options.upstream.headers },
      handshakeTimeout: options.limits.connectMs,
      maxPayload: serverTextCharactersMax,
      perMessageDeflate: false,
    });
    this.#socket.on('upgrade', (response) => {
      const build = response.headers['x-crossfade-build'];
      if (typeof build === 'string') this.#build = build;
    });
    this.#socket.on('open', () => this.#onOpen());
    this.#socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    this.#socket.on('error', (error) => this.#finish(this.#isOpen ? 'died' : 'refused', messageOf(error)));
    this.#socket.on('close', (code, reason) => this.#onClose(code, reason.toString()));
  }

  /** The build digest that the upstream named, if it did. */
  get build(): string | undefined {
    return this.#build;
  }

  /** First sample of the session that it was not sent. */
  get forwardedEnd(): number {
    return Math.min(this.#nextSample, this.#options.source.endSample);
  }

  /** Bytes that its socket has not sent. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#isOver;
  }

  /** Audio that just arrived. Sent at once when the upstream has had everything before it, else from the journal. */
  offer(startSample: number, bytes: Uint8Array): void {
    const hasRoom = this.#socket.bufferedAmount < this.#options.room.limit;
    if (this.isOpen && !this.#isPumping && startSample === this.#nextSample && hasRoom) this.#send(bytes);
    else void this.#pump();
  }

  /** Asks for a final of everything so far. */
  finalize(): void {
    this.#finalizeAsked = true;
    void this.#pump();
  }

  /**
   * No audio comes any more. `padMs` of silence goes first, for a pipeline that would otherwise keep the tail: a
   * chunked one answers only when its chunk is full.
   */
  closeStream(padMs = 0): void {
    this.#closeAsked ??= { padSamples: Math.round((padMs * this.#options.sampleRate) / 1_000) };
    void this.#pump();
  }

  /** Ends it from our side; the listener hears nothing any more. */
  abandon(): void {
    this.#isOver = true;
    this.#socket.terminate();
  }

  /** Called a few times a second: stalls and keep-alives. */
  tick(nowMs: number): void {
    if (!this.isOpen) return;
    const { limits, sampleRate } = this.#options;
    const silentMs = nowMs - this.#lastMessageAtMs;
    const unansweredMs = (this.#unansweredSamples * 1_000) / sampleRate;
    if (silentMs > limits.stallMs && (this.#closeSent || unansweredMs > limits.stallMs * stallAudioShare)) {
      this.#finish('stalled', `no answer for ${Math.round(silentMs)} ms, limit ${limits.stallMs}`);
      return;
    }
    if (nowMs - this.#lastSendAtMs >= keepAliveMs && !this.#closeSent) this.#sendText({ type: 'KeepAlive' });
  }

  #onOpen(): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    this.#lastMessageAtMs = this.#options.clock.monotonicMs();
    void this.#pump();
  }

  /** Sends what the journal has and the upstream has not, then what was asked for, in order. One runs at a time. */
  async #pump(): Promise<void> {
    if (!this.isOpen || this.#isPumping || this.#closeSent) return;
    this.#isPumping = true;
    try {
      while (this.isOpen && this.#nextSample < this.#options.source.endSample) await this.#sendFromJournal();
    } catch (error) {
      this.#finish('died', `the journal could not be read: ${messageOf(error)}`);
    } finally {
      this.#isPumping = false;
    }
    if (!this.isOpen || this.#nextSample < this.#options.source.endSample) return;
    if (this.#finalizeAsked) {
      this.#finalizeAsked = false;
      this.#sendText({ type: 'Finalize' });
    }
    if (this.#closeAsked !== null && !this.#closeSent) {
      this.#closeSent = true;
      if (this.#closeAsked.padSamples > 0) await this.#sendSilence(this.#closeAsked.padSamples);
      this.#sendText({ type: 'CloseStream' });
    }
  }

  async #sendFromJournal(): Promise<void> {
    const { source, sampleRate } = this.#options;
    const end = Math.min(source.endSample, this.#nextSample + Math.round((readChunkMs * sampleRate) / 1_000));
    for await (const run of source.read(this.#nextSample, end)) {
      // A hole in the journal is sent as silence, so that the clocks stay together.
      if (run.startSample > this.#nextSample) await this.#sendSilence(run.startSample - this.#nextSample);
      await this.#sendFrames(run.bytes);
      if (!this.isOpen) return;
    }
    if (this.isOpen && this.#nextSample < end) await this.#sendSilence(end - this.#nextSample);
  }

  async #sendFrames(bytes: Uint8Array): Promise<void> {
    const { encoding, sampleRate } = this.#options;
    const frameBytes = Math.round((frameMs * sampleRate) / 1_000) * bytesPerSample[encoding];
    for (let at = 0; at < bytes.length && this.isOpen; at += frameBytes) {
      await this.#room();
      this.#send(bytes.subarray(at, at + frameBytes));
    }
  }

  async #sendSilence(samples: number): Promise<void> {
    const { encoding } = this.#options;
    const bytes = new Uint8Array(samples * bytesPerSample[encoding]);
    if (encoding !== 'linear16') bytes.fill(encoding === 'mulaw' ? 0xff : 0xd5);
    await this.#sendFrames(bytes);
  }

  /** Waits until the socket took enough; a dead one ends the wait by closing. */
  #room(): Promise<void> {
    if (this.#socket.bufferedAmount < this.#options.room.limit) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        const isFull = this.#socket.bufferedAmount >= this.#options.room.limit;
        if (!this.isOpen || !isFull) resolve();
        else this.#options.clock.after(10, check);
      };
      check();
    });
  }

  #send(bytes: Uint8Array): void {
    if (!this.isOpen || bytes.length === 0) return;
    this.#nextSample += bytes.length / bytesPerSample[this.#options.encoding];
    this.#lastSendAtMs = this.#options.clock.monotonicMs();
    this.#unansweredSamples += bytes.length / bytesPerSample[this.#options.encoding];
    this.#options.room.added(bytes.length);
    this.#socket.send(bytes, { binary: true });
  }

  #sendText(message: { readonly type: 'KeepAlive' | 'Finalize' | 'CloseStream' }): void {
    if (!this.isOpen) return;
    this.#lastSendAtMs = this.#options.clock.monotonicMs();
    if (message.type === 'CloseStream') this.#lastMessageAtMs = this.#lastSendAtMs;
    this.#socket.send(JSON.stringify(message));
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    this.#lastMessageAtMs = this.#options.clock.monotonicMs();
    this.#unansweredSamples = 0;
    if (isBinary) return;
    try {
      const message = parseUpstreamMessage(data.toString());
      if (message === null) return;
      if (message.type === 'Metadata') {
        this.#saidDone = this.#closeSent;
        return;
      }
      if (message.type === 'Error')
        this.#finish('died', `it said ${message.description ?? message.message ?? 'Error'}`);
      else if (message.type === 'Results') this.#onResults(message);
      else if (message.type === 'SpeechStarted')
        this.#options.listener.onSpeechStarted(this.#sampleOf(message.timestamp));
      else this.#options.listener.onUtteranceEnd(this.#sampleOf(Math.max(0, message.last_word_end)));
    } catch (error) {
      this.#finish('broke-protocol', messageOf(error));
    }
  }

  #onResults(results: UpstreamResults): void {
    const best = results.channel.alternatives[0]!;
    const hypothesis: Hypothesis = {
      start: this.#sampleOf(results.start),
      end: this.#sampleOf(results.start + results.duration),
      text: best.transcript,
      words: best.words.map((word) => ({
        text: word.word,
        start: this.#sampleOf(word.start),
        end: this.#sampleOf(word.end),
        confidence: word.confidence,
      })),
    };
    const flags = { speechFinal: results.speech_final, fromFinalize: results.from_finalize };
    if (results.is_final) this.#options.listener.onFinal(hypothesis, flags);
    else this.#options.listener.onPartial(hypothesis, flags);
  }

  #onClose(code: number, reason: string): void {
    const said = `closed with ${code}${reason === '' ? '' : ` ${reason}`}`;
    if (!this.#isOpen) this.#finish('refused', said);
    else this.#finish(this.#saidDone ? 'closed' : 'died', said);
  }

  #finish(end: AttemptEnd, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.terminate();
    this.#options.listener.onEnd(end, reason);
  }

  #sampleOf(seconds: number): number {
    return this.baseSample + Math.round(seconds * this.#options.sampleRate);
  }
}
