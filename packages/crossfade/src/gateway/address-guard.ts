/** Keeps one address from taking all connections, and from coming back faster than anybody needs. Pure: time is an argument. */

export interface AddressLimits {
  /** Connections of one address at once. */
  readonly connectionsPerAddressMax: number;
  /** New connections of one address a second, after a first burst of as many as it may have at once. */
  readonly connectsPerSecondMax: number;
}

interface Known {
  open: number;
  /** Connections it may open at once; grows with time. */
  credit: number;
  atMs: number;
}

/** Addresses remembered that have nothing open; they are forgotten when their credit is full again, or are too many. */
const addressesMax = 10_000;

export class AddressGuard {
  readonly #limits: AddressLimits;
  readonly #known = new Map<string, Known>();

  constructor(limits: AddressLimits) {
    this.#limits = limits;
  }

  /** Null: one more of this address is welcome and counted. Else why not, as a sentence. */
  admit(address: string, nowMs: number): string | null {
    const { connectionsPerAddressMax: openMax, connectsPerSecondMax: perSecond } = this.#limits;
    const known = this.#known.get(address) ?? { open: 0, credit: openMax, atMs: nowMs };
    known.credit = this.#creditAt(known, nowMs);
    known.atMs = nowMs;
    this.#known.delete(address);
    this.#known.set(address, known);
    if (this.#known.size > addressesMax) this.#forgetOne();
    if (known.open >= openMax)
      return `Expected at most ${openMax} connections of one address, this would be one more.`;
    if (known.credit < 1)
      return `Expected at most ${perSecond} new connections a second of one address, got more.`;
    known.credit -= 1;
    known.open += 1;
    return null;
  }

  /** One that was admitted is gone. */
  gone(address: string): void {
    const known = this.#known.get(address);
    if (known !== undefined) known.open -= 1;
  }

  /** Called now and then: addresses that have nothing open and full credit are as good as new. */
  sweep(nowMs: number): void {
    for (const [address, known] of this.#known) {
      const isIdle =
        known.open === 0 && this.#creditAt(known, nowMs) >= this.#limits.connectionsPerAddressMax;
      if (isIdle) this.#known.delete(address);
    }
  }

  get size(): number {
    return this.#known.size;
  }

  #creditAt(known: Known, nowMs: number): number {
    const { connectionsPerAddressMax, connectsPerSecondMax } = this.#limits;
    const earned = ((nowMs - known.atMs) * connectsPerSecondMax) / 1_000;
    return Math.min(connectionsPerAddressMax, known.credit + earned);
  }

  /** The one that came last longest ago and has nothing open. */
  #forgetOne(): void {
    for (const [address, known] of this.#known) {
      if (known.open > 0) continue;
      this.#known.delete(address);
      return;
    }
  }
}
