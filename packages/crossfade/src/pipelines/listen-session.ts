import { bytesPerSample, type AudioEncoding } from '@crossfade/sdk/core/audio';
import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import { msToSamples } from '@crossfade/sdk/core/units';
import type { WebSocket } from 'ws';
import { decodeAlaw, decodeMulaw } from '../signal/g711.ts';
import { closeCodes, parseClientMessage, type ServerMessage } from '../wire/deepgram.ts';
import {
  encodeMessage,
  errorOf,
  metadataOf,
  resultsOf,
  speechStartedOf,
  utteranceEndOf,
  type ServerIdentity,
} from '../wire/deepgram-build.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import type { SessionDefects } from './defects.ts';
import { Outbox } from './outbox.ts';
import type { PipelineLimits } from './pipeline-options.ts';
import type { Recognition } from './recognition.ts';
import type { Said, Transcriber, TranscriberOptions } from './transcriber.ts';

export interface ListenSessionOptions {
  readonly socket: WebSocket;
  readonly identity: ServerIdentity;
  readonly query: ListenQuery;
  readonly recognition: Recognition;
  makeTranscriber(options: TranscriberOptions): Transcriber;
  readonly defects: SessionDefects;
  readonly limits: PipelineLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once, when nothing of the session is left. */
  onOver(): void;
}

/** How often a socket that is not read, because its engine is behind, is looked at again, ms. */
const backlogCheckMs = 50;
/** A peer that never answers the close handshake is cut off after this, ms. */
const closeHandshakeMs = 5_000;

type Phase = 'open' | 'closing' | 'over';

/**
 * One client's connection. Open: audio and control messages are taken. Closing: CloseStream came; nothing
 * more is taken, what is owed is said, then Metadata and 1000. Over: the stream and its engine are free.
 */
export class ListenSession {
  readonly #options: ListenSessionOptions;
  readonly #outbox: Outbox;
  readonly #transcriber: Transcriber;
  #phase: Phase = 'open';
  #lastHeardMs: number;
  #isPaused = false;
  #keptBack = new Int16Array(0);
  #cancelTimer: Cancel = () => undefined;

  constructor(options: ListenSessionOptions) {
    this.#options = options;
    const { socket, clock, query, recognition } = options;
    this.#outbox = new Outbox(clock, () => this.#tooSlow());
    this.#lastHeardMs = clock.monotonicMs();
    this.#transcriber = options.makeTranscriber({ ...query, recognition, say: (said) => this.#say(said) });
    socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on('close', () => this.#over());
    // ws closes oversized frames with 1009 and broken ones with 1002 by itself.
    socket.on('error', (error) => this.#log(`connection failed: ${messageOf(error)}`));
  }

  /** Starts to listen to the engine. It may be over at once, if the engine died meanwhile. */
  begin(): void {
    this.#watchIdle();
    this.#options.recognition.listen({
      onHeard: (heard) => this.#transcriber.heard(heard),
      onError: (error) => this.#engineFailed(error),
    });
  }

  /** Name of its engine. */
  get model(): string {
    return this.#options.identity.model;
  }

  /** Audio its engine has not worked on yet, ms. */
  get backlogMs(): number {
    return this.#options.recognition.backlogMs;
  }

  /** Audio that it received, ms. */
  get audioMs(): number {
    const { recognition, query } = this.#options;
    return (recognition.received * 1_000) / query.sampleRate;
  }

  /** The server stops. */
  stop(): void {
    this.#close(closeCodes.goingAway.code, closeCodes.goingAway.reason);
  }

