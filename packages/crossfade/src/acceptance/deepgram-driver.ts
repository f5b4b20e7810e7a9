import type { IncomingMessage } from 'node:http';
import { messageOf } from '@crossfade/sdk/core/errors';
import WebSocket from 'ws';
import { parseUpstreamMessage, type UpstreamResults } from '../wire/deepgram.ts';
import type { Accepted, Driver, DriverConnection, DriverListener, SaidText, SessionBreak } from './driver.ts';
import { readStoredSession } from './stored-session.ts';

export interface DeepgramTarget {
  /** `ws://host:port/v1/listen`; query parameters in it are kept. */
  readonly url: string;
  /** Sent as `Authorization: Token KEY`. */
  readonly key?: string;
  readonly model?: string;
  /** Further query parameters, `language` for instance. */
  readonly query?: Readonly<Record<string, string>>;
}

/** A vendor far away answers an upgrade within two seconds. */
const handshakeLimitMs = 10_000;
/** A final of an hour's speech is far below; a longer frame is refused by closing with 1009. */
const frameBytesMax = 1_048_576;
/** Unsent audio: 30 s and more at any rate. A target that reads so slowly will not catch up. */
const unsentBytesMax = 4_194_304;
/** Frames of a session that carry no text: pings, notes, binary. A ping a second and a note an utterance are far below. */
const otherFramesMax = 5_000;
/** For a server that is not there, or is another one. */
const addressRemedy = 'Check the address; …/v1/listen is usual.';
/** Shown of what a target answers to an upgrade it refuses. */
const refusalCharactersMax = 300;

/** Speaks Deepgram's `/v1/listen` as a stock client does: nothing kept, nothing sent twice. */
export class DeepgramDriver implements Driver {
  readonly protocol = 'Deepgram /v1/listen';
  readonly #target: DeepgramTarget;

  constructor(target: DeepgramTarget) {
    this.#target = target;
  }

