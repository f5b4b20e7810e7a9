import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PocketsphinxFiles } from './pocketsphinx-locate.ts';
import type { Decoder, DecodedWord } from './pocketsphinx-stream.ts';

/** What the decoders of one child have in common. */
export interface DecoderConfig {
  readonly files: PocketsphinxFiles;
  /** A JSGF grammar; null: the open language model. */
  readonly grammar: string | null;
  /** The silence that ends speech for the decoder that is made at once; others are made when asked for. */
  readonly postspeechMs: number;
}

/** Makes decoders: each takes 0.1 s (grammar) to 0.5 s (open) and a copy of the model. */
export interface DecoderFactory {
  create(postspeechMs: number): Decoder;
}

/** Milliseconds of one frame of features. */
const frameMs = 10;
const grammarName = 'crossfade';

/** Binds libpocketsphinx through koffi, which is an optional dependency: only the child process loads it. */
export async function loadPocketsphinx({ files, grammar }: DecoderConfig): Promise<DecoderFactory> {
  const native = await bind(files);
  // Logs go to nowhere: the C library would write them over standard error, words of the speech included.
  native.setLogFile('/dev/null');
  const dictionary = grammar === null ? files.dictionary : grammarDictionary(files.dictionary, grammar);
  return {
    create(postspeechMs) {
      const handle = createHandle(native, [
        ...['-hmm', files.acousticModel, '-dict', dictionary, '-logfn', '/dev/null'],
        ...(grammar === null ? ['-lm', files.languageModel] : []),
        // Without the second and third pass a final comes 100 to 300 ms after the silence, not after seconds.
        ...['-fwdflat', 'no', '-bestpath', 'no'],
        ...['-vad_postspeech', String(Math.max(1, Math.round(postspeechMs / frameMs)))],
      ]);
      if (grammar !== null) useGrammar(native, handle, grammar);
      return new NativeDecoder(native, handle);
    },
  };
}

type Native = Awaited<ReturnType<typeof bind>>;
/** A pointer of the C library; opaque here. */
type Handle = unknown;

async function bind(files: PocketsphinxFiles) {
  const { default: koffi } = await import('koffi');
  const base = koffi.load(files.libSphinxbase);
  const sphinx = koffi.load(files.libPocketsphinx);
  return {
    setLogFile: base.func('int err_set_logfile(str path)'),
    // Takes an array where the usual `cmd_ln_init` takes a variable number of arguments.
    parse: base.func('void *cmd_ln_parse_r(void *inout, void *defn, int argc, str *argv, int strict)'),
    freeConfig: base.func('int cmd_ln_free_r(void *cmdln)'),
    args: sphinx.func('void *ps_args()'),
    init: sphinx.func('void *ps_init(void *config)'),
    free: sphinx.func('int ps_free(void *ps)'),
    setGrammar: sphinx.func('int ps_set_jsgf_string(void *ps, str name, str jsgf)'),
    setSearch: sphinx.func('int ps_set_search(void *ps, str name)'),
    startStream: sphinx.func('int ps_start_stream(void *ps)'),
    startUtterance: sphinx.func('int ps_start_utt(void *ps)'),
    endUtterance: sphinx.func('int ps_end_utt(void *ps)'),
    process: sphinx.func('int ps_process_raw(void *ps, int16_t *data, size_t n, int noSearch, int fullUtt)'),
    inSpeech: sphinx.func('uint8_t ps_get_in_speech(void *ps)'),
    hypothesis: sphinx.func('str ps_get_hyp(void *ps, _Out_ int32_t *score)'),
    firstSegment: sphinx.func('void *ps_seg_iter(void *ps)'),
    nextSegment: sphinx.func('void *ps_seg_next(void *seg)'),
    word: sphinx.func('str ps_seg_word(void *seg)'),
    frames: sphinx.func('void ps_seg_frames(void *seg, _Out_ int *start, _Out_ int *end)'),
  };
}

function createHandle(native: Native, options: readonly string[]): Handle {
  const argv = ['crossfade', ...options];
  const config: Handle = native.parse(null, native.args(), argv.length, argv, 1);
  const handle: Handle = config === null ? null : native.init(config);
  // The decoder holds a reference of its own.
  if (config !== null) native.freeConfig(config);
  if (handle === null)
    throw new Error('Expected a model that pocketsphinx can read, got another. Fetch it again.');
  return handle;
}

function useGrammar(native: Native, handle: Handle, grammar: string): void {
  if (native.setGrammar(handle, grammarName, grammar) === 0 && native.setSearch(handle, grammarName) === 0)
    return;
  native.free(handle);
  throw new Error('Expected a JSGF grammar with words of the dictionary, got one that pocketsphinx refuses.');
}

class NativeDecoder implements Decoder {
  readonly #native: Native;
  readonly #handle: Handle;

  constructor(native: Native, handle: Handle) {
    this.#native = native;
    this.#handle = handle;
  }

  startStream(): void {
    check(this.#native.startStream(this.#handle), 'ps_start_stream');
  }

  startUtterance(): void {
    check(this.#native.startUtterance(this.#handle), 'ps_start_utt');
  }

  endUtterance(): void {
    check(this.#native.endUtterance(this.#handle), 'ps_end_utt');
  }

  process(samples: Int16Array): void {
    check(this.#native.process(this.#handle, samples, samples.length, 0, 0), 'ps_process_raw');
  }

  inSpeech(): boolean {
    return this.#native.inSpeech(this.#handle) !== 0;
  }

  text(): string {
    return this.#native.hypothesis(this.#handle, [0]) ?? '';
  }

  words(): DecodedWord[] {
    const words: DecodedWord[] = [];
    const start = [0];
    const end = [0];
    let segment: Handle = this.#native.firstSegment(this.#handle);
    // The iterator frees itself when it answers null, so the walk always goes to its end.
    while (segment !== null) {
      this.#native.frames(segment, start, end);
      const text = this.#native.word(segment) as string;
      words.push({ text, firstFrame: start[0] as number, lastFrame: end[0] as number });
      segment = this.#native.nextSegment(segment);
    }
    return words;
  }

  free(): void {
    this.#native.free(this.#handle);
  }
}

function check(result: number, call: string): void {
  if (result < 0) throw new Error(`Expected ${call} to succeed, got ${result}. Open the stream again.`);
}

/**
 * The dictionary lines of a grammar's words alone: 134,000 words would take 0.4 s and 60 MB for each decoder.
 * The file is unlinked and read through its descriptor, so that a killed child leaves nothing behind.
 */
function grammarDictionary(dictionary: string, grammar: string): string {
  const words = new Set(grammar.match(/[a-z']+/g));
  const lines = readFileSync(dictionary, 'utf8')
    .split('\n')
    .filter((line) => words.has(line.slice(0, line.search(/[\s(]/))));
  const folder = mkdtempSync(join(tmpdir(), 'crossfade-dict-'));
  try {
    const path = join(folder, 'words.dict');
    writeFileSync(path, `${lines.join('\n')}\n`);
    return `/proc/${process.pid}/fd/${openSync(path, 'r')}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
