import { ProbeAudio } from '../signal/probe-audio.ts';
import { probeScript, type ProbeScript } from '../signal/probe-script.ts';
import { wordCount } from '../signal/tone-code.ts';
import { ToneGrid } from '../signal/tone-grid.ts';
import { wordIndex } from '../signal/word-text.ts';
import type { Hypothesis } from '../transcript/hypothesis.ts';
import type { SaidText } from './driver.ts';
import type { Probe, ProbeSpeech, SpeechRequest } from './probe.ts';
import { provenCapture, type ProvenCapture } from './proven-capture.ts';

/** Says words that are counters: their place in the audio is exact to the sample. A target must carry tones for it. */
export class ToneProbe implements Probe {
  readonly kind = 'tone';
  readonly digest = 'tone-code/1';
  /** Shared by the sessions of one sample rate. */
  readonly #grids = new Map<number, ToneGrid>();

  speech(request: SpeechRequest): ProbeSpeech {
    const { sampleRate } = request;
    const grid = this.#grids.get(sampleRate) ?? new ToneGrid(sampleRate);
    this.#grids.set(sampleRate, grid);
    const whole = scriptOf(request, grid);
    return new ToneSpeech(cutOf(whole, request), whole, grid, request.gain);
  }
}

function scriptOf(request: SpeechRequest, grid: ToneGrid): ProbeScript {
  const { seed, sampleRate, durationMs, leadMs, tailMs, wordsPerUtterance, pauseMs } = request;
  if (request.isSilent) return probeScript({ seed, sampleRate, grid, durationMs, utterances: 0 });
  const endsInSilence = request.end === 'silence';
  return probeScript({
    seed,
    sampleRate,
    grid,
    leadMs,
    durationMs: endsInSilence ? durationMs - tailMs : durationMs,
    speakToEnd: true,
    ...(endsInSilence ? { tailMs } : {}),
    ...(wordsPerUtterance === undefined ? {} : { wordsPerUtterance }),
    ...(pauseMs === undefined ? {} : { silenceMs: pauseMs }),
  });
}

/** The script as it is offered: a stop in the middle of the last word leaves that word out of the truth. */
function cutOf(whole: ProbeScript, { end }: SpeechRequest): ProbeScript {
  const last = whole.words.at(-1);
  if (end !== 'mid-word' || last === undefined) return whole;
  const totalSamples = Math.round((last.start + last.end) / 2);
  return { ...whole, totalSamples, words: whole.words.slice(0, -1) };
}

class ToneSpeech implements ProbeSpeech {
  readonly sampleRate: number;
  readonly totalSamples: number;
  readonly reference = null;
  readonly #script: ProbeScript;
  readonly #audio: ProbeAudio;
  readonly #gain: number;

  constructor(script: ProbeScript, whole: ProbeScript, grid: ToneGrid, gain: number) {
    this.#script = script;
    this.sampleRate = script.sampleRate;
    this.totalSamples = script.totalSamples;
    this.#audio = new ProbeAudio(whole, grid);
    this.#gain = gain;
  }

  get words(): ProbeScript['words'] {
    return this.#script.words;
  }

  get fingerprint(): string {
    const words = this.words.map(({ index, start }) => `${index}@${start}`).join(' ');
    return `${this.sampleRate} ${this.totalSamples} ${this.#gain} ${words}`;
  }

  read(start: number, end: number): Int16Array {
    const samples = this.#audio.read(start, Math.min(end, this.totalSamples));
    if (this.#gain === 1) return samples;
    return samples.map((sample) => Math.max(-32_768, Math.min(32_767, sample * this.#gain)));
  }

  withTrueTimes(text: SaidText): Hypothesis {
    const { words: truths } = this.#script;
    const first = truths[0];
    const words = text.words.map((word) => {
      const index = wordIndex(word.text.toLowerCase());
      // Counters run on through a script, modulo their number; the place in the script is a subtraction.
      const place =
        index === null || first === undefined ? -1 : (index - first.index + wordCount) % wordCount;
      const truth = truths[place];
      return {
        text: word.text,
        start: truth?.start ?? word.start,
        end: truth?.end ?? word.end,
        confidence: 1,
      };
    });
    return { start: text.start, end: text.end, text: text.text, words };
  }

  capture(finals: readonly SaidText[], offered: number): ProvenCapture {
    return provenCapture(this.#script, finals, offered);
  }
}
