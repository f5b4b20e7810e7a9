import type { RecognizerEvent } from './engine.ts';

/** What a child is asked, in order, over Node's IPC channel with structured clones. Streams are numbered. */
export type ToChild<Config = unknown> =
  | { readonly type: 'configure'; readonly config: Config }
  | {
      readonly type: 'open';
      readonly stream: number;
      readonly endpointMs: number | null;
      readonly maxFinalSamples: number;
    }
  | { readonly type: 'audio'; readonly stream: number; readonly samples: Int16Array }
  | { readonly type: 'flush'; readonly stream: number; readonly flush: number }
  | { readonly type: 'close'; readonly stream: number };

/** What a child answers. `heard` gives back room for as many samples; `failed` ends one stream, or the child. */
export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'opened'; readonly stream: number }
  | { readonly type: 'event'; readonly stream: number; readonly event: RecognizerEvent }
  | { readonly type: 'heard'; readonly stream: number; readonly samples: number }
  | { readonly type: 'flushed'; readonly stream: number; readonly flush: number }
  | { readonly type: 'failed'; readonly stream: number; readonly message: string };
