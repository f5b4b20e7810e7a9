/** Clients of bench/gateway.ts: speakers in real time whose frames say when they left. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { sampleRate } from './gateway-processes.ts';

/** Sessions that are opened at once. */
const openAtOnce = 50;

/** Speakers spread over a frame, so that they do not all speak at the same instant. */
export class Speakers {
  readonly #sockets: WebSocket[] = [];
  readonly #frameMs: number;
  /** From a frame's leaving to the text that it brought about, of frames that left while `isMeasuring`. */
  readonly roundTripsMs: number[] = [];
  /** How late frames left, ms at most: a speaker that is late itself measures its own machine. */
  lateMsMax = 0;
  isMeasuring = false;
  #isSpeaking = false;

  constructor(frameMs: number) {
    this.#frameMs = frameMs;
  }

  async open(port: number, count: number): Promise<void> {
    const query = `encoding=linear16&sample_rate=${sampleRate}&interim_results=true`;
    for (let at = 0; at < count; at += openAtOnce) {
      await Promise.all(
        Array.from({ length: Math.min(openAtOnce, count - at) }, async () => {
          const url = `ws://127.0.0.1:${port}/v1/listen?${query}`;
          const socket = new WebSocket(url, { perMessageDeflate: false });
          socket.on('error', () => undefined);
          socket.on('message', (data: Buffer) => this.#heard(data));
          await once(socket, 'open');
          this.#sockets.push(socket);
        }),
      );
    }
  }

  /** Speaks until `pause`. */
  speak(): void {
    this.#isSpeaking = true;
    const startedAtMs = systemClock.monotonicMs();
    const frameBytes = (this.#frameMs * sampleRate * 2) / 1_000;
    let sent = 0;
    const tick = (): void => {
      if (!this.#isSpeaking) return;
      const perMs = this.#sockets.length / this.#frameMs;
      const due = (systemClock.monotonicMs() - startedAtMs) * perMs;
      if (this.isMeasuring) this.lateMsMax = Math.max(this.lateMsMax, (due - sent) / perMs);
      for (; sent < due; sent += 1) {
        const frame = Buffer.alloc(frameBytes, 1);
        frame.writeBigInt64LE(process.hrtime.bigint(), 0);
        this.#sockets[sent % this.#sockets.length]!.send(frame);
      }
      systemClock.after(1, tick);
    };
    tick();
  }

  pause(): void {
    this.#isSpeaking = false;
  }

  /** Everybody says `samples` of audio at once. */
  burst(samples: number): void {
    for (const socket of this.#sockets) socket.send(Buffer.alloc(samples * 2, 1));
  }

  async stop(inOrder: boolean): Promise<void> {
    this.pause();
    for (const socket of this.#sockets) {
      if (inOrder) socket.send('{"type":"CloseStream"}');
      else socket.terminate();
    }
    const open = this.#sockets.filter((socket) => socket.readyState !== socket.CLOSED);
    await Promise.all(open.map((socket) => once(socket, 'close')));
  }

  /** The bench's upstream says in its first word which frame it answers. */
  #heard(data: Buffer): void {
    if (!this.isMeasuring) return;
    const [, stamp] = /"t(\d+)"/.exec(data.toString('latin1')) ?? [];
    if (stamp !== undefined) this.roundTripsMs.push(Number(process.hrtime.bigint() - BigInt(stamp)) / 1e6);
  }
}
