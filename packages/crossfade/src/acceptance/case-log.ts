import { samplesToMs } from '@crossfade/sdk/core/units';
import { Histogram } from '../analysis/histogram.ts';
import type { TrialOutcome, TrialSession } from './fault-trial.ts';
import { shortSessionMs } from './metric-results.ts';
import type { Observation } from './observation.ts';
import type { AcceptanceReport, WorstCase } from './report.ts';
import type { SessionScore } from './score-session.ts';

/** Cases that are shown with their timeline. */
const worstMax = 8;
/** Texts of one timeline; a session of a minute has fewer. */
const timelineTextsMax = 120;
const textCharactersMax = 300;
/** Points of the tail plot and rows of the capture map: enough to see, small enough to mail. */
const tailsMax = 4_000;
const capturesMax = 40;

type Badness = { readonly badness: number; readonly worst: WorstCase };

/** Keeps what the report draws, bounded whatever the length of the run. */
export class CaseLog {
  readonly #replayOf: (caseId: string) => string;
  #worst: readonly Badness[] = [];
  readonly #tails: number[] = [];
  readonly #stops = new Map<number, number>();
  #captures: AcceptanceReport['plots']['captures'] = [];
  /** How late each frame left, ms. */
  readonly #late = new Histogram();

  constructor(replayOf: (caseId: string) => string) {
    this.#replayOf = replayOf;
  }

  get worst(): WorstCase[] {
    return this.#worst.map(({ worst }) => worst);
  }

  /** How late the sender was, over all frames. */
  get senderLateMs(): { readonly p99: number; readonly max: number } {
    return { p99: this.#late.quantile(0.99) ?? 0, max: this.#late.max ?? 0 };
  }

  get plots(): Omit<AcceptanceReport['plots'], 'latencies'> {
    return {
      stopLatencies: [...this.#stops].sort(([a], [b]) => a - b),
      tails: this.#tails,
      captures: this.#captures,
    };
  }

  addSession(observation: Observation, { counts, capture }: SessionScore): void {
    const { spec, problem, lateMs } = observation;
    const ms = (samples: number): number => round(samplesToMs(samples, spec.script.sampleRate));
    for (const each of lateMs) this.#late.add(Math.ceil(each));
    const isShort = ms(counts.samplesOffered) <= shortSessionMs;
    if (isShort && counts.missedTailMs !== null && this.#tails.length < tailsMax)
      this.#tails.push(round(counts.missedTailMs));
    if (counts.stopLatencyMs !== null)
      this.#stops.set(counts.stopLatencyMs, (this.#stops.get(counts.stopLatencyMs) ?? 0) + 1);
    const lost = capture.lostRanges.map(({ start, end }): [number, number] => [ms(start), ms(end)]);
    if (lost.length > 0) {
      const lostMs = (row: { lost: [number, number][] }): number =>
        row.lost.reduce((sum, [start, end]) => sum + end - start, 0);
      const rows = [...this.#captures, { id: spec.id, audioMs: ms(counts.samplesOffered), lost }];
      this.#captures = rows.sort((a, b) => lostMs(b) - lostMs(a)).slice(0, capturesMax);
    }
    const slowestMs = Math.max(0, ...counts.finalLatenciesMs, counts.stopLatencyMs ?? 0);
    const faults: readonly (readonly [number, string])[] = [
      [problem === null ? 0 : 1e6, problem?.reason ?? ''],
      [ms(capture.lostSamples), `${ms(capture.lostSamples)} ms of audio lost`],
      [counts.orphans * 2_000, `${counts.orphans} orphans`],
      [counts.duplicateEntries * 2_000, `${counts.duplicateEntries} duplicate entries`],
      [slowestMs > 1_500 ? slowestMs : 0, `slowest final after ${Math.round(slowestMs)} ms`],
    ];
    this.#consider(observation, capture.lostRanges, faults, null);
  }

  addTrial(outcome: TrialOutcome): void {
    const { spec, failure, sessions } = outcome;
    const worst = sessions.find((session) => session.failure !== '') ?? sessions[0];
    if (worst === undefined) return;
    const loss: readonly [number, string] = [
      outcome.lossMs > 1_000 ? outcome.lossMs : 0,
      `${round(outcome.lossMs)} ms of audio lost in the crash`,
    ];
    this.#consider(worst.observation, lostOf(worst), [[failure === '' ? 0 : 1e5, failure], loss], spec.id);
  }

  #consider(
    { spec, texts, stoppedAtMs, endedAtMs }: Observation,
    lost: readonly { readonly start: number; readonly end: number }[],
    faults: readonly (readonly [badness: number, why: string])[],
    trialId: string | null,
  ): void {
    const found = faults.filter(([badness]) => badness > 0);
    if (found.length === 0) return;
    const ms = (samples: number): number => round(samplesToMs(samples, spec.script.sampleRate));
    const id = trialId ?? spec.id;
    const worst: WorstCase = {
      id,
      scenario: spec.scenario,
      why: found.map(([, why]) => why).join('; '),
      replay: this.#replayOf(id),
      audioMs: ms(spec.script.totalSamples),
      stoppedAtMs: stoppedAtMs === null ? null : round(stoppedAtMs),
      endedAtMs: round(endedAtMs),
      faultAtMs: trialId === null ? null : round(endedAtMs),
      lost: lost.map(({ start, end }) => ({ startMs: ms(start), endMs: ms(end) })),
      texts: texts.slice(-timelineTextsMax).map(({ atMs, isFinal, start, end, text }) => ({
        atMs: round(atMs),
        final: isFinal,
        startMs: ms(start),
        endMs: ms(end),
        text: text.slice(0, textCharactersMax),
      })),
    };
    const badness = found.reduce((sum, [each]) => sum + each, 0);
    this.#worst = [...this.#worst, { badness, worst }]
      .sort((a, b) => b.badness - a.badness)
      .slice(0, worstMax);
  }
}

function lostOf({ observation, lossMs }: TrialSession): { start: number; end: number }[] {
  if (lossMs <= 0) return [];
  const end = observation.sentSamples;
  return [{ start: Math.max(0, end - (lossMs * observation.spec.script.sampleRate) / 1_000), end }];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
