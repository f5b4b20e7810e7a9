import { systemClock } from '@crossfade/sdk/core/clock';
import { ToneDecoder } from '../signal/tone-decoder.ts';
import { ToneGrid } from '../signal/tone-grid.ts';
import { wordText } from '../signal/word-text.ts';
import { DeepgramDriver } from './deepgram-driver.ts';
import type { Drivers } from './driver.ts';
import type { FixtureWord } from './listen-server.fixture.ts';
import type { Profile } from './profile.ts';
import { ownScenarios } from './scenario-files.ts';
import { parseScenario } from './scenario.ts';
import { ToneProbe } from './tone-probe.ts';
import type { AcceptanceReport } from './report.ts';
import type { Requirement } from './requirement.ts';
import type { AcceptanceOptions } from './acceptance-options.ts';
import { runAcceptance } from './run-acceptance.ts';
import { remoteTarget } from './target.ts';

const tiny = (name: string, durationMs: readonly [number, number]) =>
  parseScenario(
    JSON.stringify({ schema: 'crossfade.scenario/1', name, about: 'Of a test.', speech: { durationMs } }),
    name,
  );

/** The suite's scenarios and two shorter ones. */
export const testScenarios = [
  ...(await ownScenarios()),
  tiny('tiny-talk', [1_800, 1_800]),
  tiny('tiny-turn', [1_000, 1_600]),
];

/** A handful of short sessions: a few seconds. */
export const tinyProfile: Profile = {
  name: 'tiny',
  limitMs: 20_000,
  lanes: 8,
  replicas: 1,
  counts: { 'tiny-talk': 2, 'tiny-turn': 6 },
};

export const lenient: Requirement = {
  level: 'within-limits',
  levels: {},
  waivers: [
    { metric: 'recovery-success', reason: 'nobody may kill it' },
    { metric: 'durability-loss', reason: 'nobody may kill it' },
  ],
};

/** Stock clients alone. */
export const stockDrivers: Drivers = { stock: (url) => new DeepgramDriver({ url }) };

export function acceptRemote(
  url: string,
  options: Partial<AcceptanceOptions> = {},
): Promise<AcceptanceReport> {
  return runAcceptance({
    target: remoteTarget(url),
    drivers: stockDrivers,
    probe: new ToneProbe(),
    scenarios: testScenarios,
    profile: tinyProfile,
    seed: 5,
    requirement: lenient,
    suite: '0.0.0-test',
    clock: systemClock,
    ...options,
  });
}

/** The words in probe audio, with their times in seconds; what a recognizer of tones would say. */
export function hearTones(audio: Int16Array): readonly FixtureWord[] {
  const words: FixtureWord[] = [];
  const decoder = new ToneDecoder(new ToneGrid(16_000), {
    onWord: ({ index, start, end }) =>
      words.push({ word: wordText(index), start: start / 16_000, end: end / 16_000 }),
    onBlock: () => undefined,
  });
  decoder.push(audio);
  decoder.flush();
  return words;
}

export function metricOf(report: AcceptanceReport, id: string): AcceptanceReport['metrics'][number] {
  const metric = report.metrics.find((each) => each.id === id);
  if (metric === undefined) throw new Error(`Expected the metric ${id}.`);
  return metric;
}
