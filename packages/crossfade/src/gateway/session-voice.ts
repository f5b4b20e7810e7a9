/**
 * What a session says to its client, whichever connection that is at the moment.
 *
 * A client that can resume leaves out finals that it had before, by their segment ids. After a SIGKILL an upstream may
 * divide the same audio otherwise, so that ids alone would let a word come twice or not at all: such a client is told a
 * final only when the journal would bring it back under its id.
 */
import { after } from '../transcript/hypothesis.ts';
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
import { OrderedSends } from './ordered-sends.ts';
import type { SessionClient } from './session-client.ts';

/** A disk that holds up more messages than this holds up its client: it may come again. */
const heldMax = 1_000;

export class SessionVoice {
  readonly #identity: ServerIdentity;
  readonly #written: () => Promise<void>;
  #client: SessionClient | null = null;
  /** Where the client's finals end when a gateway lost some that it has; else 0. */
  #heardSample = 0;
  /** To the client of now; another gets another. */
  #sends = new OrderedSends(heldMax, () => {});

  /** `written` resolves when every note so far survives a SIGKILL. */
  constructor(sessionId: string, { model, sampleRate }: ListenQuery, written: () => Promise<void>) {
    this.#identity = { requestId: sessionId, model, version: '1', sampleRate };
    this.#written = written;
  }

  /** The client that hears it now; null while there is none. */
  get client(): SessionClient | null {
    return this.#client;
  }

  /** Speaks to this client from now on, of what is behind `heardSample`; the one before is sent away. */
  turnTo(client: SessionClient, heardSample = 0): void {
    this.#client?.close(closeCodes.normal.code, 'resumed elsewhere');
    this.#client = client;
    this.#heardSample = heardSample;
    const { code } = closeCodes.tryLater;
    this.#sends = new OrderedSends(heldMax, () => client.close(code, 'the disk is too slow'));
  }

  clientGone(): void {
    this.#client = null;
  }

  results(shown: Shown, flags: ResultFlags): void {
    const client = this.#client;
    if (client === null || shown.end <= this.#heardSample) return;
    const message = this.#resultsOf(client, shown, flags);
    if (client.acks && shown.isFinal) this.#sends.sendAfter(this.#written(), () => client.send(message));
    else this.#say(message);
  }

  /** Finals that the client may have missed; they wait for the disk as one, so that there may be any number. */
  again(finals: readonly FinalAgain[]): void {
    const client = this.#client;
    if (client === null) return;
    const flags = { speechFinal: true, fromFinalize: false };
    const messages = finals
      .filter(({ end }) => end > this.#heardSample)
      .map((final) => this.#resultsOf(client, { ...final, revision: 0, isFinal: true }, flags));
    if (messages.length === 0) return;
    const say = (): void => {
      for (const message of messages) client.send(message);
    };
    if (client.acks) this.#sends.sendAfter(this.#written(), say);
    else this.#sends.send(say);
  }

  resume(nextSample: number): void {
    if (this.#client?.acks === true)
      this.#say({ type: 'Resume', session: this.#identity.requestId, next_sample: nextSample });
  }

  /** Audio up to `sample` would survive a power cut. */
  durable(sample: number): void {
    this.#client?.durable(sample);
  }

  speechStarted(sample: number): void {
    this.#say(speechStartedOf(this.#identity, sample));
  }

  utteranceEnd(lastWordEndSample: number): void {
    this.#say(utteranceEndOf(this.#identity, lastWordEndSample));
  }

  error(variant: string, description: string): void {
    this.#say(errorOf(variant, description));
  }

  /** Everything was said and stored. */
  goodbye(samples: number, atMs: number): void {
    this.#say(metadataOf(this.#identity, samples, atMs));
    const client = this.#client;
    const { code, reason } = closeCodes.normal;
    this.#sends.send(() => client?.close(code, reason));
  }

  /** At once; what waits is not said. */
  close({ code, reason }: { readonly code: number; readonly reason: string }): void {
    this.#client?.close(code, reason);
  }

  #resultsOf({ acks }: SessionClient, shown: Shown, flags: ResultFlags): object {
    const { segmentId, revision, isFinal } = shown;
    const names = acks ? { segmentId, revision } : {};
    return resultsOf(this.#identity, { ...after(shown, this.#heardSample), isFinal, ...flags, ...names });
  }

  #say(message: object): void {
    const client = this.#client;
    if (client !== null) this.#sends.send(() => client.send(message));
  }
}
