import { samplesToMs } from '@crossfade/sdk/core/units';
import type { BadCase, SessionCase, TrialCase } from './case-result.ts';
import type { TrialOutcome, TrialSession } from './fault-trial.ts';
import type { Observation } from './observation.ts';
import type { SessionScore } from './score-session.ts';

/** Texts of one timeline; a session of a minute has fewer. */
const timelineTextsMax = 120;
const textCharactersMax = 300;
/** A final slower than this is worth a look. */
const slowMs = 1_500;

export function sessionCaseOf(
  observation: Observation,
  score: SessionScore,
  inside: Pick<SessionCase, 'inside' | 'servers'>,
): SessionCase {
  const { spec, problem, accepted } = observation;
  const { counts, declared, capture } = score;
  const ms = (samples: number): number => round(samplesToMs(samples, spec.speech.sampleRate));
  const late = new Map<number, number>();
  for (const each of observation.lateMs) late.set(Math.ceil(each), (late.get(Math.ceil(each)) ?? 0) + 1);
  const isWanted = problem !== null && spec.stop === 'hang-up';
  const failure = problem === null || isWanted ? '' : problem.reason;
  const slowestMs = Math.max(0, ...counts.finalLatenciesMs, counts.stopLatencyMs ?? 0);
  const tailMs = counts.missedTailMs ?? 0;
  const faults: readonly Reason[] = [
    [failure === '' ? 0 : 1e6, failure],
    [ms(capture.lostSamples), `${ms(capture.lostSamples)} ms of audio lost`],
    [counts.orphans * 2_000, plural(counts.orphans, 'orphan')],
    [
      counts.duplicateEntries * 2_000,
      plural(counts.duplicateEntries, 'duplicate entry', 'duplicate entries'),
    ],
    [slowestMs > slowMs ? slowestMs : 0, `slowest final after ${Math.round(slowestMs)} ms`],
    [tailMs > 100 ? tailMs : 0, `a tail of ${round(tailMs)} ms missed`],
  ];
  return {
    kind: 'session',
    id: spec.id,
    scenario: spec.scenario,
    sampleRate: spec.speech.sampleRate,
    isTimed: spec.pace === 1 && spec.dropAtShare === null,
    counts,
    declared: { samplesCovered: declared.samplesCovered, missedTailMs: declared.missedTailMs },
    ...inside,
    heardWords: capture.heardWords,
    wordErrors: score.wordErrors,
    wasTaken: accepted !== null,
    failure,
    lateMs: [...late],
    lostMs: capture.lostRanges.map(({ start, end }) => [ms(start), ms(end)]),
    bad: badOf(observation, spec.id, capture.lostRanges, faults, null),
  };
}

export function trialCaseOf(outcome: TrialOutcome): TrialCase {
  const { spec, failure, recovered, isGone, sessions } = outcome;
  const worst = sessions.find((session) => session.failure !== '') ?? sessions[0];
  const { inside } = outcome;
  // What a power cut would take is held to the same limit as what a kill takes.
  const lossMs = spec.isCrash ? Math.max(outcome.lossMs, inside?.killMs ?? 0, inside?.powerCutMs ?? 0) : null;
  const faults: readonly Reason[] = [
    [failure === '' ? 0 : 1e5, failure],
    [(lossMs ?? 0) > 1_000 ? (lossMs ?? 0) : 0, `${round(lossMs ?? 0)} ms of audio lost in the crash`],
  ];
  return {
    kind: 'trial',
    id: spec.id,
    scenario: spec.scenario,
    fault: spec.fault.kind === 'kill' ? spec.scenario : spec.fault.kind,
    process: spec.process ?? ('place' in spec.fault ? spec.fault.place : 'all'),
    isCrash: spec.isCrash,
    recovered,
    isGone,
    lossMs,
    outsideLossMs: outcome.lossMs,
    inside,
    failure,
    bad:
      worst === undefined ? null : badOf(worst.observation, spec.id, lostOf(worst), faults, worst.faultAtMs),
  };
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

type Reason = readonly [badness: number, why: string];

function badOf(
  { spec, texts, stoppedAtMs, endedAtMs }: Observation,
  id: string,
  lost: readonly { readonly start: number; readonly end: number }[],
  faults: readonly Reason[],
  faultAtMs: number | null,
): BadCase | null {
  const found = faults.filter(([badness]) => badness > 0);
  if (found.length === 0) return null;
  const ms = (samples: number): number => round(samplesToMs(samples, spec.speech.sampleRate));
  return {
    badness: found.reduce((sum, [badness]) => sum + badness, 0),
    worst: {
      id,
      scenario: spec.scenario,
      why: found.map(([, why]) => why).join('; '),
      audioMs: ms(spec.speech.totalSamples),
      stoppedAtMs: stoppedAtMs === null ? null : round(stoppedAtMs),
      endedAtMs: round(endedAtMs),
      faultAtMs: faultAtMs === null ? null : round(faultAtMs),
      lost: lost.map(({ start, end }) => ({ startMs: ms(start), endMs: ms(end) })),
      texts: texts.slice(-timelineTextsMax).map(({ atMs, isFinal, start, end, text }) => ({
        atMs: round(atMs),
        final: isFinal,
        startMs: ms(start),
        endMs: ms(end),
        text: text.slice(0, textCharactersMax),
      })),
    },
  };
}

function lostOf({ observation, lossMs }: TrialSession): { start: number; end: number }[] {
  if (lossMs <= 0) return [];
  const end = observation.sentSamples;
  return [{ start: Math.max(0, end - (lossMs * observation.spec.speech.sampleRate) / 1_000), end }];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
