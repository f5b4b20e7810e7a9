import type { Cancel, Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { FromChild, ToChild } from './engine-child-messages.ts';
import type { RecognizerStream, StreamListener } from './engine.ts';

/** Samples sent and not yet heard: 2 s at 16 kHz. More would only wait in the pipe, and delay a close. */
const windowSamples = 32_000;
/** Longest message, 500 ms: the child turns to its other streams in between. */
const messageSamples = 8_000;
/** Two minutes. A caller that writes on and on without looking at the backlog loses its stream, not our memory. */
export const maxBacklogSamples = 1_920_000;
/** A flush has at most the window and the end of one utterance before it; this is far beyond both. */
const flushLimitMs = 60_000;

type Queued = { readonly samples: Int16Array } | { readonly flush: number };
interface Flush {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly cancel: Cancel;
}

/** The near end of a stream that is recognized in a child process: a bounded queue, sent as the child hears it. */
export class ChildStream implements RecognizerStream {
  readonly #stream: number;
  readonly #send: (message: ToChild) => void;
  readonly #listener: StreamListener;
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #queue: Queued[] = [];
  #backlog = 0;
  #inFlight = 0;
  #nextFlush = 0;
  readonly #flushes = new Map<number, Flush>();
  #over = false;

  constructor(
    stream: number,
    link: { send(message: ToChild): void; readonly clock: Clock; onEnd(): void },
    listener: StreamListener,
  ) {
    this.#stream = stream;
    this.#send = (message) => link.send(message);
    this.#clock = link.clock;
    this.#onEnd = () => link.onEnd();
    this.#listener = listener;
  }

  get backlogSamples(): number {
    return this.#backlog;
  }

  write(samples: Int16Array): void {
    if (this.#over || samples.length === 0) return;
    if (this.#backlog + samples.length > maxBacklogSamples) {
      return this.fail(
        new CrossfadeError(
          'ENGINE_FAILED',
          `Expected at most ${maxBacklogSamples} samples behind, got more. Write less while backlogSamples is high.`,
        ),
      );
    }
    this.#backlog += samples.length;
    // A copy: the caller may use its buffer again at once.
    for (let at = 0; at < samples.length; at += messageSamples) {
      this.#queue.push({ samples: samples.slice(at, at + messageSamples) });
    }
    this.#pump();
  }

  flush(): Promise<void> {
    if (this.#over) return Promise.resolve();
    const flush = this.#nextFlush++;
    const flushed = new Promise<void>((resolve, reject) => {
      const cancel = this.#clock.after(flushLimitMs, () => {
        this.fail(
          new CrossfadeError('TIMEOUT', `Expected a flush within ${flushLimitMs} ms. The engine hangs.`),
        );
      });
      this.#flushes.set(flush, { resolve, reject, cancel });
    });
    // A caller that has heard `onError` may not look at its flush any more.
    flushed.catch(() => {});
    this.#queue.push({ flush });
    this.#pump();
    return flushed;
  }

  close(): void {
    if (this.#over) return;
    this.#send({ type: 'close', stream: this.#stream });
    this.#end((flush) => flush.resolve());
  }

  /** One message of the child about this stream. */
  receive(message: Extract<FromChild, { readonly stream: number }>): void {
    if (this.#over) return;
    if (message.type === 'event') this.#listener.onEvent(message.event);
    else if (message.type === 'failed') this.fail(new CrossfadeError('ENGINE_FAILED', message.message));
    else if (message.type === 'heard') {
      this.#inFlight -= message.samples;
      this.#backlog -= message.samples;
      this.#pump();
    } else if (message.type === 'flushed') {
      const flush = this.#flushes.get(message.flush);
      this.#flushes.delete(message.flush);
      flush?.cancel();
      flush?.resolve();
    }
  }

  /** Ends the stream with an error: the listener hears it once, and nothing after it. */
  fail(error: Error): void {
    if (this.#over) return;
    this.#send({ type: 'close', stream: this.#stream });
    this.#end((flush) => flush.reject(error));
    // Not from here: a listener that throws must not keep the other streams of a dead process from being told.
    queueMicrotask(() => this.#listener.onError(error));
  }

  #end(settle: (flush: Flush) => void): void {
    this.#over = true;
    this.#queue = [];
    this.#backlog = 0;
    for (const flush of this.#flushes.values()) {
      flush.cancel();
      settle(flush);
    }
    this.#flushes.clear();
    this.#onEnd();
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#inFlight < windowSamples && !this.#over) {
      const next = this.#queue.shift() as Queued;
      if ('flush' in next) this.#send({ type: 'flush', stream: this.#stream, flush: next.flush });
      else {
        this.#inFlight += next.samples.length;
        this.#send({ type: 'audio', stream: this.#stream, samples: next.samples });
      }
    }
  }
}
