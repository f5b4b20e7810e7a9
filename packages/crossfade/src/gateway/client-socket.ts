/** One client's WebSocket: its limits, its messages, and how it is told what went wrong. */
import { bytesPerSample, type AudioEncoding } from '@crossfade/sdk/core/audio';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, hasCode, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import type { WebSocket } from 'ws';
import { clientTextCharactersMax, closeCodes, parseClientMessage } from '../wire/deepgram.ts';
import { errorOf } from '../wire/deepgram-build.ts';
import type { BufferRoom } from './buffer-room.ts';
import type { GatewayLimits } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import type { SessionClient } from './session-client.ts';

export class ClientSocket implements SessionClient {
  readonly acks: boolean;
  readonly #socket: WebSocket;
  readonly #session: LiveSession;
  readonly #encoding: AudioEncoding;
  readonly #limits: GatewayLimits;
  readonly #room: BufferRoom;
  readonly #clock: Clock;
  readonly #log: Log;
  #lastHeardMs: number;
  /** Since when its audio is not read, because the disk is behind. */
  #pausedAtMs: number | null = null;
  #isOver = false;

  constructor(options: {
    readonly socket: WebSocket;
    readonly session: LiveSession;
    readonly acks: boolean;
    readonly encoding: AudioEncoding;
    readonly limits: GatewayLimits;
    /** What may wait in memory for clients that read slowly. */
    readonly room: BufferRoom;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.acks = options.acks;
    this.#socket = options.socket;
    this.#session = options.session;
    this.#encoding = options.encoding;
    this.#limits = options.limits;
    this.#room = options.room;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#lastHeardMs = options.clock.monotonicMs();
    this.#socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    this.#socket.on('ping', (data: Buffer) => this.#onPing(data));
    this.#socket.on('close', () => this.#onGone());
    this.#socket.on('error', (error) => {
      // ws closes an oversized frame with 1009 and a broken one with 1002 by itself.
      this.#log.warn(
        { session: this.#session.sessionId, error: messageOf(error) },
        'client connection failed',
      );
    });
  }

  send(message: object): void {
    if (!this.#hasRoom()) return;
    const text = JSON.stringify(message);
    this.#room.added(text.length);
    this.#socket.send(text);
  }

  durable(sample: number): void {
    if (this.acks) this.send({ type: 'AudioAck', through_sample: sample, durable: true });
    if (this.#pausedAtMs !== null && this.#session.undurableBytes <= this.#limits.undurableBytesMax / 2)
      this.#readOn();
  }

  /** Bytes that wait for the client to read them. */
  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Its answer to the close must be read.
    this.#readOn();
    this.#socket.close(code, reason);
    // A peer that never answers the close handshake is cut off.
    this.#clock.after(this.#limits.closeHandshakeMs, () => this.#socket.terminate());
  }

  /** Ends a client that sends neither audio nor KeepAlive, and one that the disk keeps waiting. */
  tick(nowMs: number): void {
    if (this.#pausedAtMs !== null) {
      if (nowMs - this.#pausedAtMs > this.#limits.idleMs) this.#giveUpOnDisk();
      return;
    }
    if (this.#isOver || nowMs - this.#lastHeardMs <= this.#limits.idleMs || this.#session.phase !== 'live')
      return;
    this.#refuse(
      closeCodes.idle,
      'NET-0001',
      `Expected audio or KeepAlive within ${this.#limits.idleMs} ms, got neither.`,
    );
    this.#session.finish('limit');
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    this.#lastHeardMs = this.#clock.monotonicMs();
    try {
      if (isBinary) this.#onAudio(data);
      else this.#onText(data);
    } catch (error) {
      this.#onBadMessage(error);
    }
  }

  #onAudio(data: Buffer): void {
    // The protocol's old way to say CloseStream.
    if (data.length === 0) {
      this.#session.finish('closed-by-client');
      return;
    }
    const size = bytesPerSample[this.#encoding];
    if (data.length % size !== 0) {
      throw new CrossfadeError(
        'MESSAGE_INVALID',
        `Expected frames of whole ${this.#encoding} samples (${size} bytes each), got ${data.length} bytes.`,
      );
    }
    this.#session.audio(data);
    // TCP makes the client wait, and nobody else: what the disk has not confirmed is in memory.
    if (this.#session.undurableBytes <= this.#limits.undurableBytesMax) return;
    this.#pausedAtMs ??= this.#clock.monotonicMs();
    this.#socket.pause();
  }

  #readOn(): void {
    if (this.#pausedAtMs === null) return;
    this.#pausedAtMs = null;
    this.#lastHeardMs = this.#clock.monotonicMs();
    this.#socket.resume();
  }

  #giveUpOnDisk(): void {
    const sentence = `Expected the disk to take audio within ${this.#limits.idleMs} ms, it took none. Try again later.`;
    this.#refuse(closeCodes.tryLater, 'JOURNAL_UNAVAILABLE', sentence);
    this.#session.clientGone(this);
  }

  /** Not ws's own answer: pings of a client that reads nothing would fill the memory. */
  #onPing(data: Buffer): void {
    if (this.#hasRoom()) this.#socket.pong(data);
  }

  /** Whether it may be sent something; one that reads too slowly is told goodbye. */
  #hasRoom(): boolean {
    if (this.#isOver || this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#socket.bufferedAmount <= this.#room.limit) return true;
    this.#log.warn({ session: this.#session.sessionId }, 'client reads too slowly');
    this.close(closeCodes.tryLater.code, 'client reads too slowly');
    return false;
  }

  #onText(data: Buffer): void {
    // Checked before decoding: ten megabytes of text are refused, not read.
    if (data.length > clientTextCharactersMax * 4) {
      throw new CrossfadeError(
        'MESSAGE_INVALID',
        `Expected a short text frame, got ${data.length} bytes. Audio goes in binary frames.`,
      );
    }
    const message = parseClientMessage(data.toString());
    if (message.type === 'Finalize') this.#session.finalize();
    else if (message.type === 'CloseStream') this.#session.finish('closed-by-client');
  }

  #onBadMessage(error: unknown): void {
    if (hasCode(error, 'MESSAGE_INVALID')) this.#refuse(closeCodes.notDecodable, 'DATA-0000', error.message);
    else if (error instanceof CrossfadeError) this.#refuse(closeCodes.tryLater, error.code, error.message);
    else {
      this.#log.error({ session: this.#session.sessionId, error: messageOf(error) }, 'client message failed');
      this.#refuse(
        closeCodes.internal,
        'INTERNAL',
        'The gateway failed on this message; the audio so far is kept.',
      );
    }
    this.#session.clientGone(this);
  }

  #refuse(
    close: { readonly code: number; readonly reason: string },
    variant: string,
    description: string,
  ): void {
    this.send(errorOf(variant, description));
    this.#log.warn({ session: this.#session.sessionId, variant, description }, 'client refused');
    this.close(close.code, close.reason);
  }

  #onGone(): void {
    this.#isOver = true;
    this.#session.clientGone(this);
  }
}
