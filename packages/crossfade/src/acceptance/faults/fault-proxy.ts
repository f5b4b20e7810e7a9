/** A TCP proxy between two parts of a system, on which the network's faults are real: resets, stalls, black holes. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock } from '@crossfade/sdk/core/clock';

/**
 * - pass: bytes go both ways.
 * - stall: the target takes everything, its answers do not arrive.
 * - black-hole: nothing passes either way, and nobody is told; new connections hang.
 * - throttle: bytes to the target pass at a rate, each connection for itself.
 */
export type ProxyMode =
  | { readonly kind: 'pass' | 'stall' | 'black-hole' }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

export interface FaultProxy {
  readonly port: number;
  /** Open ones. */
  readonly connections: number;
  /** Where connections go from now on; one that comes before there is a target is closed. */
  setTarget(port: number): void;
  /** Stays until the next mode; bytes that were held back go on then, none is dropped. */
  setMode(mode: ProxyMode): void;
  /** Ends every open connection with a TCP RST on both sides; answers how many. */
  reset(): number;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function startFaultProxy(clock: Clock): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(clock);
  await proxy.listen();
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #mode: ProxyMode = { kind: 'pass' };
  #targetPort: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    // Nothing is read before a link is made, and a half-closed connection stays one.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => this.#join(near));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  setTarget(port: number): void {
    this.#targetPort = port;
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode;
    for (const link of this.#links) link.setMode(mode);
  }

  reset(): number {
    const links = [...this.#links];
    for (const link of links) link.reset();
    return links.length;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.reset();
    await closed;
  }

  #join(near: Socket): void {
    if (this.#targetPort === null) {
      near.destroy();
      return;
    }
    const far = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link(near, far, this.#clock, () => this.#links.delete(link));
    this.#links.add(link);
    link.setMode(this.#mode);
  }
}

/** One client's connection and the one to the target that belongs to it. */
class Link {
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #there: Flow;
  readonly #back: Flow;
  #isOver = false;

  constructor(near: Socket, far: Socket, clock: Clock, onOver: () => void) {
    this.#near = near;
    this.#far = far;
    this.#there = new Flow(near, far, clock);
    this.#back = new Flow(far, near, clock);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      // An RST of one side is one for the other; `close` follows.
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        if (!other.writableEnded) other.destroy();
        if (this.#isOver || !other.destroyed) return;
        this.#isOver = true;
        onOver();
      });
    }
  }

  setMode(mode: ProxyMode): void {
    this.#there.setRate(mode.kind === 'throttle' ? mode.bytesPerSecond : null);
    this.#there.hold(mode.kind === 'black-hole');
    this.#back.hold(mode.kind !== 'pass' && mode.kind !== 'throttle');
  }

  reset(): void {
    this.#near.resetAndDestroy();
    this.#far.resetAndDestroy();
  }
}

/** One direction. Held back means not read: the sender's own buffers fill, as they do on a dead network. */
class Flow {
  readonly #from: Socket;
  readonly #clock: Clock;
  #bytesPerSecond: number | null = null;
  #isHeld = false;
  #isFull = false;
  /** When a throttled flow may go on. */
  #freeAtMs = 0;

  constructor(from: Socket, to: Socket, clock: Clock) {
    this.#from = from;
    this.#clock = clock;
    from.on('data', (bytes: Buffer) => {
      this.#isFull = !to.write(bytes);
      if (this.#bytesPerSecond !== null) this.#charge(bytes.length, this.#bytesPerSecond);
      this.#update();
    });
    to.on('drain', () => {
      this.#isFull = false;
      this.#update();
    });
    from.on('end', () => to.end());
    from.pause();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#update();
  }

  setRate(bytesPerSecond: number | null): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#freeAtMs = 0;
    this.#update();
  }

  /** What has gone must be earned before more goes. */
  #charge(bytes: number, bytesPerSecond: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes * 1_000) / bytesPerSecond;
    this.#wake();
  }

  /** A timer may fire a little early; a flow that was not let go then would never be. */
  #wake(): void {
    const waitMs = this.#freeAtMs - this.#clock.monotonicMs();
    if (waitMs > 1) this.#clock.after(Math.ceil(waitMs), () => this.#wake());
    else this.#update();
  }

  #update(): void {
    const mustWait = this.#clock.monotonicMs() < this.#freeAtMs - 1;
    if (this.#isHeld || this.#isFull || mustWait) this.#from.pause();
    else this.#from.resume();
  }
}
