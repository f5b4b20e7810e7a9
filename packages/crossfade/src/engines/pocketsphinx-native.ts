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

/** Loads the libraries; every decoder costs 0.1 s (grammar) to 0.5 s (open) and its own copy of the model. */
export interface DecoderFactory {
  create(postspeechMs: number): Decoder;
}

/** Milliseconds of one frame of features. */
const frameMs = 10;
/** Binds libpocketsphinx through koffi, which is an optional dependency: only the child process loads it. */
export async function loadPocketsphinx({ files, grammar }: DecoderConfig): Promise<DecoderFactory> {
  const { default: koffi } = await import('koffi');
  const base = koffi.load(files.libSphinxbase);
  const sphinx = koffi.load(files.libPocketsphinx);
  const native = {
    // Logs go to nowhere: the C library would write them over standard error, words of the speech included.
    silence: base.func('int err_set_logfile(str path)'),
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
    segments: sphinx.func('void *ps_seg_iter(void *ps)'),
    nextSegment: sphinx.func('void *ps_seg_next(void *seg)'),
    word: sphinx.func('str ps_seg_word(void *seg)'),
    frames: sphinx.func('void ps_seg_frames(void *seg, _Out_ int *start, _Out_ int *end)'),
  };
  native.silence('/dev/null');
  const dictionary = grammar === null ? files.dictionary : grammarDictionary(files.dictionary, grammar);

  const create = (postspeechMs: number): Decoder => {
    const argv = [
      'crossfade',
      ...['-hmm', files.acousticModel, '-dict', dictionary, '-logfn', '/dev/null'],
      ...(grammar === null ? ['-lm', files.languageModel] : []),
      // Without the second and third pass a final comes 100 to 300 ms after the silence, not after seconds.
      ...['-fwdflat', 'no', '-bestpath', 'no'],
      ...['-vad_postspeech', String(Math.max(1, Math.round(postspeechMs / frameMs)))],
    ];
    const config = native.parse(null, native.args(), argv.length, argv, 1);
    const decoder = config === null ? null : native.init(config);
    if (config !== null) native.freeConfig(config);
    if (decoder === null) throw new Error('pocketsphinx refused its model; fetch it again.');
    if (
      grammar !== null &&
      (native.setGrammar(decoder, 'corpus', grammar) !== 0 || native.setSearch(decoder, 'corpus') !== 0)
    ) {
      native.free(decoder);
      throw new Error('pocketsphinx refused the grammar: a word of it is not in the dictionary.');
    }
    const checked = (result: number, call: string): void => {
      if (result < 0) throw new Error(`pocketsphinx failed in ${call}.`);
    };
    return {
      startStream: () => checked(native.startStream(decoder), 'ps_start_stream'),
      startUtterance: () => checked(native.startUtterance(decoder), 'ps_start_utt'),
      endUtterance: () => checked(native.endUtterance(decoder), 'ps_end_utt'),
      process: (samples) => checked(native.process(decoder, samples, samples.length, 0, 0), 'ps_process_raw'),
      inSpeech: () => native.inSpeech(decoder) !== 0,
      text: () => native.hypothesis(decoder, [0]) ?? '',
      words(): DecodedWord[] {
        const words: DecodedWord[] = [];
        const start = [0];
        const end = [0];
        for (
          let segment = native.segments(decoder);
          segment !== null;
          segment = native.nextSegment(segment)
        ) {
          native.frames(segment, start, end);
          words.push({
            text: native.word(segment),
            firstFrame: start[0] as number,
            lastFrame: end[0] as number,
          });
        }
        return words;
      },
      free: () => void native.free(decoder),
    };
  };
  return { create };
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
