import { setMaxListeners } from 'node:events';
import { cpus, totalmem } from 'node:os';
import type { Clock } from '@crossfade/sdk/core/clock';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { ToneGrid } from '../signal/tone-grid.ts';
import { CaseLog } from './case-log.ts';
import type { Driver } from './driver.ts';
import { runTrial, type TrialOutcome } from './fault-trial.ts';
import { RunTotals } from './metric-results.ts';
import type { Observation, SessionSpec } from './observation.ts';
import { planRun, type Profile, type RunPlan, suiteSampleRate, type TrialSpec } from './profile.ts';
import { type AcceptanceReport, notBuilt, titleOf, withDigest } from './report.ts';
import { judge, type Requirement, type RunResult } from './requirement.ts';
import { scoreSession } from './score-session.ts';
import { speak } from './speak.ts';
import type { Target } from './target.ts';

export interface AcceptanceOptions {
  readonly target: Target;
  readonly driver: Driver;
  readonly profile: Profile;
  readonly seed: number;
  readonly requirement: Requirement;
  /** Version of the suite, for the report. */
  readonly suite: string;
  readonly clock: Clock;
  /** Runs this case alone: a session or a fault trial of the plan. */
  readonly caseId?: string;
  /** How a case is run again, for the report. */
  readonly replayOf?: (caseId: string) => string;
  /** Aborted: the run stops and answers what it has, marked partial. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly phase: 'first contact' | 'sessions' | 'faults';
  readonly done: number;
  readonly of: number;
}

/** A frame that leaves later than this makes latencies of the sender's, not the target's. */
const senderLateMsMax = 100;
/** After so many sessions in a row that were not taken, the rest would not be either. */
const refusedInARowMax = 10;

/**
 * Runs a plan against a target and answers the report. Rejects only for what the caller asked wrongly (USAGE); a
 * target that cannot be tested is a report with the result `could-not-run`.
 */
export async function runAcceptance(options: AcceptanceOptions): Promise<AcceptanceReport> {
  const plan = chosenPlan(planRun(options.profile, options.target, options.seed), options.caseId);
  return new AcceptanceRun(options, plan).run();
}

/** The whole plan, or the one case that was asked for. */
function chosenPlan(plan: RunPlan, caseId: string | undefined): RunPlan {
  if (caseId === undefined) return plan;
  const isIt = ({ id }: { readonly id: string }): boolean => id === caseId;
  const chosen = {
    ...plan,
    talks: plan.talks.filter(isIt),
    turns: plan.turns.filter(isIt),
    trials: plan.trials.filter(isIt),
  };
  if (chosen.talks.length + chosen.turns.length + chosen.trials.length > 0) return chosen;
  const examples = [...plan.talks.slice(0, 1), ...plan.turns.slice(0, 1), ...plan.trials].map(({ id }) => id);
  throw new CrossfadeError(
    'USAGE',
    `Expected --case to name a case of this profile and target (${examples.join(', ')} and the like), got "${caseId}".`,
  );
}

class AcceptanceRun {
  readonly #options: AcceptanceOptions;
  readonly #plan: RunPlan;
  readonly #totals = new RunTotals();
  readonly #log: CaseLog;
  readonly #trials: TrialOutcome[] = [];
  readonly #grid = new ToneGrid(suiteSampleRate);
  readonly #stopper = new AbortController();
  readonly #startedAtMs: number;
  #build: string | null = null;
  #refusedInARow = 0;
  /** Why the run ended before its plan; null: it did not. */
  #cutShort: string | null = null;

  constructor(options: AcceptanceOptions, plan: RunPlan) {
    this.#options = options;
    this.#plan = plan;
    this.#startedAtMs = options.clock.monotonicMs();
    // Each open session listens; the profile bounds how many.
    setMaxListeners(0, this.#stopper.signal);
    this.#log = new CaseLog(options.replayOf ?? ((id) => `--case ${id} --seed ${options.seed}`));
  }

  async run(): Promise<AcceptanceReport> {
    const { clock, profile, signal } = this.#options;
    const startedAt = new Date(clock.nowMs()).toISOString();
    const onAbort = (): void => this.#stop('it was stopped');
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    const cancel = clock.after(profile.limitMs, () =>
      this.#stop(`its ${profile.limitMs / 1_000} s were over`),
    );
    let unreachable: string | null = null;
    try {
      unreachable = await this.#firstContact();
      if (unreachable === null) await this.#runPlan();
    } catch (error) {
      // The abort itself is told already; what else was thrown is a target that did not come back.
      if (!this.#stopper.signal.aborted) this.#cutShort ??= messageOf(error);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#report(startedAt, unreachable);
  }

  #stop(why: string): void {
    this.#cutShort ??= why;
    this.#stopper.abort();
  }

  /** One short session before everything else: answers why nothing can be tested there, or null. */
  async #firstContact(): Promise<string | null> {
    const { profile, seed, target } = this.#options;
    this.#tell('first contact', 0, 1);
    const [spec] = planRun({ ...profile, talks: 0, turns: 1, trialsPerClass: 0 }, target, seed + 1).turns;
    const observation = await this.#speak(spec as SessionSpec);
    this.#build = observation.accepted?.build ?? null;
    if (observation.problem === null) return null;
    const hasSpoken = observation.texts.length > 0;
    return hasSpoken && observation.problem.kind === 'died' ? null : observation.problem.reason;
  }

  async #runPlan(): Promise<void> {
    const { talks, turns, trials } = this.#plan;
    await this.#speakAll([...talks, ...turns]);
    for (const [i, trial] of trials.entries()) {
      this.#stopper.signal.throwIfAborted();
      this.#tell('faults', i, trials.length);
      await this.#runTrial(trial);
    }
    if (trials.length > 0) this.#tell('faults', trials.length, trials.length);
  }

