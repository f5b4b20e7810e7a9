/**
 * The process that pocketsphinx lives in: it holds the decoders and may be killed at any moment. One thread:
 * audio is decoded as its messages come, in their order.
 */
import type { FromChild, ToChild } from './engine-child-messages.ts';
import { loadPocketsphinx, type DecoderConfig, type DecoderFactory } from './pocketsphinx-native.ts';
import { SegmentedStream, type Decoder } from './pocketsphinx-stream.ts';

/** Decoders kept for the next sessions, 3 MB each with a grammar, 95 MB with the open model. */
const maxIdleDecoders = { grammar: 16, open: 1 };
/** The silence that ends speech where no endpoint is asked for; it then only divides the decoder's work. */
const defaultPostspeechMs = 500;

interface OpenStream {
  readonly segmented: SegmentedStream;
  readonly decoder: Decoder;
  readonly postspeechMs: number;
}

let factory: DecoderFactory | undefined;
let idleLimit = maxIdleDecoders.open;
const idle: { readonly decoder: Decoder; readonly postspeechMs: number }[] = [];
const streams = new Map<number, OpenStream>();

// Without its parent this process has nobody to talk to.
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => void receive(message as ToChild<DecoderConfig>));

function answer(message: FromChild): void {
  process.send?.(message);
}

async function receive(message: ToChild<DecoderConfig>): Promise<void> {
  try {
    if (message.type === 'configure') await configure(message.config);
    else handle(message);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    if (message.type === 'configure') return answer({ type: 'refused', message: words });
    free(message.stream);
    answer({ type: 'failed', stream: message.stream, message: words });
  }
}

/** Loads the libraries and a first decoder, so that what is broken shows before a session depends on it. */
async function configure(config: DecoderConfig): Promise<void> {
  factory = await loadPocketsphinx(config);
  idleLimit = config.grammar === null ? maxIdleDecoders.open : maxIdleDecoders.grammar;
  idle.push({ decoder: factory.create(config.postspeechMs), postspeechMs: config.postspeechMs });
  answer({ type: 'ready' });
}

function handle(message: Exclude<ToChild<DecoderConfig>, { readonly type: 'configure' }>): void {
  const { stream } = message;
  if (message.type === 'open') {
    const postspeechMs = message.endpointMs ?? defaultPostspeechMs;
    const decoder = acquire(postspeechMs);
    const { maxFinalSamples, endpointMs } = message;
    const segmented = new SegmentedStream(
      decoder,
      { endpointing: endpointMs !== null, maxFinalSamples },
      (event) => answer({ type: 'event', stream, event }),
    );
    streams.set(stream, { segmented, decoder, postspeechMs });
    return answer({ type: 'opened', stream });
  }
  const open = streams.get(stream);
  if (open === undefined) return;
  if (message.type === 'audio') {
    open.segmented.write(message.samples);
    answer({ type: 'heard', stream, samples: message.samples.length });
  } else if (message.type === 'flush') {
    open.segmented.flush();
    answer({ type: 'flushed', stream, flush: message.flush });
  } else {
    streams.delete(stream);
    open.segmented.close();
    if (idle.length < idleLimit) idle.push(open);
    else open.decoder.free();
  }
}

function acquire(postspeechMs: number): Decoder {
  if (factory === undefined) throw new Error('The engine process was not configured.');
  const at = idle.findIndex((decoder) => decoder.postspeechMs === postspeechMs);
  if (at >= 0) return (idle.splice(at, 1)[0] as (typeof idle)[number]).decoder;
  // One that waits with another silence setting makes room.
  if (idle.length >= idleLimit) idle.shift()?.decoder.free();
  return factory.create(postspeechMs);
}

/** A decoder that failed is in an unknown state and serves nobody again. */
function free(stream: number): void {
  streams.get(stream)?.decoder.free();
  streams.delete(stream);
}
