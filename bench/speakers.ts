/** Clients of bench/gateway.ts: speakers in real time whose frames say when they left. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { systemClock } from '../packages/sdk/src/core/clock.ts';
import { sampleRate } from './gateway-processes.ts';

/** Sessions that are opened at once. */
const openAtOnce = 50;

/** Speakers spread over a frame, so that they do not all speak at the same instant. */
export class Speakers {
  readonly #sockets: WebSocket[] = [];
  /** What lies under them: speakers must cost as little as they can, or they are what is measured. */
  readonly #wires: Socket[] = [];
  readonly #frameMs: number;
  readonly #roundTripsMs: number[] = [];
  /** How late frames left, ms at most: a speaker that is late itself measures its own machine. */
  lateMsMax = 0;
  isMeasuring = false;
  /** The speech under way: one that was paused and followed by another at once must not go on beside it. */
  #speech: symbol | null = null;

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
          socket.once('upgrade', ({ socket: wire }: IncomingMessage) => this.#wires.push(wire));
          await once(socket, 'open');
          this.#sockets.push(socket);
        }),
      );
    }
  }

  /** Speaks until `pause`. */
  speak(): void {
    const speech = (this.#speech = Symbol('speech'));
    const startedAtMs = systemClock.monotonicMs();
    const frames = new StampedFrames((this.#frameMs * sampleRate * 2) / 1_000);
    let sent = 0;
    const tick = (): void => {
      if (this.#speech !== speech) return;
      const perMs = this.#sockets.length / this.#frameMs;
      const due = (systemClock.monotonicMs() - startedAtMs) * perMs;
      if (this.isMeasuring) this.lateMsMax = Math.max(this.lateMsMax, (due - sent) / perMs);
      for (; sent < due; sent += 1) this.#wires[sent % this.#wires.length]!.write(frames.next());
      systemClock.after(1, tick);
    };
    tick();
  }

  pause(): void {
    this.#speech = null;
  }

  /** From a frame's leaving to the text that it brought about, of texts that came while `isMeasuring`, since the last take. */
  takeRoundTripsMs(): readonly number[] {
    return this.#roundTripsMs.splice(0);
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
    if (stamp !== undefined) this.#roundTripsMs.push(Number(process.hrtime.bigint() - BigInt(stamp)) / 1e6);
  }
}

/** Binary WebSocket messages of one length that say when they left, masked once and for all but for that. */
class StampedFrames {
  readonly #template: Buffer;
  /** Two header bytes, two of length, four of mask. */
  static readonly #header = 8;

  constructor(bytes: number) {
    // The length in two bytes: RFC 6455, 5.2.
    if (bytes < 126 || bytes > 65_535) throw new RangeError(`Expected 126 to 65,535 bytes, got ${bytes}.`);
    const mask = Buffer.from([0x5a, 0xc3, 0x17, 0x9e]);
    this.#template = Buffer.alloc(StampedFrames.#header + bytes, 1);
    this.#template.set([0x82, 0x80 | 126, bytes >> 8, bytes & 255, ...mask]);
    for (let at = 0; at < bytes; at += 1) this.#template[StampedFrames.#header + at]! ^= mask[at % 4]!;
  }

  next(): Buffer {
    const frame = Buffer.from(this.#template);
    const stamp = process.hrtime.bigint() ^ 0x9e17c35a9e17c35an;
    frame.writeBigUInt64LE(BigInt.asUintN(64, stamp), StampedFrames.#header);
    return frame;
  }
}
