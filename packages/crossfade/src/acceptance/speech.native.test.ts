import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProbe } from '../cli/commands/accept-probe.ts';
import type { Engine } from '../engines/engine.ts';
import { fetchPocketsphinx } from '../engines/fetch-pocketsphinx.ts';
import { createSynthesizer, type Synthesizer } from '../engines/flite.ts';
import { createPocketsphinxEngine, createPocketsphinxGrammarEngine } from '../engines/pocketsphinx.ts';
import { corpus } from '../engines/speech-corpus.ts';
import { joinSpeech } from '../engines/speech-track.ts';
import { startPipeline } from '../pipelines/pipeline.ts';
import { acceptRemote, metricOf, tinyProfile } from './acceptance.fixture.ts';
import { wavOf } from './recordings.fixture.ts';
import type { AcceptanceReport } from './report.ts';

let synthesizer: Synthesizer;
let folder: string;
beforeAll(async () => {
  await fetchPocketsphinx();
  synthesizer = await createSynthesizer();
  folder = mkdtempSync(join(tmpdir(), 'crossfade-speech-'));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const profile = {
  ...tinyProfile,
  limitMs: 120_000,
  lanes: 10,
  counts: { 'steady-talk': 4, 'short-turns': 6 },
};

/** Hears nothing from the fifth second of a stream to the end of the seventh, and claims all of it. */
function deafForTwoSeconds(engine: Engine): Engine {
  return {
    name: engine.name,
    description: engine.description,
    sampleRates: engine.sampleRates,
    preflight: () => engine.preflight(),
    pids: () => engine.pids(),
    close: () => engine.close(),
    open: async (options, listener) => {
      const stream = await engine.open(options, listener);
      let at = 0;
      return {
        flush: () => stream.flush(),
        close: () => stream.close(),
        get backlogSamples() {
          return stream.backlogSamples;
        },
        write: (samples) => {
          const isMuted = (i: number): boolean => at + i >= 80_000 && at + i < 112_000;
          stream.write(samples.map((sample, i) => (isMuted(i) ? 0 : sample)));
          at += samples.length;
        },
      };
    },
  };
}

/** A real recognizer in a real pipeline, tested by what it says of real speech. */
async function accept(
  engine: () => Engine,
  options: { readonly recordings?: string; readonly lanes?: number } = {},
): Promise<AcceptanceReport> {
  const { recordings, lanes = profile.lanes } = options;
  const pipeline = await startPipeline({
    ...{ kind: 'streaming', host: '127.0.0.1', port: 0, build: 'sphinx-1', engines: [engine()] },
    clock: systemClock,
  });
  try {
    const asked = { probe: 'speech' as const, ...(recordings === undefined ? {} : { recordings }) };
    const said = await openProbe(asked, { ...profile, lanes });
    return await acceptRemote(`ws://127.0.0.1:${pipeline.port}/v1/listen`, said);
  } finally {
    await pipeline.close();
  }
}

describe.concurrent('a pipeline that knows only speech', () => {
  it('loses nothing by text, is never certified by it, and its word errors are counted', async () => {
    const report = await accept(createPocketsphinxGrammarEngine);
    const capture = metricOf(report, 'capture-completeness');
    expect(capture).toMatchObject({ result: 'within-limits', value: 1 });
    expect(capture.sentence).toMatch(/\d+ of \d+ words of the control run were not heard/);
    expect(metricOf(report, 'missed-tail')).toMatchObject({ result: 'within-limits' });
    expect(metricOf(report, 'finalization-latency').result).not.toBe('not-measurable');
    expect(report.run.probe).toBe('speech');
    expect(report.target.build).toBe('sphinx-1');
    expect(report.wordErrors?.rate).toBeLessThan(0.1);
    expect(report.wordErrors?.normalizer).toBe('crossfade-en/1');
  });

  it('is seen to lose what it claims: words that the control run heard are heard as nothing', async () => {
    const report = await accept(() => deafForTwoSeconds(createPocketsphinxGrammarEngine()));
    const capture = metricOf(report, 'capture-completeness');
    expect(capture.value).toBeLessThan(0.97);
    expect(['certified', 'within-limits']).not.toContain(capture.result);
    expect(report.worst[0]?.lost[0]?.startMs).toBeGreaterThan(4_500);
    expect(report.worst[0]?.lost[0]?.endMs).toBeLessThan(7_500);
  });
});

describe('recordings of the user', () => {
  it('are played through once and scored by their text, open vocabulary included', async () => {
    const [first, second] = [0, 6].map((at) =>
      corpus.slice(at, at + 3).map((sentence) => synthesizer.synthesize(sentence, 'rms')),
    );
    for (const [name, parts, at] of [
      ['a', first, 0],
      ['b', second, 6],
    ] as const) {
      writeFileSync(join(folder, `${name}.wav`), wavOf(joinSpeech(parts ?? [], 700).samples, 16_000));
      writeFileSync(join(folder, `${name}.txt`), `${corpus.slice(at, at + 3).join('. ')}.`);
    }
    const report = await accept(createPocketsphinxEngine, { recordings: folder, lanes: 2 });
    expect(report.run).toMatchObject({ probe: 'recordings', sessions: 2 });
    expect(metricOf(report, 'capture-completeness')).toMatchObject({ result: 'not-measurable' });
    expect(report.wordErrors?.referenceWords).toBeGreaterThan(35);
    // The open model makes 3 % errors on this voice and this corpus; half of that many words would be a defect of ours.
    expect(report.wordErrors?.rate).toBeLessThan(0.3);
  });
});
