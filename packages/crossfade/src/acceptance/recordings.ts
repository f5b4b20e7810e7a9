import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { msToSamples } from '@crossfade/sdk/core/units';
import type { Probe, ProbeSpeech } from './probe.ts';

/** Recordings in one folder, and audio of all of them: 2 h at 16 kHz. They are kept in memory. */
const recordingsMax = 2_000;
const audioBytesMax = 256 * 1024 * 1024;
const textBytesMax = 64 * 1024;
/** Of one recording: a session of more is a load test. */
const longestMs = 600_000;

/** A recording and what is said in it. */
export interface Recording {
  readonly name: string;
  readonly sampleRate: number;
  readonly samples: Int16Array;
  readonly text: string;
}

/** Reads a folder of `NAME.wav` beside `NAME.txt`. Throws CONFIG_INVALID with the file that is wrong. */
export async function readRecordings(folder: string): Promise<readonly Recording[]> {
  const files = await readdir(folder).catch((cause: unknown) => {
    throw refused(`Expected a folder of recordings at ${folder}, got: ${messageOf(cause)}.`, cause);
  });
  const names = files.filter((file) => /[.]wav$/i.test(file)).sort();
  if (names.length === 0) throw refused(`Expected .wav files beside .txt files in ${folder}, found none.`);
  if (names.length > recordingsMax)
    throw refused(`Expected at most ${recordingsMax} recordings in ${folder}, got ${names.length}.`);
  const recordings: Recording[] = [];
  let bytes = 0;
  for (const file of names) {
    const path = join(folder, file);
    bytes += await sizeOf(path);
    if (bytes > audioBytesMax)
      throw refused(
        `Expected recordings of at most ${audioBytesMax / 2 ** 20} MiB in all in ${folder}, got more.`,
      );
    const { samples, sampleRate } = parseWav(await readFile(path), path);
    recordings.push({ name: basename(file, file.slice(-4)), samples, sampleRate, text: await textOf(path) });
  }
  return recordings;
}

async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path);
  return size;
}

async function textOf(wav: string): Promise<string> {
  const path = `${wav.slice(0, -4)}.txt`;
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw refused(`Expected the words of ${basename(wav)} in ${path}, got: ${messageOf(cause)}.`, cause);
  });
  const text = bytes.toString('utf8').trim();
  if (bytes.length > textBytesMax || text === '')
    throw refused(
      `Expected ${path} to hold the words that are said, up to ${textBytesMax} bytes, got ${bytes.length}.`,
    );
  return text;
}

/** Samples of a RIFF file of 16-bit mono PCM at 8 to 48 kHz. */
export function parseWav(
  bytes: Buffer,
  path: string,
): { readonly samples: Int16Array; readonly sampleRate: number } {
  const wanted = `Expected ${path} to be a WAV file of 16-bit mono PCM at 8 to 48 kHz`;
  if (
    bytes.length < 12 ||
    bytes.toString('latin1', 0, 4) !== 'RIFF' ||
    bytes.toString('latin1', 8, 12) !== 'WAVE'
  )
    throw refused(`${wanted}, got another file.`);
  let format: {
    readonly code: number;
    readonly channels: number;
    readonly rate: number;
    readonly bits: number;
  } | null = null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = bytes.toString('latin1', at, at + 4);
    // A recorder that was stopped hard leaves a length of 0 or beyond the end.
    const length = Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8);
    const body = at + 8;
    if (id === 'fmt ' && length >= 16) {
      format = {
        code: bytes.readUInt16LE(body),
        channels: bytes.readUInt16LE(body + 2),
        rate: bytes.readUInt32LE(body + 4),
        bits: bytes.readUInt16LE(body + 14),
      };
    } else if (id === 'data') {
      // 0xfffe is the extensible form of the same samples.
      const isPcm = format !== null && (format.code === 1 || format.code === 0xfffe);
      if (format === null || !isPcm || format.channels !== 1 || format.bits !== 16)
        throw refused(
          `${wanted}, got ${format === null ? 'no format' : `format ${format.code}, ${format.channels} channels, ${format.bits} bits`}.`,
        );
      if (format.rate < 8_000 || format.rate > 48_000) throw refused(`${wanted}, got ${format.rate} Hz.`);
      const count = Math.floor(length / 2);
      if (count === 0 || count > msToSamples(longestMs, format.rate))
        throw refused(
          `Expected ${path} to last up to ${longestMs / 1_000} s, got ${Math.round(count / format.rate)} s.`,
        );
      const samples = Int16Array.from({ length: count }, (_, i) => bytes.readInt16LE(body + 2 * i));
      return { samples, sampleRate: format.rate };
    }
    at = body + length + (length % 2);
  }
  throw refused(`${wanted}, got no samples.`);
}

/** Plays recordings, one a session, in the order of their names: what is wrong in them is counted as word errors. */
export class RecordingsProbe implements Probe {
  readonly kind = 'recordings';
  readonly digest: string;
  readonly #recordings: readonly Recording[];

  constructor(recordings: readonly Recording[]) {
    this.#recordings = recordings;
    const hash = createHash('sha256');
    for (const { name, sampleRate, text, samples } of recordings) {
      hash.update(JSON.stringify([name, sampleRate, text, samples.length]));
      hash.update(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    }
    this.digest = `recordings/1 ${hash.digest('hex')}`;
  }

  speech({ number }: { readonly number: number }): ProbeSpeech {
    const recording = this.#recordings[(number - 1) % this.#recordings.length] as Recording;
    const { name, samples, sampleRate, text } = recording;
    return {
      sampleRate,
      totalSamples: samples.length,
      words: [],
      reference: text,
      fingerprint: name,
      read: (start, end) => samples.subarray(start, Math.min(end, samples.length)),
      withTrueTimes: ({ start, end, text: said, words }) => {
        return { start, end, text: said, words: words.map((word) => ({ ...word, confidence: 1 })) };
      },
      // Text without times says nothing of where audio was lost.
      capture: () => ({
        ...{ heardWords: 0, saidWords: 0, lostSamples: 0, lostRanges: [], provenEnd: samples.length },
        ...{ repeatedWords: 0, foreignWords: 0, missingWords: [] },
      }),
    };
  }
}

function refused(message: string, cause?: unknown): CrossfadeError {
  return new CrossfadeError('CONFIG_INVALID', message, { cause });
}
