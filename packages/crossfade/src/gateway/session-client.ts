import type { LastFinal } from '../transcript/finals-again.ts';

/** The client's end of the session, as far as the session needs it. */
export interface SessionClient {
  /** It asked for acknowledgements, so it can resume. */
  readonly acks: boolean;
  send(message: object): void;
  /** The session's audio up to `sample` would survive a power cut. */
  durable(sample: number): void;
  close(code: number, reason: string): void;
}

/** What a client that comes back has already. */
export interface ResumePoint extends LastFinal {
  /** Samples it had produced when the connection broke, if it says so. */
  readonly producedSample: number | null;
}
