import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';
import type { EngineName } from '../../engines/engine.ts';

/** Who speaks. Users come back: each lane has its own few, so that nobody speaks twice at once. */
export interface DemoUser {
  readonly targetingKey: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One session before it happens. The same seed plans the same sessions. */
export interface PlannedSession {
  readonly lane: number;
  /** Silence of the lane before it starts, ms. */
  readonly pauseMs: number;
  readonly user: DemoUser;
  readonly engine: EngineName;
  readonly content: PlannedContent;
}

export type PlannedContent =
  | { readonly kind: 'speech'; readonly sentences: readonly number[]; readonly voice: 'rms' | 'slt' }
  | { readonly kind: 'tone'; readonly seed: number; readonly durationMs: number };

export interface TrafficPlan {
  readonly seed: number;
  /** Sessions at once: each lane is one speaker's seat that is taken again a moment after it was left. */
  readonly lanes: number;
  readonly engines: 'tone' | 'speech';
  /** Sentences there are to choose from. */
  readonly sentenceCount: number;
}

/** A machine with two cores carries this many open-model recognizers in real time, and no more. */
const openModelLanes = 2;
/** A smaller crowd has one of them. */
const smallCrowd = 12;
/** One lane in this many speaks probe words, whose truth is known to the sample. */
const probeEvery = 3;
const usersPerLane = 6;
/** One user in this many belongs to the company: enough for evidence within seconds. */
const internalEvery = 5;
/** Lengths of sessions, ms; a sentence takes about 2.5 s. */
const toneLengthMs = { min: 3_000, max: 6_000 } as const;
const sentencesPerSession = { min: 1, max: 2 } as const;
const meanSessionMs = 4_500;
const pauseMaxMs = 400;

const countries = ['de', 'fr', 'us', 'jp', 'br'] as const;

/** Sessions at once when nobody says: what two cores carry in real time beside everything else. */
export const defaultLanes = { tone: 40, speech: 24 } as const;

/** The engine that serves a lane's sessions: two on the open model, one in three probes, the rest on the grammar. */
export function laneEngine({ engines, lanes }: TrafficPlan, lane: number): EngineName {
  if (engines === 'tone') return 'tone';
  if (lane < (lanes < smallCrowd ? 1 : openModelLanes)) return 'pocketsphinx';
  return lane % probeEvery === 0 ? 'tone' : 'pocketsphinx-grammar';
}

/** The sessions of one lane, without end. Lanes begin one after another, so that arrivals are steady from the start. */
export function* laneSessions(plan: TrafficPlan, lane: number): Generator<PlannedSession, never> {
  // Apart from every other lane's and seed's stream of numbers.
  const random = seededRandom(plan.seed * 1_009 + lane * 7_919);
  const engine = laneEngine(plan, lane);
  for (let first = true; ; first = false) {
    const pauseMs = first ? (lane * meanSessionMs) / plan.lanes : below(random, pauseMaxMs);
    const user = demoUser(lane * usersPerLane + below(random, usersPerLane));
    yield { lane, pauseMs, user, engine, content: contentOf(plan, engine, random) };
  }
}

/** One of the demo's users, by number. */
export function demoUser(number: number): DemoUser {
  const email = `user-${number}@${number % internalEvery === 0 ? 'crossfade.example' : 'customer.example'}`;
  const country = countries[number % countries.length] as string;
  return { targetingKey: `user-${number}`, attributes: { email, country } };
}

function contentOf(plan: TrafficPlan, engine: EngineName, random: Random): PlannedContent {
  if (engine === 'tone') {
    const durationMs = toneLengthMs.min + below(random, toneLengthMs.max - toneLengthMs.min);
    return { kind: 'tone', seed: below(random, 2 ** 31), durationMs };
  }
  const count =
    sentencesPerSession.min + below(random, sentencesPerSession.max - sentencesPerSession.min + 1);
  const sentences = Array.from({ length: count }, () => below(random, plan.sentenceCount));
  return { kind: 'speech', sentences, voice: below(random, 2) === 0 ? 'rms' : 'slt' };
}
