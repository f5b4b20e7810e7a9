import { readFile } from 'node:fs/promises';
import { systemClock } from '@crossfade/sdk/core/clock';
import { expect, test } from 'vitest';
import type { Engine, RecognizerStream } from './engine.ts';
import { fetchPocketsphinx } from './fetch-pocketsphinx.ts';
import { createSynthesizer, speechSampleRate, voices } from './flite.ts';
import { createPocketsphinxEngine, createPocketsphinxGrammarEngine } from './pocketsphinx.ts';
import { corpus } from './speech-corpus.ts';
import { joinSpeech } from './speech-track.ts';

/** Linux counts CPU time in hundredths of a second for every processor Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds so far and memory now, of a process and all its threads. */
async function usage(pid: number): Promise<{ cpuSeconds: number; rssMb: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    rssMb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024),
  };
}

async function open(engine: Engine): Promise<RecognizerStream> {
  const listener = { onEvent: () => {}, onError: (error: Error) => expect.fail(error.message) };
  return engine.open({ sampleRate: speechSampleRate, endpointMs: 400 }, listener);
}

// The limits are far above what is measured: they catch a decoder that took another path, not a slow machine.
test.each([
  { make: createPocketsphinxEngine, streams: 1, cpuMost: 0.6, rssMostMb: 400 },
  { make: createPocketsphinxGrammarEngine, streams: 1, cpuMost: 0.1, rssMostMb: 200 },
  { make: createPocketsphinxGrammarEngine, streams: 10, cpuMost: 0.1, rssMostMb: 300 },
])(
  '$streams stream(s) of $make.name cost what the documentation says',
  async ({ make, streams, cpuMost, rssMostMb }) => {
    await fetchPocketsphinx();
    const synthesizer = await createSynthesizer();
    const sentences = voices.flatMap((voice) =>
      corpus.slice(0, 6).map((text) => synthesizer.synthesize(text, voice)),
    );
    const { samples } = joinSpeech(sentences, 700);
    const engine = make();
    try {
      const loadMs = systemClock.monotonicMs();
      const opened = [await open(engine)];
      const loadedMs = Math.round(systemClock.monotonicMs() - loadMs);
      while (opened.length < streams) opened.push(await open(engine));
      const [pid] = engine.pids();
      const before = await usage(pid as number);
      for (const stream of opened) stream.write(samples);
      await Promise.all(opened.map((stream) => stream.flush()));
      const after = await usage(pid as number);
      const audioSeconds = (samples.length / speechSampleRate) * streams;
      const cpu = (after.cpuSeconds - before.cpuSeconds) / audioSeconds;
      process.stdout.write(
        `${engine.name}, ${streams} stream(s): ${cpu.toFixed(3)} CPU s per audio s (${Math.round(audioSeconds)} s), ` +
          `${after.rssMb} MB resident, first stream after ${loadedMs} ms\n`,
      );
      for (const stream of opened) stream.close();
      expect(cpu).toBeLessThan(cpuMost);
      expect(after.rssMb).toBeLessThan(rssMostMb);
    } finally {
      await engine.close();
    }
  },
);