  connect(sampleRate: number, listener: DriverListener): DriverConnection {
    return new ListenConnection(this.#target, sampleRate, listener);
  }

  readStored(sessionId: string): ReturnType<Driver['readStored']> {
    return readStoredSession(this.#target.url, sessionId, this.#target.key);
  }
}

class ListenConnection implements DriverConnection {
  readonly #listener: DriverListener;
  readonly #sampleRate: number;
  readonly #socket: WebSocket;
  #isDone = false;
  #hasOpened = false;
  #hasStopped = false;
  #otherFrames = 0;
  #problem: SessionBreak | null = null;
  #isOver = false;

  constructor(target: DeepgramTarget, sampleRate: number, listener: DriverListener) {
    this.#listener = listener;
    this.#sampleRate = sampleRate;
    const socket = new WebSocket(listenUrl(target, sampleRate), {
      perMessageDeflate: false,
      handshakeTimeout: handshakeLimitMs,
      maxPayload: frameBytesMax,
      followRedirects: false,
      ...(target.key === undefined ? {} : { headers: { Authorization: `Token ${target.key}` } }),
    });
    this.#socket = socket;
    let accepted: Accepted = { sessionId: null, build: null };
    socket.on('upgrade', ({ headers }) => {
      const text = (value: unknown): string | null =>
        typeof value === 'string' ? value.slice(0, 200) : null;
      accepted = { sessionId: text(headers['dg-request-id']), build: text(headers['x-crossfade-build']) };
    });
    socket.on('open', () => {
      this.#hasOpened = true;
      listener.onAccepted(accepted);
    });
    socket.on('unexpected-response', (_request, response) => this.#refused(response));
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    // Each is answered, and an answer that nobody reads stays in memory.
    socket.on('ping', () => this.#countOther());
    socket.on('error', (error) => this.#errored(error));
    socket.on('close', (code, reason) => this.#closed(code, reason.toString()));
  }

  send(samples: Int16Array): boolean {
    const socket = this.#socket;
    if (this.#isOver || socket.readyState > WebSocket.OPEN) return false;
    if (socket.bufferedAmount > unsentBytesMax) {
      this.#break('died', `The target left ${unsentBytesMax} bytes of audio unread.`);
      return false;
    }
    socket.send(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    return true;
  }

  stop(): void {
    this.#hasStopped = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"type":"CloseStream"}');
  }

  finalize(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send('{"type":"Finalize"}');
  }

  hangUp(): void {
    this.#socket.terminate();
  }

  #received(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.#isOver || this.#problem !== null) return;
    if (isBinary) {
      this.#countOther();
      return;
    }
    try {
      const message = parseUpstreamMessage((data as Buffer).toString());
      if (message?.type !== 'Results') this.#countOther();
      if (message?.type === 'Results') this.#listener.onText(textOf(message, this.#sampleRate));
      else if (message?.type === 'Metadata' && this.#hasStopped) {
        this.#isDone = true;
        this.#listener.onDone();
      } else if (message?.type === 'Error') {
        this.#break(
          'died',
          `The target says: ${shown(message.description ?? message.message ?? 'an error')}`,
        );
      }
    } catch (error) {
      this.#break('broke-protocol', messageOf(error));
    }
  }

  #countOther(): void {
    this.#otherFrames += 1;
    if (this.#otherFrames > otherFramesMax)
      this.#break(
        'broke-protocol',
        `Expected at most ${otherFramesMax} frames without a text in a session, got more.`,
      );
  }

  #refused(response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    const reason = response.headers['dg-error'];
    response.destroy();
    const why = typeof reason === 'string' ? `: ${shown(reason)}` : '';
    this.#break(
      'refused',
      `Expected the target to take a session, got HTTP ${status}${why}.${refusalRemedy(status)}`,
    );
  }

  #errored(error: Error): void {
    const { code } = error as { code?: string };
    if (code?.startsWith('WS_ERR') === true) {
      this.#break(
        'broke-protocol',
        `Expected WebSocket frames of the listen protocol, got: ${shown(error.message)}.`,
      );
    } else if (!this.#hasOpened) {
      this.#break(
        'unreachable',
        `Expected a WebSocket server, got: ${shown(messageOf(error))}. ${addressRemedy}`,
      );
    } else this.#break('died', `The connection failed: ${shown(messageOf(error))}.`);
  }

  #closed(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const why = reason === '' ? '' : ` (${shown(reason)})`;
    const unfinished: SessionBreak = {
      kind: 'died',
      reason: `The connection closed with ${code}${why} before the target was done.`,
    };
    this.#listener.onEnd(this.#problem ?? (this.#isDone ? null : unfinished));
  }

  /** The first problem is the cause; what follows from it is not told. */
  #break(kind: SessionBreak['kind'], reason: string): void {
    this.#problem ??= { kind, reason };
    this.#socket.terminate();
  }
}

function listenUrl({ url, model, query }: DeepgramTarget, sampleRate: number): string {
  const address = new URL(url);
  const parameters = {
    ...(model === undefined ? {} : { model }),
    encoding: 'linear16',
    sample_rate: String(sampleRate),
    channels: '1',
    interim_results: 'true',
    ...query,
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
}

function textOf({ is_final, start, duration, channel }: UpstreamResults, sampleRate: number): SaidText {
  const best = channel.alternatives[0]!;
  const sample = (seconds: number): number => Math.round(seconds * sampleRate);
  return {
    isFinal: is_final,
    start: sample(start),
    end: sample(start + duration),
    text: best.transcript,
    words: best.words.map((word) => ({ text: word.word, start: sample(word.start), end: sample(word.end) })),
  };
}

/** A full server and a broken one are at the right address. */
function refusalRemedy(status: number): string {
  if (status === 401 || status === 403) return ' Check the key.';
  return status < 400 || status === 404 || status === 405 || status === 426 ? ` ${addressRemedy}` : '';
}

/** Words of others, to stand inside a sentence. */
function shown(text: string): string {
  const words = text.replace(/\s+/g, ' ').trim();
  return words.slice(0, refusalCharactersMax).replace(/[.]+$/, '');
}
