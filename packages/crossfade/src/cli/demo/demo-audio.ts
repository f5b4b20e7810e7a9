import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { corpus } from '../../engines/speech-corpus.ts';
import type { Speech, Synthesizer } from '../../engines/flite.ts';
import { joinSpeech } from '../../engines/speech-track.ts';
import { ProbeAudio } from '../../signal/probe-audio.ts';
import { type ProbeScript, probeScript } from '../../signal/probe-script.ts';
import { ToneGrid } from '../../signal/tone-grid.ts';
import type { PlannedContent } from './traffic.ts';

/** The rate of everything the demo says, Hz: the recognizer's. */
export const demoSampleRate = 16_000;

/** Silence before, between and after sentences, ms: longer than the endpointing wait. */
const sentenceGapMs = 700;

/** What one session will say. `script` is the exact truth of a probe; null for speech. */
export interface DemoAudio {
  readonly totalSamples: number;
  readonly script: ProbeScript | null;
  /** Samples `[start, end)`. */
  read(start: number, end: number): Int16Array;
}

/** Makes the audio of planned sessions. Speech is spoken once beforehand, so that no session waits for a voice. */
export class DemoVoice {
  readonly #synthesizer: Synthesizer | null;
  readonly #grid = new ToneGrid(demoSampleRate);

  /** Without a synthesizer there are probes only. */
  constructor(synthesizer: Synthesizer | null) {
    this.#synthesizer = synthesizer;
  }

  /** Speaks every sentence in both voices once; the event loop gets its turn between them. */
  async rehearse(): Promise<void> {
    for (const sentence of corpus) {
      for (const voice of ['rms', 'slt'] as const) {
        this.#synthesizer?.synthesize(sentence, voice);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  audioOf(content: PlannedContent): DemoAudio {
    if (content.kind === 'tone') {
      const { seed, durationMs } = content;
      const script = probeScript({ seed, sampleRate: demoSampleRate, durationMs, speakToEnd: true });
      const audio = new ProbeAudio(script, this.#grid);
      return { totalSamples: script.totalSamples, script, read: (start, end) => audio.read(start, end) };
    }
    const { samples } = this.#speak(content.sentences, content.voice);
    return { totalSamples: samples.length, script: null, read: (start, end) => samples.subarray(start, end) };
  }

  #speak(sentences: readonly number[], voice: 'rms' | 'slt'): Speech {
    const synthesizer = this.#synthesizer;
    if (synthesizer === null)
      throw new CrossfadeError('ENGINE_MISSING', 'Expected a voice for speech, got none.');
    const parts = sentences.map((sentence) => synthesizer.synthesize(corpus[sentence] as string, voice));
    return joinSpeech(parts, sentenceGapMs);
  }
}
