import type { Clock } from '@crossfade/sdk/core/clock';
import { messageOf } from '@crossfade/sdk/core/errors';
import { samplesToMs } from '@crossfade/sdk/core/units';
import type { Driver, StoredSession } from './driver.ts';
import { inject, wait } from './fault-injection.ts';
import type { Observation } from './observation.ts';
import { arrivalMs, staggerMs, type TrialSpec } from './plan.ts';
import { scoreSession } from './score-session.ts';
import { type LiveSpeech, speak } from './speak.ts';
import { CrashScene, type InsideLosses } from './crash-scene.ts';
import type { Target, TargetProcess } from './target.ts';
import { emptyView, settle, show, stalePartialMs } from './transcript-view.ts';

/** What became of one session of a trial. */
export interface TrialSession {
  readonly observation: Observation;
  /** Audio captured before the fault that nobody can read after it, ms. */
  readonly lossMs: number;
  /** Empty: recovered. */
  readonly failure: string;
  /** When the fault came, ms from the session's origin. */
  readonly faultAtMs: number;
}

export interface TrialOutcome {
  readonly spec: TrialSpec;
  readonly recovered: boolean;
  /** The target did not come back: nothing more can be tested on it. */
  readonly isGone: boolean;
  /** Of the worst session, ms. */
  readonly lossMs: number;
  /** The same as the journal's files show it; null: nobody looked into them. */
  readonly inside: InsideLosses | null;
  /** One sentence on the worst session; empty when all recovered. */
  readonly failure: string;
  readonly sessions: readonly TrialSession[];
}

/** DOMAIN: whole again within this after the fault, or not recovered. */
export const recoveryLimitMs = 30_000;
/** How often a stored session is asked for while it is being finished. */
const pollMs = 250;
/** The process is back when it is asked: a session that it does not know by then is gone. */
const unknownLimitMs = 2_000;

export interface TrialOptions {
  readonly spec: TrialSpec;
  readonly target: Target;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Speaks, breaks, waits until it is whole, and reads what is left. Rejects when it is aborted. */
export async function runTrial(options: TrialOptions): Promise<TrialOutcome> {
  const { spec, clock } = options;
  const speeches: LiveSpeech[] = [];
  const begunAtMs: number[] = [];
  const apartMs = Math.min(staggerMs, arrivalMs / spec.sessions.length);
  for (const session of spec.sessions) {
    begunAtMs.push(clock.monotonicMs());
    speeches.push(speak({ ...options, spec: session }));
    await wait(clock, apartMs);
  }
  await momentOf(spec, speeches, clock);
  options.signal?.throwIfAborted();
  const scene = new CrashScene(options.target, speeches);
  const brokenAtMs = clock.monotonicMs();
  const beforeKill = (process: TargetProcess): Promise<void> => scene.lookBefore(process);
  const gone = await inject({ ...options, speeches, beforeKill }).then(() => '', messageOf);
  const sessions = await Promise.all(
    speeches.map(async (speech, i) => ({
      ...(await outcomeOf(options, speech, scene.produced[i]!, brokenAtMs)),
      faultAtMs: brokenAtMs - begunAtMs[i]!,
    })),
  );
  options.signal?.throwIfAborted();
  const failure = gone === '' ? (sessions.find((session) => session.failure !== '')?.failure ?? '') : gone;
  return {
    spec,
    recovered: failure === '',
    isGone: gone !== '',
    lossMs: Math.max(...sessions.map(({ lossMs }) => lossMs)),
    inside: scene.losses(sessions),
    failure,
    sessions,
  };
}

/** Waits for the moment of the fault. */
async function momentOf(spec: TrialSpec, speeches: readonly LiveSpeech[], clock: Clock): Promise<void> {
  const first = speeches[0];
  if (spec.moment === 'stop') await first?.stopped;
  else {
    await wait(clock, spec.atMs);
    // The one that came last speaks longest: the first may be over by now.
    if (spec.moment === 'partial') await speeches.at(-1)?.nextPartial();
  }
}

type Outcome = Omit<TrialSession, 'faultAtMs'>;

async function outcomeOf(
  options: TrialOptions,
  speech: LiveSpeech,
  produced: number,
  brokenAtMs: number,
): Promise<Outcome> {
  const observation = await speech.over;
  if (observation.problem === null) return survived(options, observation, brokenAtMs);
  const stored = await finished(options, speech.sessionId, brokenAtMs);
  return broken(observation, stored, produced);
}

/** The session went on through the fault: its client must have everything, once. */
function survived({ clock, spec }: TrialOptions, observation: Observation, brokenAtMs: number): Outcome {
  const { counts, capture } = scoreSession(observation);
  const { sampleRate } = observation.spec.speech;
  const tookMs = clock.monotonicMs() - brokenAtMs;
  const lossMs = samplesToMs(capture.lostSamples, sampleRate);
  const limitMs = recoveryLimitMs + spec.lastsMs + samplesToMs(observation.sentSamples, sampleRate);
  const failure =
    tookMs > limitMs
      ? `took ${Math.round(tookMs)} ms`
      : firstOf([
          [counts.orphans, 'orphans'],
          [counts.duplicateEntries, 'duplicate entries'],
          [capture.missingWords.length, 'words missing'],
          [capture.repeatedWords, 'words twice'],
        ]);
  return { observation, lossMs, failure };
}

/** The connection broke: what the target kept of the session is what the person has. */
function broken(observation: Observation, stored: StoredSession | null, produced: number): Outcome {
  const { speech } = observation.spec;
  const finals = observation.texts.filter(({ isFinal }) => isFinal);
  const readable = stored?.samplesReadable ?? Math.max(0, ...finals.map(({ end }) => end));
  const lossMs = samplesToMs(Math.max(0, produced - readable), speech.sampleRate);
  if (stored === null) {
    const failure = 'the connection broke and the target kept no session to go on with or to read';
    return { observation, lossMs, failure };
  }
  if (!stored.isEnded) return { observation, lossMs, failure: 'the stored session was not finished in time' };
  const capture = speech.capture(stored.entries, stored.samplesReadable);
  // A word that the crash cut in two cannot be read whole.
  const missing = capture.missingWords.filter(({ end }) => end <= stored.samplesReadable).length;
  const view = stored.entries.reduce((shown, entry) => show(shown, entry, 0), emptyView);
  const duplicates = settle(view, stalePartialMs).duplicates;
  const failure = firstOf([
    [missing, 'durable words missing in the stored transcript'],
    [duplicates, 'duplicate entries in the stored transcript'],
    [capture.repeatedWords, 'words twice in the stored transcript'],
  ]);
  return { observation, lossMs, failure };
}

/** Asks until the session is finished or its time is over. Null: the target keeps no sessions. */
async function finished(
  { driver, clock, signal }: TrialOptions,
  sessionId: string | null,
  brokenAtMs: number,
): Promise<StoredSession | null> {
  if (sessionId === null) return null;
  const askedAtMs = clock.monotonicMs();
  for (;;) {
    const stored = await driver.readStored(sessionId);
    const isLate = clock.monotonicMs() - brokenAtMs > recoveryLimitMs;
    if (stored?.isEnded === true || isLate || signal?.aborted === true) return stored;
    if (stored === null && clock.monotonicMs() - askedAtMs > unknownLimitMs) return null;
    await wait(clock, pollMs);
  }
}

function firstOf(counts: readonly (readonly [count: number, what: string])[]): string {
  const found = counts.find(([count]) => count > 0);
  return found === undefined ? '' : `${found[0]} ${found[1]}`;
}
