import { type AudioEncoding, audioEncodings } from '@crossfade/sdk/core/audio';
import { CrossfadeError } from '@crossfade/sdk/core/errors';

/** What a client asks for when it opens `/v1/listen`, understood. */
export interface ListenQuery {
  readonly model: string;
  readonly encoding: AudioEncoding;
  readonly sampleRate: number;
  readonly interimResults: boolean;
  /** Silence after speech that ends an utterance, ms; null: `endpointing=false`; undefined: the server's default. */
  readonly endpointingMs: number | null | undefined;
  readonly utteranceEndMs: number | undefined;
  readonly vadEvents: boolean;
  /** `extra=key:value`, as often as wanted; the last of a key wins. */
  readonly extra: ReadonlyMap<string, string>;
  /** Everything as it came, for an upstream that knows more parameters than we do. */
  readonly parameters: URLSearchParams;
}

/** The audio formats that a telephone, a browser and a microphone produce. */
export const sampleRateMin = 8_000;
export const sampleRateMax = 48_000;
/** Enough for every vendor's list of key terms, too little to fill memory with. */
const queryCharactersMax = 8_192;
const extrasMax = 32;

/** Reads the query of `/v1/listen`. Throws QUERY_INVALID with a sentence that names the parameter. */
export function parseListenQuery(parameters: URLSearchParams): ListenQuery {
  if (parameters.toString().length > queryCharactersMax) {
    throw invalid('query', `at most ${queryCharactersMax} characters`, `${parameters.toString().length}`);
  }
  const channels = parameters.get('channels') ?? '1';
  if (channels !== '1' || flag(parameters, 'multichannel')) {
    throw invalid('channels', 'one channel (channels=1, multichannel=false)', `channels=${channels}`);
  }
  return {
    model: text(parameters, 'model', 'general'),
    encoding: readEncoding(parameters),
    sampleRate: readSampleRate(parameters),
    interimResults: flag(parameters, 'interim_results'),
    endpointingMs: readEndpointing(parameters),
    utteranceEndMs: readMs(parameters, 'utterance_end_ms', 1_000),
    vadEvents: flag(parameters, 'vad_events'),
    extra: readExtra(parameters),
    parameters,
  };
}

function invalid(name: string, expected: string, got: string): CrossfadeError {
  return new CrossfadeError('QUERY_INVALID', `Expected ${name} to be ${expected}, got ${got}.`, {
    detail: { parameter: name },
  });
}

function text(parameters: URLSearchParams, name: string, fallback: string): string {
  const value = parameters.get(name) ?? fallback;
  if (!/^[\w.:\-/]{1,128}$/.test(value)) {
    throw invalid(name, 'a name of letters, digits and .:-_/', JSON.stringify(value.slice(0, 64)));
  }
  return value;
}

function flag(parameters: URLSearchParams, name: string): boolean {
  const value = parameters.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false')
    throw invalid(name, 'true or false', JSON.stringify(value.slice(0, 64)));
  return value === 'true';
}

function readEncoding(parameters: URLSearchParams): AudioEncoding {
  const value = parameters.get('encoding') ?? 'none (a container)';
  const encoding = audioEncodings.find((known) => known === value);
  if (encoding === undefined)
    throw invalid('encoding', `one of ${audioEncodings.join(', ')}`, value.slice(0, 64));
  return encoding;
}

function readSampleRate(parameters: URLSearchParams): number {
  const value = parameters.get('sample_rate') ?? 'nothing';
  const rate = Number(value);
  if (!Number.isInteger(rate) || rate < sampleRateMin || rate > sampleRateMax) {
    throw invalid(
      'sample_rate',
      `a whole number from ${sampleRateMin} to ${sampleRateMax}`,
      value.slice(0, 64),
    );
  }
  return rate;
}

function readEndpointing(parameters: URLSearchParams): number | null | undefined {
  const value = parameters.get('endpointing');
  if (value === null || value === 'true') return undefined;
  if (value === 'false') return null;
  return readMs(parameters, 'endpointing', 0);
}

function readMs(parameters: URLSearchParams, name: string, min: number): number | undefined {
  const value = parameters.get(name);
  if (value === null) return undefined;
  const ms = Number(value);
  if (value === '' || !Number.isInteger(ms) || ms < min || ms > 60_000) {
    throw invalid(name, `whole milliseconds from ${min} to 60000`, JSON.stringify(value.slice(0, 64)));
  }
  return ms;
}

function readExtra(parameters: URLSearchParams): ReadonlyMap<string, string> {
  const pairs = parameters.getAll('extra');
  if (pairs.length > extrasMax) throw invalid('extra', `at most ${extrasMax} pairs`, `${pairs.length}`);
  return new Map(
    pairs.map((pair) => {
      const colon = pair.indexOf(':');
      if (colon < 1) throw invalid('extra', 'key:value', JSON.stringify(pair.slice(0, 64)));
      return [pair.slice(0, colon), pair.slice(colon + 1)] as const;
    }),
  );
}