  #say(said: Said): void {
    const { identity, defects } = this.#options;
    if (said.type === 'speech-started') this.#send(speechStartedOf(identity, said.sample));
    else if (said.type === 'utterance-end') this.#send(utteranceEndOf(identity, said.lastWordEnd));
    else {
      const { transcript } = said;
      const isSpoken = transcript.isFinal && transcript.words.length > 0;
      if (isSpoken && defects.dropsFinal()) return;
      const shown = isSpoken && defects.emptiesFinal() ? { ...transcript, words: [] } : transcript;
      this.#send(resultsOf(identity, shown), isSpoken ? defects.holdMs() : 0);
    }
  }

  /** The engine is gone: the client is told, never left waiting. */
  #engineFailed(error: Error): void {
    this.#refuse(closeCodes.internal.code, 'engine failed', 'ENGINE_FAILED', messageOf(error));
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#phase !== 'open') return;
    this.#lastHeardMs = this.#options.clock.monotonicMs();
    try {
      if (isBinary) this.#onAudio(data);
      else this.#onText(data.toString());
    } catch (error) {
      if (error instanceof CrossfadeError && error.code === 'MESSAGE_INVALID') {
        const { code, reason } = closeCodes.notDecodable;
        this.#refuse(code, reason, reason, error.message);
      } else this.#engineFailed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onAudio(data: Buffer): void {
    // The protocol's old way to say CloseStream.
    if (data.length === 0) this.#closeStream();
    else if (!this.#options.defects.dropsFrame()) this.#hear(decodeAudio(data, this.#options.query.encoding));
    this.#relieve();
  }

  /** Hands audio on; all but the tail that a defect keeps back. */
  #hear(samples: Int16Array): void {
    const { defects, query } = this.#options;
    const keep = msToSamples(defects.tailMs, query.sampleRate);
    if (keep === 0) return this.#transcriber.audio(samples);
    const all = new Int16Array(this.#keptBack.length + samples.length);
    all.set(this.#keptBack);
    all.set(samples, this.#keptBack.length);
    const heard = Math.max(0, all.length - keep);
    this.#keptBack = all.slice(heard);
    if (heard > 0) this.#transcriber.audio(all.subarray(0, heard));
  }

  #onText(text: string): void {
    const message = parseClientMessage(text);
    if (message.type === 'Finalize') this.#transcriber.finalize();
    else if (message.type === 'CloseStream') this.#closeStream();
  }

  #closeStream(): void {
    const { clock, limits, identity, recognition } = this.#options;
    this.#phase = 'closing';
    this.#cancelTimer();
    this.#cancelTimer = clock.after(limits.flushMs, () => {
      const sentence = `Expected the engine's last final within ${limits.flushMs} ms, got none.`;
      this.#refuse(closeCodes.internal.code, closeCodes.internal.reason, 'TIMEOUT', sentence);
    });
    const finish = (): void => {
      this.#cancelTimer();
      this.#send(metadataOf(identity, recognition.received, clock.nowMs()));
      this.#outbox.put(() => this.#close(closeCodes.normal.code, closeCodes.normal.reason));
    };
    this.#transcriber.closeStream().then(finish, (error: unknown) => this.#engineFailed(error as Error));
  }

  /** Stops reading the socket while the engine is far behind; TCP makes the client wait. */
  #relieve(): void {
    const { socket, clock, limits } = this.#options;
    if (this.#isPaused || this.backlogMs <= limits.sessionBacklogMs) return;
    this.#isPaused = true;
    socket.pause();
    const check = (): void => {
      if (this.#phase === 'over') return;
      if (this.backlogMs > limits.sessionBacklogMs / 2) {
        clock.after(backlogCheckMs, check);
        return;
      }
      this.#isPaused = false;
      this.#lastHeardMs = clock.monotonicMs();
      socket.resume();
    };
    clock.after(backlogCheckMs, check);
  }

  #watchIdle(): void {
    const { clock, limits } = this.#options;
    const leftMs = this.#lastHeardMs + limits.idleMs - clock.monotonicMs();
    if (leftMs > 0 || this.#isPaused) {
      this.#cancelTimer = clock.after(Math.max(leftMs, backlogCheckMs), () => this.#watchIdle());
      return;
    }
    const { code, reason } = closeCodes.idle;
    this.#refuse(
      code,
      reason,
      reason,
      `Expected audio or KeepAlive within ${limits.idleMs} ms, got neither.`,
    );
  }

  #send(message: ServerMessage, holdMs = 0): void {
    const { socket, limits } = this.#options;
    const text = encodeMessage(message);
    this.#outbox.put(() => {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > limits.outboxBytes) this.#tooSlow();
      else socket.send(text);
    }, holdMs);
  }

  #tooSlow(): void {
    this.#close(closeCodes.tryLater.code, 'client reads too slowly');
  }

  /** Says why, then closes: what waits in the outbox is not sent any more. */
  #refuse(code: number, reason: string, variant: string, sentence: string): void {
    if (this.#phase === 'over') return;
    this.#log(`refused: ${variant} ${sentence}`);
    this.#outbox.close();
    this.#options.socket.send(encodeMessage(errorOf(variant, sentence)), () => undefined);
    this.#close(code, reason);
  }

  #close(code: number, reason: string): void {
    if (this.#phase === 'over') return;
    const { socket, clock } = this.#options;
    this.#over();
    // The peer's answer to the close must be read.
    if (this.#isPaused) socket.resume();
    socket.close(code, reason);
    const cut = clock.after(closeHandshakeMs, () => socket.terminate());
    socket.once('close', cut);
  }

  #over(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#cancelTimer();
    this.#outbox.close();
    this.#options.recognition.close();
    this.#options.onOver();
  }

  #log(message: string): void {
    this.#options.log.warn({ request: this.#options.identity.requestId }, message);
  }
}

/** Raw mono audio as 16-bit samples. Throws MESSAGE_INVALID on half a sample. */
export function decodeAudio(data: Uint8Array, encoding: AudioEncoding): Int16Array {
  if (encoding === 'mulaw') return decodeMulaw(data);
  if (encoding === 'alaw') return decodeAlaw(data);
  if (data.length % bytesPerSample.linear16 !== 0) {
    throw new CrossfadeError(
      'MESSAGE_INVALID',
      `Expected frames of whole linear16 samples (2 bytes each), got ${data.length} bytes.`,
    );
  }
  // Copied: the bytes belong to the socket, and may lie at an odd address.
  const samples = new Int16Array(data.length / 2);
  new Uint8Array(samples.buffer).set(data);
  return samples;
}