  /** Sessions in lanes: each lane speaks one after the other, and starts at a phase of its own. */
  async #speakAll(specs: readonly SessionSpec[]): Promise<void> {
    const waiting = [...specs];
    let done = 0;
    const lane = async (place: number): Promise<void> => {
      // Lanes that start together would stop together, and the target would see a load that no users make.
      await this.#wait((place * 997) % 1_000);
      for (let spec = waiting.shift(); spec !== undefined; spec = waiting.shift()) {
        this.#stopper.signal.throwIfAborted();
        this.#score(await this.#speak(spec));
        done += 1;
        this.#tell('sessions', done, specs.length);
      }
    };
    const lanes = Math.min(this.#options.profile.lanes, specs.length);
    await Promise.all(Array.from({ length: lanes }, (_, place) => lane(place)));
  }

  async #runTrial(spec: TrialSpec): Promise<void> {
    const { target, driver, clock } = this.#options;
    const process = target.processes.find(({ name }) => name === spec.process);
    if (process === undefined) return;
    const signal = this.#stopper.signal;
    const outcome = await runTrial({ spec, process, driver, clock, grid: this.#grid, signal });
    this.#trials.push(outcome);
    this.#totals.addTrial(spec.id, suiteSampleRate, outcome);
    this.#log.addTrial(outcome);
    if (outcome.isGone) this.#stop(outcome.failure);
  }

  #speak(spec: SessionSpec): Promise<Observation> {
    const { driver, clock } = this.#options;
    return speak({ spec, driver, clock, grid: this.#grid, signal: this.#stopper.signal }).over;
  }

  #score(observation: Observation): void {
    // A session that we cut ourselves says nothing of the target.
    if (this.#stopper.signal.aborted) return;
    const score = scoreSession(observation);
    const failure = observation.problem?.reason ?? '';
    this.#totals.addSession(observation.spec.id, suiteSampleRate, score, failure);
    this.#log.addSession(observation, score);
    this.#refusedInARow = observation.accepted === null ? this.#refusedInARow + 1 : 0;
    if (this.#refusedInARow >= refusedInARowMax) {
      this.#stop(`${refusedInARowMax} sessions in a row were not taken: ${failure}`);
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(delayMs, resolve));
  }

  #tell(phase: Progress['phase'], done: number, of: number): void {
    this.#options.onProgress?.({ phase, done, of });
  }

  #report(startedAt: string, unreachable: string | null): AcceptanceReport {
    const { target, driver, profile, seed, suite, clock, caseId, requirement } = this.#options;
    const totals = this.#totals;
    const whyNoFaults =
      unreachable !== null
        ? 'the run ended at its first contact'
        : target.processes.length === 0
          ? 'the target belongs to somebody else and cannot be killed; --spawn or --pipeline starts one that can'
          : 'no fault was made in this run';
    const results = totals.results(whyNoFaults);
    const { result: judged, short } = judge(results, requirement);
    const isNothing = unreachable !== null || totals.sessions + totals.trials === 0;
    const result: RunResult = isNothing ? 'could-not-run' : judged;
    const late = this.#log.senderLateMs;
    return withDigest({
      schema: 'crossfade.acceptance/1',
      result,
      sentence: sentenceOf(result, results, short, unreachable ?? this.#cutShort),
      partial: isNothing || this.#cutShort !== null,
      system: target.system,
      target: { name: target.name, protocol: driver.protocol, build: this.#build },
      run: {
        suite,
        profile: profile.name,
        probe: 'tone',
        case: caseId ?? null,
        seed,
        corpusDigest: this.#plan.corpusDigest,
        startedAt,
        tookMs: Math.round(clock.monotonicMs() - this.#startedAtMs),
        machine: {
          platform: `${process.platform} ${process.arch}`,
          node: process.version,
          cpus: cpus().length,
          memoryBytes: totalmem(),
        },
        sessions: totals.sessions,
        failedSessions: totals.failedSessions,
        audioMs: Math.round(totals.offeredMs),
        trials: totals.trials,
        senderLateMs: late,
        senderWasLate: late.p99 > senderLateMsMax,
      },
      metrics: results.map((metric) => ({
        ...metric,
        title: titleOf(metric.id),
        required: requirement.levels[metric.id] ?? requirement.level,
        reached: !short.includes(metric.id),
        waiver: requirement.waivers.find((waiver) => waiver.metric === metric.id)?.reason ?? null,
      })),
      trials: this.#trials.map(({ spec, recovered, lossMs, failure }) => ({
        id: spec.id,
        fault: spec.fault,
        process: spec.process,
        recovered,
        lossMs: Math.round(lossMs * 10) / 10,
        failure,
      })),
      plots: { ...this.#log.plots, latencies: totals.latencies.map(([value, count]) => [value, count]) },
      worst: this.#log.worst,
      notBuilt: [...notBuilt],
    });
  }
}

function sentenceOf(
  result: RunResult,
  metrics: readonly { readonly id: string; readonly result: string }[],
  short: readonly string[],
  cutShort: string | null,
): string {
  const failed = metrics.filter((metric) => metric.result === 'failed').map(({ id }) => id);
  const end = cutShort === null ? '' : ` The run ended early: ${cutShort.replace(/[.]$/, '')}.`;
  if (result === 'could-not-run')
    return `Nothing could be tested: ${(cutShort ?? 'no session ran').replace(/[.]$/, '')}.`;
  if (result === 'failed') return `Failed: ${failed.join(', ')}.${end}`;
  if (result === 'evidence-missing')
    return `Nothing failed, but evidence is missing: ${short.join(', ')}.${end}`;
  return `Passed: every metric reaches what is required.${end}`;
}
