import type {
  ErrorMessage,
  Metadata,
  Results,
  ResultWord,
  ServerMessage,
  SpeechStarted,
  UtteranceEnd,
} from './deepgram.ts';

/** A transcript of a sample range, on the sender's clock. */
export interface TranscriptOf {
  readonly start: number;
  readonly end: number;
  readonly words: readonly {
    readonly text: string;
    readonly start: number;
    readonly end: number;
    readonly confidence: number;
  }[];
  /** Given when it is not simply the words joined by spaces. */
  readonly text?: string;
  readonly isFinal: boolean;
  readonly speechFinal: boolean;
  readonly fromFinalize: boolean;
  readonly segmentId?: string;
  readonly revision?: number;
}

/** Who speaks: named in each message. */
export interface ServerIdentity {
  readonly requestId: string;
  readonly model: string;
  readonly version: string;
  readonly sampleRate: number;
}

/** A Results message; sample positions become seconds, unrounded, so that they map back exactly. */
export function resultsOf(identity: ServerIdentity, transcript: TranscriptOf): Results {
  const { sampleRate } = identity;
  const words: ResultWord[] = transcript.words.map((word) => ({
    word: word.text,
    start: word.start / sampleRate,
    end: word.end / sampleRate,
    confidence: word.confidence,
  }));
  const confidence =
    words.length === 0 ? 0 : words.reduce((sum, word) => sum + word.confidence, 0) / words.length;
  return {
    type: 'Results',
    channel_index: [0, 1],
    start: transcript.start / sampleRate,
    duration: (transcript.end - transcript.start) / sampleRate,
    is_final: transcript.isFinal,
    speech_final: transcript.speechFinal,
    from_finalize: transcript.fromFinalize,
    channel: {
      alternatives: [
        { transcript: transcript.text ?? words.map((word) => word.word).join(' '), confidence, words },
      ],
    },
    metadata: {
      request_id: identity.requestId,
      model_uuid: identity.requestId,
      model_info: { name: identity.model, version: identity.version, arch: 'crossfade' },
    },
    ...(transcript.segmentId === undefined ? {} : { segment_id: transcript.segmentId }),
    ...(transcript.revision === undefined ? {} : { revision: transcript.revision }),
  };
}

/** The closing message of a stream. `sha256` is empty: we do not hash what we were sent. */
export function metadataOf(identity: ServerIdentity, samples: number, createdMs: number): Metadata {
  return {
    type: 'Metadata',
    transaction_key: 'deprecated',
    request_id: identity.requestId,
    sha256: '',
    created: new Date(createdMs).toISOString(),
    duration: samples / identity.sampleRate,
    channels: 1,
  };
}

export function speechStartedOf(identity: ServerIdentity, sample: number): SpeechStarted {
  return { type: 'SpeechStarted', channel: [0, 1], timestamp: sample / identity.sampleRate };
}

export function utteranceEndOf(identity: ServerIdentity, lastWordEndSample: number): UtteranceEnd {
  return { type: 'UtteranceEnd', channel: [0, 1], last_word_end: lastWordEndSample / identity.sampleRate };
}

export function errorOf(variant: string, description: string): ErrorMessage {
  return { type: 'Error', description, message: description, variant };
}

/** One message as the text frame that carries it. */
export function encodeMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}
