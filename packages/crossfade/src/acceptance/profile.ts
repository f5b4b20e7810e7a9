import { createHash } from 'node:crypto';
import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';
import { probeScript } from '../signal/probe-script.ts';
import type { SessionSpec } from './observation.ts';
import type { Target } from './target.ts';

/**
 * Moments of a SIGKILL. `crash-in-speech`: any moment of the talk. `crash-in-partial`: right after a partial was shown.
 * `crash-in-stop`: right after a client said stop. `crash-twice`: again while it recovers from the first.
 */
export const faultClasses = ['crash-in-speech', 'crash-in-partial', 'crash-in-stop', 'crash-twice'] as const;
export type FaultClass = (typeof faultClasses)[number];

/** Of everything the suite says, Hz: what every streaming protocol takes. */
export const suiteSampleRate = 16_000;

/** How much is asked. The sizes are fixed before the run. */
export interface Profile {
  readonly name: string;
  /** A run that has not finished by then is stopped and its report marked partial, ms. */
  readonly limitMs: number;
  /** Sessions at once. */
  readonly lanes: number;
  /** Steady talk: sessions of this length, ms. */
  readonly talks: number;
  readonly talkMs: number;
  /** Short turns: sessions whose stop falls on a word's end; of at most 5 s, which bounds their tail. */
  readonly turns: number;
  readonly turnMs: readonly [min: number, max: number];
  /** Faults of each class that the target's processes allow. */
  readonly trialsPerClass: number;
  /** Sessions that are open when a fault comes. */
  readonly sessionsPerTrial: number;
}

/** `smoke`: is it worth looking closer. Proves latency and tail of a healthy target in about 70 s. */
export const profiles = {
  smoke: {
    name: 'smoke',
    limitMs: 90_000,
    lanes: 24,
    talks: 12,
    talkMs: 12_000,
    turns: 170,
    turnMs: [1_500, 4_900],
    trialsPerClass: 1,
    sessionsPerTrial: 4,
  },
} as const satisfies Record<string, Profile>;
export type ProfileName = keyof typeof profiles;

/** One fault: which process dies, when, and who is speaking then. */
export interface TrialSpec {
  readonly id: string;
  readonly fault: FaultClass;
  /** Of the target's processes. */
  readonly process: string;
  /** From the start of the sessions, where the class leaves the moment to chance, ms. */
  readonly atMs: number;
  readonly sessions: readonly SessionSpec[];
}

/** Everything a run will do, made from its seed. */
export interface RunPlan {
  readonly talks: readonly SessionSpec[];
  readonly turns: readonly SessionSpec[];
  readonly trials: readonly TrialSpec[];
  /** SHA-256 of all that will be said and broken. */
  readonly corpusDigest: string;
  /** How long it will take, ms. */
  readonly expectedMs: number;
}

/** From the last word of a session to the next one in its lane. */
const turnoverMs = 700;
/** Restart, recovery and everything around one fault. */
const trialOverheadMs = 2_500;
const trialSpeechMs = 4_400;

export function planRun(profile: Profile, target: Pick<Target, 'processes'>, seed: number): RunPlan {
  const random = seededRandom(seed);
  const talks = range(profile.talks).map((i) =>
    sessionSpec(`steady-talk-${i + 1}`, 'steady-talk', random, profile.talkMs),
  );
  const [shortestMs, longestMs] = profile.turnMs;
  const turns = range(profile.turns).map((i) =>
    sessionSpec(
      `short-turn-${i + 1}`,
      'short-turn',
      random,
      shortestMs + below(random, longestMs - shortestMs),
    ),
  );
  const trials = range(profile.trialsPerClass).flatMap((round) =>
    faultsOf(target).map(({ fault, process }) => {
      const id = `${process}-${fault}-${round + 1}`;
      const sessions = range(profile.sessionsPerTrial).map((i) =>
        sessionSpec(`${id}.${i + 1}`, fault, random, trialSpeechMs - below(random, 600)),
      );
      return { id, fault, process, atMs: 800 + below(random, 2_000), sessions };
    }),
  );
  const speechMs =
    profile.talks * (profile.talkMs + turnoverMs) +
    profile.turns * ((shortestMs + longestMs) / 2 + turnoverMs);
  const expectedMs = speechMs / profile.lanes + trials.length * (trialSpeechMs + trialOverheadMs);
  return { talks, turns, trials, corpusDigest: digestOf(talks, turns, trials), expectedMs };
}

/** Faults that the target's processes allow: each process at each moment that means something for it. */
function faultsOf({ processes }: Pick<Target, 'processes'>): { fault: FaultClass; process: string }[] {
  return processes.flatMap(({ name, role }) =>
    // A pipeline behind a gateway is replayed to from the journal; the moments that hurt are the gateway's.
    (role === 'pipeline' && processes.length > 1
      ? (['crash-in-speech', 'crash-in-partial'] as const)
      : (['crash-in-speech', 'crash-in-partial', 'crash-in-stop', 'crash-twice'] as const)
    ).map((fault) => ({ fault, process: name })),
  );
}

function sessionSpec(id: string, scenario: string, random: Random, durationMs: number): SessionSpec {
  const script = probeScript({
    seed: below(random, 2 ** 31),
    sampleRate: suiteSampleRate,
    durationMs,
    speakToEnd: true,
    // The lead moves words, and with them the stop, to any phase of the frames.
    leadMs: 120 + below(random, 200),
  });
  return { id, scenario, script };
}

function digestOf(
  talks: readonly SessionSpec[],
  turns: readonly SessionSpec[],
  trials: readonly TrialSpec[],
): string {
  const hash = createHash('sha256');
  const add = ({ id, script }: SessionSpec): void => {
    hash.update(`${id} ${script.sampleRate} ${script.totalSamples}\n`);
    for (const { index, start } of script.words) hash.update(`${index}@${start}\n`);
  };
  for (const spec of [...talks, ...turns]) add(spec);
  for (const trial of trials) {
    hash.update(`${trial.id} ${trial.process} ${trial.fault} ${trial.atMs}\n`);
    for (const spec of trial.sessions) add(spec);
  }
  return hash.digest('hex');
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
