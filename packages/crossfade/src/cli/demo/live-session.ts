import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { samplesToMs } from '@crossfade/sdk/core/units';
import WebSocket from 'ws';
import { MetricCounter } from '../../transcript/metric-counter.ts';
import { parseUpstreamMessage, type UpstreamResults } from '../../wire/deepgram.ts';
import { type DemoAudio, demoSampleRate } from './demo-audio.ts';

/** One session as a stock client had it: plain Deepgram protocol, nothing kept, nothing sent twice. */
export interface SpokenSession {
  /** The gateway's name for it; null: it never answered. */
  readonly sessionId: string | null;
  readonly samplesOffered: number;
  readonly audioMs: number;
  /** What the client saw, counted by the metric module. */
  readonly entries: number;
  readonly duplicateEntries: number;
  readonly orphans: number;
  /** Words of the finals in order; ranges are in samples. */
  readonly words: readonly { readonly text: string; readonly start: number; readonly end: number }[];
  /** How late each frame left, against the absolute schedule, ms; the wait for the connection is not the sender's. */
  readonly lateMs: readonly number[];
  /** Null: the server said it was done and closed in order. */
  readonly failure: string | null;
}

export interface LiveSessionOptions {
  /** `ws://host:port` of the gateway. */
  readonly gatewayUrl: string;
  readonly model: string;
  readonly targetingKey: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly audio: DemoAudio;
  readonly clock: Clock;
  /** Aborts: hang up at once. */
  readonly signal?: AbortSignal;
}

/** What microphones and browsers send at once, ms. */
const frameMs = 100;
/** From the last frame to the goodbye; a rescue on the way takes a few seconds. */
const goodbyeLimitMs = 30_000;
const connectLimitMs = 10_000;

/**
 * Speaks one session at the pace of real time and listens until the server says goodbye. Sample s is captured
 * at T0 + s / rate, and frames leave on that schedule whatever happened before. Never rejects.
 */
export function speakSession(options: LiveSessionOptions): Promise<SpokenSession> {
  return new LiveSession(options).run();
}

class LiveSession {
  readonly #options: LiveSessionOptions;
  readonly #socket: WebSocket;
  readonly #originMs: number;
  readonly #counter = new MetricCounter();
  readonly #words: SpokenSession['words'][number][] = [];
  readonly #lateMs: number[] = [];
  #sent = 0;
  #openedAtMs = 0;
  #sessionId: string | null = null;
  #saidDone = false;
  #error: string | null = null;
  #cancel: () => void = () => undefined;

  constructor(options: LiveSessionOptions) {
    this.#options = options;
    this.#originMs = options.clock.monotonicMs();
    this.#socket = new WebSocket(listenUrl(options), {
      perMessageDeflate: false,
      handshakeTimeout: connectLimitMs,
    });
  }

  run(): Promise<SpokenSession> {
    const socket = this.#socket;
    socket.on('upgrade', (response) => {
      const id = response.headers['dg-request-id'];
      this.#sessionId = typeof id === 'string' ? id : null;
    });
    socket.on('open', () => {
      this.#openedAtMs = this.#options.clock.monotonicMs();
      this.#sendDue();
    });
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('error', (error) => (this.#error ??= messageOf(error)));
    const hangUp = (): void => socket.terminate();
    this.#options.signal?.addEventListener('abort', hangUp, { once: true });
    return new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#cancel();
        this.#options.signal?.removeEventListener('abort', hangUp);
        if (!this.#saidDone) this.#error ??= `closed with ${code} before the whole transcript`;
        resolve(this.#outcome());
      });
    });
  }

  /** Sends every frame that is due, then waits for the next one on the absolute schedule. */
  #sendDue(): void {
    const { clock, audio } = this.#options;
    const frameSamples = (demoSampleRate * frameMs) / 1_000;
    while (this.#sent < audio.totalSamples && this.#socket.readyState === WebSocket.OPEN) {
      const end = Math.min(audio.totalSamples, this.#sent + frameSamples);
      const lateMs = clock.monotonicMs() - this.#dueMs(end);
      // Timers fire on whole milliseconds; a frame that is due within this one goes now.
      if (lateMs < -1) {
        this.#cancel = clock.after(-lateMs, () => this.#sendDue());
        return;
      }
      const samples = audio.read(this.#sent, end);
      this.#socket.send(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
      this.#lateMs.push(Math.max(0, Math.min(lateMs, clock.monotonicMs() - this.#openedAtMs)));
      this.#sent = end;
    }
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type: 'CloseStream' }));
    this.#counter.stop(clock.monotonicMs());
    this.#cancel = clock.after(goodbyeLimitMs, () => {
      this.#error ??= `no goodbye within ${goodbyeLimitMs / 1_000} s`;
      this.#socket.terminate();
    });
  }

  #received(data: WebSocket.RawData, isBinary: boolean): void {
    // ws hands text on as one Buffer unless it is told otherwise.
    if (isBinary || !Buffer.isBuffer(data)) return;
    try {
      const message = parseUpstreamMessage(data.toString('utf8'));
      if (message?.type === 'Results') this.#show(message);
      if (message?.type === 'Metadata') this.#saidDone = true;
      if (message?.type === 'Error') this.#error ??= message.description ?? message.message ?? 'error';
    } catch (error) {
      this.#error ??= messageOf(error);
    }
  }

  #show(results: UpstreamResults): void {
    const [best] = results.channel.alternatives;
    if (best === undefined) throw new CrossfadeError('MESSAGE_INVALID', 'Expected an alternative, got none.');
    const toSample = (seconds: number): number => Math.round(seconds * demoSampleRate);
    const words = best.words.map(({ word, start, end, confidence }) => ({
      text: word,
      start: toSample(start),
      end: toSample(end),
      confidence,
    }));
    const end = toSample(results.start + results.duration);
    const hypothesis = { start: toSample(results.start), end, text: best.transcript, words };
    const nowMs = this.#options.clock.monotonicMs();
    const dueMs = (sample: number): number => this.#dueMs(sample);
    if (!results.is_final) return this.#counter.partial(hypothesis, nowMs, dueMs);
    this.#counter.final(hypothesis, nowMs, dueMs);
    this.#words.push(...words);
  }

  #dueMs(sample: number): number {
    return this.#originMs + samplesToMs(sample, demoSampleRate);
  }

  #outcome(): SpokenSession {
    const counts = this.#counter.counts({
      samplesOffered: this.#sent,
      sampleRate: demoSampleRate,
      saidDone: this.#saidDone,
      orphanOpen: true,
    });
    return {
      sessionId: this.#sessionId,
      samplesOffered: this.#sent,
      audioMs: samplesToMs(this.#sent, demoSampleRate),
      entries: counts.entries,
      duplicateEntries: counts.duplicateEntries,
      orphans: counts.orphans,
      words: this.#words,
      lateMs: this.#lateMs,
      failure: this.#error,
    };
  }
}

function listenUrl({ gatewayUrl, model, targetingKey, attributes }: LiveSessionOptions): string {
  const url = new URL('/v1/listen', gatewayUrl);
  url.search = new URLSearchParams({
    model,
    encoding: 'linear16',
    sample_rate: String(demoSampleRate),
    interim_results: 'true',
    endpointing: '300',
  }).toString();
  for (const [name, value] of Object.entries({ targetingKey, ...attributes })) {
    url.searchParams.append('extra', `${name}:${value}`);
  }
  return url.href;
}
