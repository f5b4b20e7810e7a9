import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { z } from 'zod';

/** Text frames a client may send; audio goes in binary frames. */
export type ClientMessage =
  { readonly type: 'KeepAlive' } | { readonly type: 'Finalize' } | { readonly type: 'CloseStream' };

/** Times are seconds from the first byte of the connection. */
export interface ResultWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

/** A transcript of `[start, start + duration)`. Finals tile the stream; one of silence has an empty transcript. */
export interface Results {
  readonly type: 'Results';
  readonly channel_index: readonly [number, number];
  readonly start: number;
  readonly duration: number;
  readonly is_final: boolean;
  readonly speech_final: boolean;
  readonly from_finalize: boolean;
  readonly channel: {
    readonly alternatives: readonly {
      readonly transcript: string;
      readonly confidence: number;
      readonly words: readonly ResultWord[];
    }[];
  };
  readonly metadata: {
    readonly request_id: string;
    readonly model_uuid: string;
    readonly model_info: { readonly name: string; readonly version: string; readonly arch: string };
  };
  /** Only with `extra=ack:1`: the gateway's stable name of the segment, and how often its text changed. */
  readonly segment_id?: string;
  readonly revision?: number;
}

/** Said once after CloseStream; then the server closes with 1000. */
export interface Metadata {
  readonly type: 'Metadata';
  readonly transaction_key: 'deprecated';
  readonly request_id: string;
  readonly sha256: string;
  readonly created: string;
  /** Seconds. */
  readonly duration: number;
  readonly channels: number;
}

export interface SpeechStarted {
  readonly type: 'SpeechStarted';
  readonly channel: readonly number[];
  readonly timestamp: number;
}

export interface UtteranceEnd {
  readonly type: 'UtteranceEnd';
  readonly channel: readonly number[];
  readonly last_word_end: number;
}

export interface ErrorMessage {
  readonly type: 'Error';
  readonly description: string;
  readonly message: string;
  readonly variant: string;
}

export type ServerMessage = Results | Metadata | SpeechStarted | UtteranceEnd | ErrorMessage;

/** Text frames are small; the longest is a final of many minutes. */
export const clientTextCharactersMax = 4_096;
export const serverTextCharactersMax = 1_048_576;
/** One second of the densest audio we take; real clients send 20 to 250 ms. */
export const audioFrameBytesMax = 262_144;

/** Close codes of the protocol, with the reasons Deepgram gives. */
export const closeCodes = {
  normal: { code: 1000, reason: '' },
  goingAway: { code: 1001, reason: 'server is stopping' },
  notDecodable: { code: 1008, reason: 'DATA-0000' },
  tooLarge: { code: 1009, reason: 'frame too large' },
  internal: { code: 1011, reason: 'NET-0000' },
  idle: { code: 1011, reason: 'NET-0001' },
  tryLater: { code: 1013, reason: 'try again later' },
} as const;

const clientMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('KeepAlive') }),
  z.object({ type: z.literal('Finalize') }),
  z.object({ type: z.literal('CloseStream') }),
]);

/** Reads a client's text frame. Throws MESSAGE_INVALID. */
export function parseClientMessage(text: string): ClientMessage {
  if (text.length > clientTextCharactersMax) {
    throw new CrossfadeError(
      'MESSAGE_INVALID',
      `Expected a text frame of at most ${clientTextCharactersMax} characters, got ${text.length}. Audio goes in binary frames.`,
    );
  }
  const parsed = clientMessage.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new CrossfadeError(
    'MESSAGE_INVALID',
    `Expected {"type":"KeepAlive"}, "Finalize" or "CloseStream", got ${JSON.stringify(text.slice(0, 80))}.`,
  );
}

const seconds = z.number().finite().min(0);
const word = z.object({
  word: z.string(),
  start: seconds,
  end: seconds,
  confidence: z.number().optional().default(0),
});

/** What we read of another server's Results; what we do not use may be missing or strange. */
const upstreamResults = z.object({
  type: z.literal('Results'),
  start: seconds,
  duration: seconds,
  is_final: z.boolean().optional().default(false),
  speech_final: z.boolean().optional().default(false),
  from_finalize: z.boolean().optional().default(false),
  channel: z.object({
    alternatives: z
      .array(
        z.object({
          transcript: z.string(),
          confidence: z.number().optional().default(0),
          words: z.array(word).optional().default([]),
        }),
      )
      .min(1),
  }),
});

const upstreamMessage = z.discriminatedUnion('type', [
  upstreamResults,
  z.object({ type: z.literal('Metadata'), duration: z.number().optional() }),
  z.object({ type: z.literal('SpeechStarted'), timestamp: seconds }),
  z.object({ type: z.literal('UtteranceEnd'), last_word_end: z.number() }),
  z.object({
    type: z.literal('Error'),
    description: z.string().optional(),
    message: z.string().optional(),
    variant: z.string().optional(),
  }),
]);

/** A server's message as far as the gateway uses it. */
export type UpstreamMessage = z.infer<typeof upstreamMessage>;
export type UpstreamResults = z.infer<typeof upstreamResults>;

const knownTypes: ReadonlySet<unknown> = new Set([
  'Results',
  'Metadata',
  'SpeechStarted',
  'UtteranceEnd',
  'Error',
]);

/** Reads a server's text frame. Null: a type we do not know, to be ignored. Throws MESSAGE_INVALID when it is malformed. */
export function parseUpstreamMessage(text: string): UpstreamMessage | null {
  const json = parseJson(text);
  const type = typeof json === 'object' && json !== null && 'type' in json ? json.type : undefined;
  if (typeof type === 'string' && !knownTypes.has(type)) return null;
  const parsed = upstreamMessage.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new CrossfadeError(
    'MESSAGE_INVALID',
    `Expected a ${String(type)} message of the listen protocol, got one with ${z.prettifyError(parsed.error).split('\n')[0]}.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CrossfadeError(
      'MESSAGE_INVALID',
      `Expected JSON text, got ${JSON.stringify(text.slice(0, 80))}.`,
      {
        cause,
      },
    );
  }
}
