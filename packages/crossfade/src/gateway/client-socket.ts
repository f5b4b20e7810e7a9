/** One client's WebSocket: its limits, its messages, and how it is told what went wrong. */
import { bytesPerSample, type AudioEncoding } from '@crossfade/sdk/core/audio';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, hasCode, messageOf } from '@crossfade/sdk/core/errors';
import type { Log } from '@crossfade/sdk/core/log';
import type { WebSocket } from 'ws';
import { clientTextCharactersMax, closeCodes, parseClientMessage } from '../wire/deepgram.ts';
import { errorOf } from '../wire/deepgram-build.ts';
import type { GatewayLimits } from './limits.ts';
import type { LiveSession } from './live-session.ts';
import type { SessionClient } from './session-client.ts';

export class ClientSocket implements SessionClient {
  readonly acks: boolean;
  readonly #socket: WebSocket;
  readonly #session: LiveSession;
  readonly #encoding: AudioEncoding;
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  #lastHeardMs: number;
  #isOver = false;

  constructor(options: {
    readonly socket: WebSocket;
    readonly session: LiveSession;
    readonly acks: boolean;
    readonly encoding: AudioEncoding;
    readonly limits: GatewayLimits;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.acks = options.acks;
    this.#socket = options.socket;
    this.#session = options.session;
    this.#encoding = options.encoding;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#lastHeardMs = options.clock.monotonicMs();
    this.#socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
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
    if (this.#isOver || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > this.#limits.clientBufferBytesMax) {
      this.close(closeCodes.tryLater.code, 'client reads too slowly');
      return;
    }
    this.#socket.send(JSON.stringify(message));
  }

  close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.close(code, reason);
    // A peer that never answers the close handshake is cut off.
    this.#clock.after(closeHandshakeMs, () => this.#socket.terminate());
  }

  /** Ends a client that sends neither audio nor KeepAlive. */
  tick(nowMs: number): void {
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

const closeHandshakeMs = 5_000;
