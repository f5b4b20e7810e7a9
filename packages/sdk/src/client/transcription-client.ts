/**
 * A client that loses nothing: it keeps audio until the gateway calls it durable, and takes the session up again after a
 * lost network or a restarted server.
 *
 *   connecting  not joined yet; audio is kept. Leaves to *live* when the gateway says where to go on.
 *   live        audio leaves as it comes. Leaves to *connecting* when the connection breaks, to *ended* after `stop`.
 *   ended       everything is final, or it failed for good. Nothing happens any more.
 */
import { type AudioEncoding, bytesPerSample } from '../core/audio.ts';
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import { CrossfadeError } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import { type GatewayMessage, parseGatewayMessage } from './messages.ts';
import { UnacknowledgedAudio } from './unacknowledged-audio.ts';

/** The part of a WebSocket we use: the browser's own, or `ws` in Node. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

/** A text for a stretch of audio. Final ones come once per segment and never change. */
export interface TranscriptResult {
  readonly segmentId: string;
  /** Counts the texts of one segment, from 0. */
  readonly revision: number;
  readonly isFinal: boolean;
  readonly text: string;
  /** Seconds from the start of the session. */
  readonly start: number;
  readonly end: number;
  readonly words: readonly { readonly word: string; readonly start: number; readonly end: number }[];
}

export interface TranscriptionClientOptions {
  /** `ws://host:port/v1/listen`. */
  readonly url: string;
  readonly sampleRate: number;
  readonly encoding?: AudioEncoding;
  readonly model?: string;
  /** Who speaks: decides the rollout's share, and stays the same for one person. */
  readonly targetingKey?: string;
  /** What else the rollout may look at: country, plan, app version. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Further parameters of the listen protocol, `endpointing` for instance. */
  readonly query?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly onResult: (result: TranscriptResult) => void;
  /** Told when the connection breaks and when it is back. */
  readonly onConnection?: (isLive: boolean) => void;
  /** Audio kept while the server has not called it durable, ms; two minutes when absent. */
  readonly keepMs?: number;
  /** Gives up after this long without a connection, ms; five minutes when absent. */
  readonly giveUpMs?: number;
  /** Needed where there is no global WebSocket (Node 20). */
  readonly WebSocket?: SocketConstructor;
  readonly clock?: Clock;
  readonly random?: Random;
}

const retryMinMs = 100;
const retryMaxMs = 5_000;
/** A connection that does not answer by then is tried anew. */
const joinMs = 10_000;
const openState = 1;

export class TranscriptionClient {
  readonly #options: TranscriptionClientOptions;
  readonly #audio: UnacknowledgedAudio;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ended: Promise<void>;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #state: 'connecting' | 'live' | 'ended' = 'connecting';
  #socket: SocketLike | null = null;
  #sessionId: string | null = null;
  #nextSample = 0;
  /** The last final: the number of its segment, and the sample where it ends. */
  #lastFinal = { segment: -1, endSample: 0 };
  /** The partial that no final answered yet. */
  #open: TranscriptResult | null = null;
  #isStopping = false;
  #retries = 0;
  #lostAtMs: number;
  #producedAtLoss: number | null = null;
  #cancelTimer: Cancel = () => {};

