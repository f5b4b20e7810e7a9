import { once } from 'node:events';
import { systemClock } from '@crossfade/sdk/core/clock';
import { WebSocket } from 'ws';
import { ToneEngine } from '../engines/tone.ts';
import type { UpstreamMessage, UpstreamResults } from '../wire/deepgram.ts';
import { parseUpstreamMessage } from '../wire/deepgram.ts';
import { startPipeline, type Pipeline } from './pipeline.ts';
import type { PipelineOptions } from './pipeline-options.ts';

/** A pipeline of the tone engine on a port of the system's choice. */
export function tonePipeline(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  return startPipeline({
    kind: 'streaming',
    host: '127.0.0.1',
    port: 0,
    build: 'test-1',
    engines: [new ToneEngine()],
    clock: systemClock,
    ...options,
  });
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client that keeps everything it hears. */
export class ListenClient {
  readonly socket: WebSocket;
  readonly messages: UpstreamMessage[] = [];
  readonly closed: Promise<Closed>;
  headers: Readonly<Record<string, string | string[] | undefined>> = {};
  readonly #waiting = new Set<() => void>();

  constructor(port: number, query: Readonly<Record<string, string>> = {}, protocols: string[] = []) {
    const parameters = new URLSearchParams({
      model: 'tone',
      encoding: 'linear16',
      sample_rate: '16000',
      interim_results: 'true',
      ...query,
    });
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/listen?${parameters.toString()}`, protocols);
    this.socket.on('upgrade', (response) => (this.headers = response.headers));
    this.socket.on('message', (data: Buffer) => {
      const message = parseUpstreamMessage(data.toString());
      if (message !== null) this.messages.push(message);
      for (const check of this.#waiting) check();
    });
    this.closed = once(this.socket, 'close').then(([code, reason]: unknown[]) => ({
      code: code as number,
      reason: String(reason),
    }));
    this.closed.catch(() => undefined);
  }

  async open(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  sendAudio(audio: Int16Array, samplesPerFrame = 1_600): void {
    for (let at = 0; at < audio.length; at += samplesPerFrame) {
      const part = audio.slice(at, at + samplesPerFrame);
      this.socket.send(new Uint8Array(part.buffer));
    }
  }

  say(type: 'KeepAlive' | 'Finalize' | 'CloseStream'): void {
    this.socket.send(JSON.stringify({ type }));
  }

  /** Closes the stream in order and waits for the end. */
  async finish(): Promise<Closed> {
    this.say('CloseStream');
    return this.closed;
  }

  /** Resolves once `until` holds for what was heard; the test's time limit bounds the wait. */
  heard(until: (messages: readonly UpstreamMessage[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!until(this.messages)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** The server has read everything sent so far: it answers a ping behind it. */
  async settled(): Promise<void> {
    this.socket.ping();
    await once(this.socket, 'pong');
  }

  get results(): UpstreamResults[] {
    return this.messages.filter((message) => message.type === 'Results');
  }

  get finals(): UpstreamResults[] {
    return this.results.filter((result) => result.is_final);
  }

  get partials(): UpstreamResults[] {
    return this.results.filter((result) => !result.is_final);
  }

  /** All words of the finals. */
  get text(): string {
    return this.finals
      .map(({ channel }) => channel.alternatives[0]!.transcript)
      .filter((transcript) => transcript !== '')
      .join(' ');
  }

  /** Ranges of the finals in samples. */
  ranges(sampleRate = 16_000): (readonly [start: number, end: number])[] {
    return this.finals.map(
      ({ start, duration }) =>
        [Math.round(start * sampleRate), Math.round((start + duration) * sampleRate)] as const,
    );
  }
}
