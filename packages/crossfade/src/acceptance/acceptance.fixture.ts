import { systemClock } from '@crossfade/sdk/core/clock';
import { ToneDecoder } from '../signal/tone-decoder.ts';
import { ToneGrid } from '../signal/tone-grid.ts';
import { wordText } from '../signal/word-text.ts';
import { DeepgramDriver } from './deepgram-driver.ts';
import type { FixtureWord } from './listen-server.fixture.ts';
import { profiles, type Profile } from './profile.ts';
import type { AcceptanceReport } from './report.ts';
import type { Requirement } from './requirement.ts';
import { type AcceptanceOptions, runAcceptance } from './run-acceptance.ts';
import { remoteTarget } from './target.ts';

/** A handful of short sessions: a few seconds. */
export const tinyProfile: Profile = {
  ...profiles.smoke,
  name: 'tiny',
  limitMs: 20_000,
  lanes: 8,
  talks: 2,
  talkMs: 1_800,
  turns: 6,
  turnMs: [1_000, 1_600],
  trialsPerClass: 0,
};

export const lenient: Requirement = {
  level: 'within-limits',
  levels: {},
  waivers: [
    { metric: 'recovery-success', reason: 'nobody may kill it' },
    { metric: 'durability-loss', reason: 'nobody may kill it' },
  ],
};

export function acceptRemote(
  url: string,
  options: Partial<AcceptanceOptions> = {},
): Promise<AcceptanceReport> {
  return runAcceptance({
    target: remoteTarget(url),
    driver: new DeepgramDriver({ url }),
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