  constructor(options: TranscriptionClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    const keepMs = options.keepMs ?? 120_000;
    this.#audio = new UnacknowledgedAudio(
      options.encoding ?? 'linear16',
      (keepMs * options.sampleRate) / 1_000,
    );
    this.#lostAtMs = this.#clock.monotonicMs();
    this.#ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever never calls stop() must not die of an unhandled rejection.
    this.#ended.catch(() => {});
    this.#connect();
  }

  /** Null until the gateway gave it a name. */
  get sessionId(): string | null {
    return this.#sessionId;
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  /** Everything sent so far would survive: the page may close, the process may end. */
  get safeToLeave(): boolean {
    return this.#audio.durableSample >= this.#audio.endSample;
  }

  /**
   * Sends whole samples. False: not taken, because the connection is away for longer than the memory allows, or the
   * session is over; nothing of it was kept.
   */
  send(bytes: Uint8Array): boolean {
    const size = bytesPerSample[this.#options.encoding ?? 'linear16'];
    if (bytes.length % size !== 0) {
      throw new CrossfadeError(
        'MESSAGE_INVALID',
        `Expected whole samples of ${size} bytes, got ${bytes.length} bytes.`,
      );
    }
    if (this.#state === 'ended' || this.#isStopping || bytes.length === 0) return false;
    if (!this.#audio.add(bytes)) return false;
    this.#flush();
    return true;
  }

  /** Asks for a final of everything so far. Lost with the connection; finals come anyway. */
  finalize(): void {
    if (this.#state === 'live') this.#say({ type: 'Finalize' });
  }

  /** No more audio. Resolves when the whole transcript came; rejects with TIMEOUT or SESSION_UNKNOWN. Idempotent. */
  stop(): Promise<void> {
    this.#isStopping = true;
    this.#flush();
    return this.#ended;
  }

  /** Leaves at once. The gateway finishes the session from its journal. */
  close(): void {
    this.#end(null);
  }

  #connect(): void {
    const { url, key } = this.#options;
    const Socket = this.#options.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
    if (Socket === undefined) {
      throw new CrossfadeError(
        'USAGE',
        'Expected a WebSocket in this runtime, got none. Pass one: { WebSocket } from "ws".',
      );
    }
    const address = new URL(url);
    address.search = this.#query().toString();
    const socket = new Socket(address.toString(), key === undefined ? undefined : ['token', key]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onmessage = (event: { data: unknown }) => {
      const message = parseGatewayMessage(event.data);
      if (message !== null && socket === this.#socket) this.#onMessage(message);
    };
    socket.onclose = () => this.#onLost(socket);
    socket.onerror = () => this.#onLost(socket);
    this.#cancelTimer = this.#clock.after(joinMs, () => this.#onLost(socket));
  }

  #query(): URLSearchParams {
    const { sampleRate, encoding, model, targetingKey, attributes, query } = this.#options;
    const parameters = new URLSearchParams({
      model: model ?? 'general',
      interim_results: 'true',
      ...query,
      encoding: encoding ?? 'linear16',
      sample_rate: `${sampleRate}`,
    });
    const extras: [string, string | number | null | undefined][] = [
      ...Object.entries(attributes ?? {}),
      ['targetingKey', targetingKey],
      ['ack', 1],
      ['session', this.#sessionId],
      ['after', this.#sessionId === null ? null : this.#lastFinal.segment],
      ['heard', this.#sessionId === null ? null : this.#lastFinal.endSample],
      ['produced', this.#producedAtLoss],
    ];
    for (const [name, value] of extras) {
      if (value !== null && value !== undefined) parameters.append('extra', `${name}:${value}`);
    }
    return parameters;
  }

  #onMessage(message: GatewayMessage): void {
    if (message.type === 'Resume') this.#onJoined(message);
    else if (message.type === 'AudioAck') this.#audio.durable(message.through_sample);
    else if (message.type === 'Results') this.#onResults(message);
    else if (message.type === 'Metadata') this.#end(null);
    else if (message.variant === 'SESSION_UNKNOWN') {
      this.#end(new CrossfadeError('SESSION_UNKNOWN', message.description));
    }
  }

  #onJoined(message: Extract<GatewayMessage, { type: 'Resume' }>): void {
    this.#cancelTimer();
    this.#sessionId = message.session;
    // What the gateway has it has written; it is kept here until it is durable all the same.
    this.#nextSample = message.next_sample;
    this.#retries = 0;
    this.#producedAtLoss = null;
    this.#state = 'live';
    this.#options.onConnection?.(true);
    if (message.ended !== true) this.#flush();
  }

  #onResults(message: Extract<GatewayMessage, { type: 'Results' }>): void {
    const { segment_id: segmentId, is_final: isFinal } = message;
    // Segments are numbered in the order of their finals: this one came before, or is of one that did.
    const segment = Number(segmentId.slice(1));
    if (segment <= this.#lastFinal.segment) return;
    // A power cut took what the gateway knew of the open partial: its audio comes under another number.
    if (this.#open !== null && this.#open.segmentId !== segmentId) {
      this.#options.onResult({ ...this.#open, revision: this.#open.revision + 1, text: '', words: [] });
    }
    // Counted here: a gateway that was killed begins anew.
    const revision = this.#open?.segmentId === segmentId ? this.#open.revision + 1 : 0;
    const end = message.start + message.duration;
    const [best] = message.channel.alternatives;
    const result: TranscriptResult = {
      segmentId,
      revision,
      isFinal,
      text: best.transcript,
      start: message.start,
      end,
      words: best.words,
    };
    this.#open = isFinal ? null : result;
    if (isFinal) this.#lastFinal = { segment, endSample: Math.round(end * this.#options.sampleRate) };
    this.#options.onResult(result);
  }

  /** Sends what the gateway has not had, and the goodbye once all of it is out. */
  #flush(): void {
    if (this.#state !== 'live' || this.#socket?.readyState !== openState) return;
    for (const piece of this.#audio.from(this.#nextSample)) {
      this.#socket.send(piece.bytes as Uint8Array<ArrayBuffer>);
      this.#nextSample =
        piece.startSample + piece.bytes.length / bytesPerSample[this.#options.encoding ?? 'linear16'];
    }
    if (this.#isStopping) this.#say({ type: 'CloseStream' });
  }

  #say(message: object): void {
    if (this.#socket?.readyState === openState) this.#socket.send(JSON.stringify(message));
  }

  #onLost(socket: SocketLike): void {
    if (socket !== this.#socket || this.#state === 'ended') return;
    this.#cancelTimer();
    this.#detach();
    if (this.#state === 'live') {
      this.#state = 'connecting';
      this.#lostAtMs = this.#clock.monotonicMs();
      this.#producedAtLoss = this.#audio.endSample;
      this.#options.onConnection?.(false);
    }
    const giveUpMs = this.#options.giveUpMs ?? 300_000;
    const awayMs = this.#clock.monotonicMs() - this.#lostAtMs;
    if (awayMs >= giveUpMs) {
      this.#end(
        new CrossfadeError(
          'TIMEOUT',
          `Expected the gateway back within ${giveUpMs} ms, got no connection for ${Math.round(awayMs)} ms.`,
        ),
      );
      return;
    }
    // Jitter keeps the clients of a restarted gateway from coming back all at once.
    const delayMs = Math.min(retryMaxMs, retryMinMs * 2 ** this.#retries) * (0.5 + this.#random.next() / 2);
    this.#retries += 1;
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#connect());
  }

  #detach(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    // ws raises an error when a connecting socket is closed; nobody is interested any more.
    socket.onerror = () => {};
    socket.close();
  }

  #end(error: Error | null): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#cancelTimer();
    this.#detach();
    if (error === null) this.#settle.resolve();
    else this.#settle.reject(error);
  }
}
