/**
 * The port between the suite and a streaming protocol. A driver speaks one protocol and nothing else: pacing, truth
 * and counting are the suite's. docs/acceptance.md is the page for who writes one.
 */

import type { MetricCounts } from '../transcript/session-record.ts';

/** A word as the target said it; samples of the session's audio. */
export interface SaidWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A text for the half-open sample range `[start, end)`. A final of silence has an empty text. */
export interface SaidText {
  readonly isFinal: boolean;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Empty where the protocol has no word times. */
  readonly words: readonly SaidWord[];
}

/** What a target calls itself when it takes a session. */
export interface Accepted {
  /** The target's name for the session; null when it gives none. */
  readonly sessionId: string | null;
  /** What the target says of its build; null when it does not. */
  readonly build: string | null;
}

/** Why a session ended before the target said it was done. */
export type BreakKind =
  /** There is nobody, or another protocol: nothing can be tested there. */
  | 'unreachable'
  /** The target refused the session, with a reason. */
  | 'refused'
  /** What it said is not the protocol, or more than any transcript needs. */
  | 'broke-protocol'
  /** The connection ended with audio owed an answer. */
  | 'died';

export interface SessionBreak {
  readonly kind: BreakKind;
  /** One sentence. */
  readonly reason: string;
}

/** Told in order, on the event loop. Nothing comes after `onEnd`. */
export interface DriverListener {
  onAccepted(accepted: Accepted): void;
  onText(text: SaidText): void;
  /** The target says that it has answered everything. */
  onDone(): void;
  /** Called exactly once. Null: the connection ended in order, after `onDone`. */
  onEnd(problem: SessionBreak | null): void;
}

export interface DriverConnection {
  /** Sends samples. False: the connection takes no more, because it is over or the target does not read. */
  send(samples: Int16Array): boolean;
  /** Says that no audio follows and asks for the rest. */
  stop(): void;
  /** Asks for a final of everything so far, and goes on. Absent where the protocol has no such thing. */
  finalize?(): void;
  /** Loses the network; the connection goes on by itself where it was. Absent: it cannot. */
  drop?(): void;
  /** Hangs up at once; `onEnd` follows. */
  hangUp(): void;
}

/** Who served a session, as far as the target tells. */
export interface SessionServer {
  /** By the gateway's name for it; null: there is nothing behind the target. */
  readonly upstream: string | null;
  /** What it says of its build; null when it does not. */
  readonly build: string | null;
  /** It went on where another had left the session. */
  readonly tookOver: boolean;
}

/** What a target kept of a session, as anybody may read it after the fact. */
export interface StoredSession {
  /** Nothing more will be added. */
  readonly isEnded: boolean;
  /** Audio the target has, samples. */
  readonly samplesReadable: number;
  readonly entries: readonly SaidText[];
  /** What the target itself counted of the session, where it does. */
  readonly counts?: MetricCounts;
  /** Who served it, where the target is a gateway that keeps records. */
  readonly servers?: readonly SessionServer[];
}

export interface Driver {
  /** Of the protocol, for the report. */
  readonly protocol: string;
  connect(sampleRate: number, listener: DriverListener): DriverConnection;
  /** What the target kept of a session; null: it keeps nothing, or does not answer. Never rejects. */
  readStored(sessionId: string): Promise<StoredSession | null>;
}

/** The clients that a target is tested with. `url` is the target's, or that of a proxy or a copy of it. */
export interface Drivers {
  /** Keeps nothing and sends nothing twice. */
  stock(url: string): Driver;
  /** Takes its session up again after a lost connection; absent where the target cannot. */
  resuming?(url: string): Driver;
}
