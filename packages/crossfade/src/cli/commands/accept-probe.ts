import type { Probe } from '../../acceptance/probe.ts';
import type { Profile } from '../../acceptance/profile.ts';

export interface ProbeOptions {
  readonly probe: 'tone' | 'speech';
  /** A folder of the user's recordings; instead of a probe. */
  readonly recordings?: string;
}

/** Enough to play a folder through; a day of recordings is another kind of test. */
const recordingsLimitMs = 3_600_000;

/** What is said, and how much of it: a folder of recordings is played through once, and nothing else. */
export async function openProbe(
  { probe, recordings }: ProbeOptions,
  profile: Profile,
): Promise<{ readonly probe: Probe; readonly profile: Profile }> {
  if (recordings !== undefined) {
    const { readRecordings, RecordingsProbe } = await import('../../acceptance/recordings.ts');
    const found = await readRecordings(recordings);
    const counts = { 'steady-talk': found.length };
    const { extendTo: _never, ...rest } = profile;
    const once = { ...rest, name: 'recordings', limitMs: recordingsLimitMs, counts };
    return { probe: new RecordingsProbe(found), profile: once };
  }
  if (probe === 'tone') {
    const { ToneProbe } = await import('../../acceptance/tone-probe.ts');
    return { probe: new ToneProbe(), profile };
  }
  const { createSynthesizer, speechSampleRate } = await import('../../engines/flite.ts');
  const { corpus } = await import('../../engines/speech-corpus.ts');
  const { SpeechProbe } = await import('../../acceptance/speech-probe.ts');
  const synthesizer = await createSynthesizer();
  const voices = (['rms', 'slt'] as const).map((voice) => ({
    name: `flite ${voice}`,
    sampleRate: speechSampleRate,
    speak: (sentence: string) => synthesizer.synthesize(sentence, voice),
  }));
  // Spoken beforehand: a sentence takes up to 300 ms the first time, and no session waits for a voice.
  corpus.forEach((sentence, i) => voices[i % voices.length]?.speak(sentence));
  return { probe: new SpeechProbe(voices, corpus), profile };
}
