import { TranscriptionClient } from '@crossfade/sdk/client/transcription-client';
import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import WebSocket from 'ws';
import type { Driver, DriverConnection, DriverListener } from './driver.ts';
import type { DeepgramTarget } from './deepgram-driver.ts';
import { readStoredSession } from './stored-session.ts';

/** Speaks the listen protocol with the gateway's acknowledgements, as an app with our client does: it resumes. */
export class ResumingDriver implements Driver {
  readonly protocol = 'Deepgram /v1/listen, resuming';
  readonly #target: DeepgramTarget;
  readonly #clock: Clock;

  constructor(target: DeepgramTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
  }

  connect(sampleRate: number, listener: DriverListener): DriverConnection {
    return new ResumingConnection(this.#target, sampleRate, this.#clock, listener);
  }

  readStored(sessionId: string): ReturnType<Driver['readStored']> {
    return readStoredSession(this.#target.url, sessionId, this.#target.key);
  }
}

/** A client that is away for longer has nobody who waits for it. */
const giveUpMs = 25_000;

class ResumingConnection implements DriverConnection {
  readonly #client: TranscriptionClient;
  readonly #listener: DriverListener;
  readonly #sockets = new Set<WebSocket>();
  #isAccepted = false;
  #isOver = false;

  constructor(target: DeepgramTarget, sampleRate: number, clock: Clock, listener: DriverListener) {
    this.#listener = listener;
    const sockets = this.#sockets;
    class OwnSocket extends WebSocket {
      constructor(url: string, protocols: string[] = []) {
        super(url, protocols, { perMessageDeflate: false, maxPayload: 1_048_576 });
        sockets.add(this);
        this.on('close', () => sockets.delete(this));
      }
    }
    const sample = (seconds: number): number => Math.round(seconds * sampleRate);
    this.#client = new TranscriptionClient({
      url: target.url,
      sampleRate,
      ...(target.model === undefined ? {} : { model: target.model }),
      ...(target.query === undefined ? {} : { query: target.query }),
      ...(target.key === undefined ? {} : { key: target.key }),
      WebSocket: OwnSocket,
      clock,
      giveUpMs,
      onConnection: (isLive) => this.#onConnection(isLive),
      onResult: ({ isFinal, start, end, text, words }) =>
        listener.onText({
          isFinal,
          start: sample(start),
          end: sample(end),
          text,
          words: words.map((each) => ({
            text: each.word,
            start: sample(each.start),
            end: sample(each.end),
          })),
        }),
    });
  }

  send(samples: Int16Array): boolean {
    return this.#client.send(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  }

  stop(): void {
    this.#client.stop().then(
      () => {
        this.#listener.onDone();
        this.#end(null);
      },
      (error: unknown) => this.#end(messageOf(error)),
    );
  }

  finalize(): void {
    this.#client.finalize();
  }

  drop(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  hangUp(): void {
    this.#client.close();
    this.#end('The client hung up.');
  }

  #onConnection(isLive: boolean): void {
    if (!isLive || this.#isAccepted) return;
    this.#isAccepted = true;
    this.#listener.onAccepted({ sessionId: this.#client.sessionId, build: null });
  }

  #end(reason: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onEnd(reason === null ? null : { kind: 'died', reason });
  }
}
