import { below, seededRandom } from '@crossfade/sdk/core/random';
import { msToSamples } from '@crossfade/sdk/core/units';
import { resample } from '../signal/resample.ts';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { SaidText } from './driver.ts';
import { hearSpeech } from './heard-words.ts';
import type { Between, Probe, ProbeSpeech, SpeechRequest, SpokenWord } from './probe.ts';
import type { ProvenCapture } from './proven-capture.ts';

/** Something that speaks a sentence, and says to the sample where each word is. */
export interface Voice {
  /** Stands for the voice and its version. */
  readonly name: string;
  readonly sampleRate: number;
  /** The same sentence gives the same samples; whoever gets them only reads them. */
  speak(sentence: string): { readonly samples: Int16Array; readonly words: readonly SpokenWord[] };
}

/** Silence between sentences, ms: longer and shorter than what targets take for an end of speech. */
const gapMs: Between = [350, 900];
/** A control sentence stands alone: nothing before it, and nothing after it hurries its end. */
const controlLeadMs = 500;
const controlTailMs = 1_500;
/** Missing words of less audio than this are taken for what recognizers leave out: "the" has 100 ms. */
const leastLossMs = 250;
/** A heard word further from the said one is another one of the same text. */
const sameWordMs = 600;

interface Part {
  readonly sentence: number;
  readonly at: number;
  readonly samples: Int16Array;
}

/** A word of a session, and which word of which sentence it is. */
interface PlacedWord extends SpokenWord {
  readonly sentence: number;
  readonly place: number;
}

/**
 * Says known sentences. Text shows whole words: audio counts as lost where a run of words was heard as nothing at all and
 * the control run heard them. A cut within a word, or a word that became another, does not show; nothing is certified.
 */
export class SpeechProbe implements Probe {
  readonly kind = 'speech';
  readonly digest: string;
  readonly #voices: readonly Voice[];
  readonly #sentences: readonly string[];
  /** Words that the target does not hear when nothing is wrong, as `sentence.place`. */
  readonly #unheard = new Set<string>();
  #learned = 0;

  /** Sentence n is always spoken by voice n mod voices, so that one control covers it. */
  constructor(voices: readonly Voice[], sentences: readonly string[]) {
    this.#voices = voices;
    this.#sentences = sentences;
    this.digest = `speech/1 ${voices.map(({ name }) => name).join(' ')} | ${sentences.join(' | ')}`;
  }

