import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { systemClock, type Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { msToSamples } from '@crossfade/sdk/core/units';
import type { ChildProgram } from './engine-child.ts';
import { EngineChildPool, type PoolLimits } from './engine-child-pool.ts';
import type {
  Engine,
  EngineName,
  EnginePreflight,
  RecognizerStream,
  StreamListener,
  StreamOptions,
} from './engine.ts';
import { locatePocketsphinx, type PocketsphinxLocation } from './pocketsphinx-locate.ts';
import type { DecoderConfig } from './pocketsphinx-native.ts';
import { decoderSampleRate } from './pocketsphinx-stream.ts';
import { corpus, grammarOf } from './speech-corpus.ts';

export interface PocketsphinxOptions {
  /** Where to look instead of the system and the fetched packages. */
  readonly locate?: () => Promise<PocketsphinxLocation>;
  /** For the grammar engine: a JSGF grammar instead of the corpus's. */
  readonly grammar?: string;
  /** Streams at once; by default what this machine's cores decode in real time. */
  readonly maxStreams?: number;
  readonly clock?: Clock;
}

/** The endpoint a first decoder is made for. */
const usualEndpointMs = 400;
/** Below this, pauses inside words end them; above, a final comes too late to be one. */
const endpointLimitsMs = { least: 100, most: 2_000 };
const defaultMaxFinalMs = 5_000;
/** Shorter would cut words; longer would keep a minute of audio to decode again. */
const maxFinalLimitsMs = { least: 2_000, most: 30_000 };
/** A grammar costs 0.02 of a core a stream. Half a core is left to everything else. */
const grammarStreamsPerCore = 24;

const open = {
  name: 'pocketsphinx',
  description:
    'Speech recognition of English with an open vocabulary (CMU pocketsphinx, 0.1 to 0.2 of a core a stream).',
} as const;
const grammar = {
  name: 'pocketsphinx-grammar',
  description:
    'Speech recognition of the demo sentences alone (CMU pocketsphinx, closed grammar, 0.02 of a core a stream).',
} as const;

/**
 * English speech with the open language model. One process for each stream: the end of an utterance blocks its
 * process, and a death takes one session.
 */
export function createPocketsphinxEngine(options: PocketsphinxOptions = {}): Engine {
  const limits = {
    maxStreams: options.maxStreams ?? availableParallelism(),
    streamsPerChild: 1,
    idleChildren: 1,
  };
  return new PocketsphinxEngine(open, null, limits, options);
}

/** A closed grammar (the demo's sentences): one process serves many streams, each with a decoder of its own. */
export function createPocketsphinxGrammarEngine(options: PocketsphinxOptions = {}): Engine {
  const maxStreams = options.maxStreams ?? availableParallelism() * grammarStreamsPerCore;
  const limits = { maxStreams, streamsPerChild: grammarStreamsPerCore, idleChildren: 1 };
  return new PocketsphinxEngine(grammar, options.grammar ?? grammarOf(corpus), limits, options);
}

class PocketsphinxEngine implements Engine {
  readonly name: EngineName;
  readonly description: string;
  readonly sampleRates = [decoderSampleRate];
  readonly #grammar: string | null;
  readonly #locate: () => Promise<PocketsphinxLocation>;
  readonly #pool: EngineChildPool;
  #checked: { readonly dictionary: string; readonly words: Promise<readonly string[]> } | null = null;

  constructor(
    named: { readonly name: EngineName; readonly description: string },
    grammarText: string | null,
    limits: PoolLimits,
    options: PocketsphinxOptions,
  ) {
    this.name = named.name;
    this.description = named.description;
    this.#grammar = grammarText;
    this.#locate = options.locate ?? (() => locatePocketsphinx());
    this.#pool = new EngineChildPool(() => this.#program(), limits, options.clock ?? systemClock);
  }

  async preflight(): Promise<EnginePreflight> {
    const remedy =
      'Run: crossfade engines fetch pocketsphinx (Debian or Ubuntu, no root), or use the tone engine.';
    if (!koffiIsInstalled()) {
      return {
        ok: false,
        missing: 'the npm package koffi',
        remedy: 'Run: npm install koffi, or use the tone engine.',
      };
    }
    const location = await this.#locate();
    if (!location.found) {
      const [first, ...others] = location.missing;
      return {
        ok: false,
        missing: others.length === 0 ? `${first}` : `${first} and ${others.length} more`,
        remedy,
      };
    }
    const { files } = location;
    const words = await this.#wordsMissingFrom(files.dictionary);
    if (words.length > 0) {
      const missing = `${words.slice(0, 5).join(', ')} in the dictionary`;
      return { ok: false, missing, remedy: 'Write the grammar with words that the CMU dictionary has.' };
    }
    return {
      ok: true,
      detail: `${files.origin === 'system' ? 'system packages' : 'fetched packages'}: ${files.libPocketsphinx}`,
    };
  }

  async open(options: StreamOptions, listener: StreamListener): Promise<RecognizerStream> {
    if (options.sampleRate !== decoderSampleRate) {
      throw new CrossfadeError(
        'QUERY_INVALID',
        `Expected ${decoderSampleRate} Hz for ${this.name}, got ${options.sampleRate} Hz. Resample before.`,
      );
    }
    const endpointMs = options.endpointMs === null ? null : within(options.endpointMs, endpointLimitsMs);
    const maxFinalMs = within(options.maxFinalMs ?? defaultMaxFinalMs, maxFinalLimitsMs);
    return this.#pool.open(
      { endpointMs, maxFinalSamples: msToSamples(maxFinalMs, decoderSampleRate) },
      listener,
    );
  }

  pids(): readonly number[] {
    return this.#pool.pids();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Reads the 134,000 lines once per dictionary: every session asks, and a read costs as much as its recognition. */
  #wordsMissingFrom(dictionary: string): Promise<readonly string[]> {
    if (this.#grammar === null) return Promise.resolve([]);
    if (this.#checked?.dictionary !== dictionary) {
      const words = unknownWords(this.#grammar, dictionary);
      this.#checked = { dictionary, words };
      // A dictionary that could not be read is read again.
      words.catch(() => (this.#checked = null));
    }
    return this.#checked.words;
  }

  /** Checks everything first: the library would end its process over a file that is not there. */
  async #program(): Promise<ChildProgram> {
    const preflight = await this.preflight();
    const location = await this.#locate();
    if (!preflight.ok || !location.found) {
      const { missing, remedy } = preflight.ok
        ? { missing: 'its files', remedy: 'Fetch them again.' }
        : preflight;
      throw new CrossfadeError(
        'ENGINE_MISSING',
        `Expected ${missing} for ${this.name}, found none. ${remedy}`,
      );
    }
    const { files } = location;
    const config: DecoderConfig = { files, grammar: this.#grammar, postspeechMs: usualEndpointMs };
    const folders = [...files.libraryFolders, process.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean);
    const entry = new URL(
      import.meta.url.endsWith('.ts') ? './pocketsphinx-child.ts' : './pocketsphinx-child.js',
      import.meta.url,
    );
    return {
      entry,
      env: folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(':') },
      config,
      name: this.name,
    };
  }
}

function koffiIsInstalled(): boolean {
  try {
    import.meta.resolve('koffi');
    return true;
  } catch {
    return false;
  }
}

/** The terminals of a JSGF grammar that the dictionary has no pronunciation of. */
async function unknownWords(grammarText: string, dictionary: string): Promise<string[]> {
  const body = grammarText
    .replace(/^#JSGF.*$|^\s*grammar\s.*$/gm, '')
    .replace(/<[^>]*>|\/[^/]*\/|\bpublic\b|[=|;()[\]*+]/g, ' ');
  const known = new Set<string>();
  for (const line of (await readFile(dictionary, 'utf8')).split('\n'))
    known.add(line.slice(0, line.search(/[\s(]/)));
  return [...new Set(body.split(/\s+/).filter(Boolean))].filter((word) => !known.has(word));
}

function within(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(most, Math.max(least, value));
}
