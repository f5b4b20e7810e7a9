import { createSynthesizer, speechSampleRate, type Speech } from './flite.ts';
import { engineContract, type EngineContract } from './engine.contract.ts';
import { fetchPocketsphinx } from './fetch-pocketsphinx.ts';
import { createPocketsphinxEngine, createPocketsphinxGrammarEngine } from './pocketsphinx.ts';
import { grammarOf } from './speech-corpus.ts';
import { joinSpeech } from './speech-track.ts';

const sentences = ['good morning', 'thank you'];
const endpointMs = 300;
const synthesizer = await createSynthesizer();
const parts = sentences.map((sentence) => spoken(sentence));
const track = joinSpeech(parts, endpointMs + 350);
const ends = parts.map((_, i) => track.words[2 * i + 1]?.end ?? 0);

const contract: Omit<EngineContract, 'make'> = {
  sampleRate: speechSampleRate,
  audio: track.samples,
  utterances: sentences.map((sentence, i) => ({ words: sentence.split(' '), endSample: ends[i] ?? 0 })),
  endpointMs,
  wordEndToleranceMs: 200,
};

engineContract('pocketsphinx-grammar', {
  ...contract,
  async make() {
    await fetchPocketsphinx();
    return createPocketsphinxGrammarEngine({ grammar: grammarOf(sentences) });
  },
});

engineContract('pocketsphinx', {
  ...contract,
  wordsMin: 0.5,
  async make() {
    await fetchPocketsphinx();
    return createPocketsphinxEngine();
  },
});

/** A sentence without flite's silence around it, so that two of them fit the contract's four seconds. */
function spoken(sentence: string): Speech {
  const { samples, words } = synthesizer.synthesize(sentence, 'rms');
  const from = words[0]?.start ?? 0;
  const moved = words.map((word) => ({ ...word, start: word.start - from, end: word.end - from }));
  return { samples: samples.subarray(from, words.at(-1)?.end), words: moved };
}
