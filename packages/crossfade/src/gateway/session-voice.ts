/** What a session says to its client, whichever connection that is at the moment. */
import type { Shown } from '../transcript/reconciler.ts';
import type { FinalAgain } from '../transcript/finals-again.ts';
import { closeCodes } from '../wire/deepgram.ts';
import {
  errorOf,
  metadataOf,
  resultsOf,
  type ServerIdentity,
  speechStartedOf,
  utteranceEndOf,
} from '../wire/deepgram-build.ts';
import type { ListenQuery } from '../wire/listen-query.ts';
import type { ResultFlags } from './attempt.ts';
import type { SessionClient } from './session-client.ts';

export class SessionVoice {
  readonly #identity: ServerIdentity;
  #client: SessionClient | null = null;

  constructor(sessionId: string, { model, sampleRate }: ListenQuery) {
    this.#identity = { requestId: sessionId, model, version: '1', sampleRate };
  }

  /** The client that hears it now; null while there is none. */
  get client(): SessionClient | null {
    return this.#client;
  }

  /** Speaks to this client from now on; the one before is sent away. */
  turnTo(client: SessionClient): void {
    this.#client?.close(closeCodes.normal.code, 'resumed elsewhere');
    this.#client = client;
  }

  clientGone(): void {
    this.#client = null;
  }

  results(shown: Shown, flags: ResultFlags): void {
    const client = this.#client;
    if (client === null) return;
    const { segmentId, revision, ...rest } = shown;
    const names = client.acks ? { segmentId, revision } : {};
    client.send(resultsOf(this.#identity, { ...rest, ...flags, ...names }));
  }

  /** A final that the client may have missed. */
  again(final: FinalAgain): void {
    this.results({ ...final, revision: 0, isFinal: true }, { speechFinal: true, fromFinalize: false });
  }

  resume(nextSample: number): void {
    const client = this.#client;
    if (client?.acks === true)
      client.send({ type: 'Resume', session: this.#identity.requestId, next_sample: nextSample });
  }

  /** Audio up to `sample` would survive a power cut. */
  durable(sample: number): void {
    this.#client?.durable(sample);
  }

  speechStarted(sample: number): void {
    this.#client?.send(speechStartedOf(this.#identity, sample));
  }

  utteranceEnd(lastWordEndSample: number): void {
    this.#client?.send(utteranceEndOf(this.#identity, lastWordEndSample));
  }

  error(variant: string, description: string): void {
    this.#client?.send(errorOf(variant, description));
  }

  /** Everything was said and stored. */
  goodbye(samples: number, atMs: number): void {
    this.#client?.send(metadataOf(this.#identity, samples, atMs));
    this.close(closeCodes.normal);
  }

  close({ code, reason }: { readonly code: number; readonly reason: string }): void {
    this.#client?.close(code, reason);
  }
}