  /** Each sentence alone, at leisure: what the target makes of it when nothing is wrong. */
  get controls(): readonly ProbeSpeech[] {
    return this.#sentences.map((_, sentence) => {
      const { samples, sampleRate, words } = this.#spoken(sentence);
      const lead = msToSamples(controlLeadMs, sampleRate);
      const tail = msToSamples(controlTailMs, sampleRate);
      const placed = placeWords(words, sentence, lead);
      const total = lead + samples.length + tail;
      return this.#speech(sampleRate, total, total, [{ sentence, at: lead, samples }], placed, 1);
    });
  }

  /** Words of the controls so far, and how many of them the target does not hear by itself. */
  get control(): { readonly words: number; readonly unheard: number } {
    return { words: this.#learned, unheard: this.#unheard.size };
  }

  learn(speech: ProbeSpeech, finals: readonly SaidText[]): void {
    const words = speech.words as readonly PlacedWord[];
    const heard = hearSpeech(words, finals).words;
    for (const [i, { sentence, place }] of words.entries()) {
      this.#learned += 1;
      if (heard[i] === 'unheard') this.#unheard.add(`${sentence}.${place}`);
    }
  }

  speech(request: SpeechRequest): ProbeSpeech {
    const random = seededRandom(request.seed);
    const [least, most] = request.pauseMs ?? gapMs;
    const { sampleRate } = this.#voices[0] as Voice;
    const wanted = msToSamples(request.durationMs, sampleRate);
    if (request.isSilent) return this.#at(request, sampleRate, wanted, wanted, [], []);
    const parts: Part[] = [];
    const words: PlacedWord[] = [];
    let at = msToSamples(request.leadMs, sampleRate);
    while (at < wanted || parts.length === 0) {
      const sentence = below(random, this.#sentences.length);
      const spoken = this.#spoken(sentence);
      parts.push({ sentence, at, samples: spoken.samples });
      words.push(...placeWords(spoken.words, sentence, at));
      at += spoken.samples.length + msToSamples(least + below(random, most - least + 1), sampleRate);
    }
    const { last, total } = cutOf(request, words, wanted, sampleRate);
    const whole = request.end === 'mid-word' ? last : last + 1;
    const audible = request.end === 'silence' ? (words[last] as PlacedWord).end : total;
    return this.#at(request, sampleRate, total, audible, parts, words.slice(0, whole));
  }

  #at(
    request: SpeechRequest,
    rate: number,
    total: number,
    audible: number,
    parts: readonly Part[],
    words: readonly PlacedWord[],
  ): ProbeSpeech {
    const speech = this.#speech(rate, total, audible, parts, words, request.gain);
    if (request.sampleRate === rate) return speech;
    const samples = resample(speech.read(0, total), rate, request.sampleRate);
    const moved = (sample: number): number => Math.round((sample * request.sampleRate) / rate);
    const placed = words.map((word) => ({ ...word, start: moved(word.start), end: moved(word.end) }));
    const whole = [{ sentence: 0, at: 0, samples }];
    return this.#speech(request.sampleRate, samples.length, samples.length, whole, placed, 1);
  }

  #spoken(sentence: number): ReturnType<Voice['speak']> & { readonly sampleRate: number } {
    const voice = this.#voices[sentence % this.#voices.length] as Voice;
    return { ...voice.speak(this.#sentences[sentence] as string), sampleRate: voice.sampleRate };
  }

  #speech(
    sampleRate: number,
    totalSamples: number,
    audible: number,
    parts: readonly Part[],
    words: readonly PlacedWord[],
    gain: number,
  ): ProbeSpeech {
    return {
      sampleRate,
      totalSamples,
      words,
      reference: words.map(({ text }) => text).join(' '),
      fingerprint: `${sampleRate} ${totalSamples} ${gain} ${parts.map(({ sentence, at }) => `${sentence}@${at}`).join(' ')}`,
      read: (start, end) => mixed(parts, start, Math.min(end, totalSamples), audible, gain),
      withTrueTimes: (text) => withTrueTimes(text, words, sampleRate),
      capture: (finals, offered) => this.#capture(words, finals, offered, sampleRate),
    };
  }

  #capture(
    words: readonly PlacedWord[],
    finals: readonly SaidText[],
    offered: number,
    sampleRate: number,
  ): ProvenCapture {
    const said = words.filter(({ end }) => end <= offered);
    const heard = hearSpeech(said, finals);
    const isMissing = ({ sentence, place }: PlacedWord, i: number): boolean =>
      heard.words[i] === 'unheard' && !this.#unheard.has(`${sentence}.${place}`);
    const runs: { words: PlacedWord[] }[] = [];
    let open = false;
    for (const [i, word] of said.entries()) {
      if (!isMissing(word, i)) open = false;
      else if (open) runs.at(-1)!.words.push(word);
      else {
        runs.push({ words: [word] });
        open = true;
      }
    }
    const lost = runs
      .map((run) => ({ ...run, start: run.words[0]!.start, end: run.words.at(-1)!.end }))
      .filter(({ start, end }) => end - start >= msToSamples(leastLossMs, sampleRate));
    return {
      heardWords: heard.words.filter((each) => each === 'heard').length,
      saidWords: said.length,
      lostSamples: lost.reduce((sum, { start, end }) => sum + end - start, 0),
      lostRanges: lost.map(({ start, end }) => ({ start, end })),
      provenEnd: said.findLast((_, i) => heard.words[i] !== 'unheard')?.end ?? 0,
      // Words repeat in speech; a repeated entry is seen on the view.
      repeatedWords: 0,
      foreignWords: 0,
      missingWords: lost.flatMap((run) => run.words),
    };
  }
}

function placeWords(words: readonly SpokenWord[], sentence: number, at: number): PlacedWord[] {
  return words.map(({ text, start, end }, place) => ({
    ...{ text, start: at + start, end: at + end },
    ...{ sentence, place },
  }));
}

/** Place of the last word that is said, whole or in part, and where the audio ends. */
function cutOf(
  { end, tailMs }: SpeechRequest,
  words: readonly PlacedWord[],
  wanted: number,
  sampleRate: number,
): { readonly last: number; readonly total: number } {
  const tail = end === 'silence' ? msToSamples(tailMs, sampleRate) : 0;
  const last = Math.max(
    0,
    words.findLastIndex((word) => word.end + tail <= wanted),
  );
  const word = words[last] as PlacedWord;
  if (end === 'mid-word') return { last, total: Math.round((word.start + word.end) / 2) };
  return { last, total: word.end + tail };
}

/** Samples `[start, end)` of the parts, with silence around them and after `audible`. */
function mixed(
  parts: readonly Part[],
  start: number,
  end: number,
  audible: number,
  gain: number,
): Int16Array {
  const out = new Int16Array(Math.max(0, end - start));
  for (const { at, samples } of parts) {
    const from = Math.max(start, at);
    const to = Math.min(end, at + samples.length, audible);
    if (to > from) out.set(samples.subarray(from - at, to - at), from - start);
  }
  if (gain === 1) return out;
  return out.map((sample) => Math.max(-32_768, Math.min(32_767, sample * gain)));
}

/** The words of a text with the generator's times, where a said word of the same text is near. */
function withTrueTimes(text: SaidText, words: readonly PlacedWord[], sampleRate: number): Hypothesis {
  const near = msToSamples(sameWordMs, sampleRate);
  const timed = text.words.map((word) => {
    const distance = (said: SpokenWord): number => Math.abs(said.end - word.end);
    const [truth] = words
      .filter((said) => said.text === word.text.toLowerCase() && distance(said) <= near)
      .sort((a, b) => distance(a) - distance(b));
    const { start, end } = truth ?? word;
    return { text: word.text, start, end, confidence: 1 };
  });
  return { start: text.start, end: text.end, text: text.text, words: timed };
}
