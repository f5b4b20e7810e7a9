import { setMaxListeners } from 'node:events';
import { CrossfadeError, messageOf } from '@crossfade/sdk/core/errors';
import { CaseLog } from './case-log.ts';
import type { AcceptanceOptions, Progress } from './acceptance-options.ts';
import type { CaseResult, SessionCase, TrialCase } from './case-result.ts';
import { type CaseStore, forgetful } from './case-store.ts';
import type { Driver } from './driver.ts';
import { wait } from './fault-injection.ts';
import { runTrial } from './fault-trial.ts';
import { inLanes } from './lanes.ts';
import { sessionCaseOf, trialCaseOf } from './make-case.ts';
import { RunTotals } from './metric-results.ts';
import type { Observation, SessionSpec } from './observation.ts';
import { type Batch, onlyCase, planRun, type RunPlan, sessionOf, type TrialSpec } from './plan.ts';
import type { ProbeSpeech } from './probe.ts';
import { type Rendered, RenderedSample } from './rendered-sample.ts';
import { reportOf } from './report-of.ts';
import type { AcceptanceReport } from './report.ts';
import { parseScenario } from './scenario.ts';
import { scoreSession } from './score-session.ts';
import { speak } from './speak.ts';
import type { Target } from './target.ts';

/** After so many sessions in a row that were not taken, the rest would not be either. */
const refusedInARowMax = 10;

const deafRemedy =
  'Check that the target recognizes English speech: its model (--model) and language (--query)';

/** What is said first, to see who is there. */
const firstContact = parseScenario(
  JSON.stringify({
    schema: 'crossfade.scenario/1',
    name: 'first-contact',
    about: 'One short session before everything else.',
    speech: { durationMs: [1_500, 2_500] },
  }),
  'the first contact',
);

/** The plan of a run with these options, for whoever wants to show it first. Throws USAGE. */
export function planOf(options: AcceptanceOptions): RunPlan {
  const canResume = options.drivers.resuming !== undefined;
  return onlyCase(planRun({ ...options, canResume }), options.caseId, options.profile.extendTo);
}

/**
 * Runs a plan against a target and answers the report. Rejects only for what the caller asked wrongly (USAGE); a
 * target that cannot be tested is a report with the result `could-not-run`.
 */
export async function runAcceptance(options: AcceptanceOptions): Promise<AcceptanceReport> {
  return new AcceptanceRun(options, planOf(options)).run();
}

class AcceptanceRun {
  readonly #options: AcceptanceOptions;
  readonly #plan: RunPlan;
  readonly #store: CaseStore;
  readonly #totals: RunTotals;
  readonly #log: CaseLog;
  readonly #trials: TrialCase[] = [];
  readonly #rendered = new RenderedSample();
  /** Cases that an earlier run completed. */
  readonly #done = new Set<string>();
  readonly #stopper = new AbortController();
  readonly #startedAtMs: number;
  #build: string | null = null;
  #refusedInARow = 0;
  /** Whether the target tells of sessions that are over, as far as is known. */
  #keepsRecords = true;
  /** Why the run ended before its plan; null: it did not. */
  #cutShort: string | null = null;

  constructor(options: AcceptanceOptions, plan: RunPlan) {
    this.#options = options;
    this.#plan = plan;
    this.#totals = new RunTotals(options.probe);
    this.#store = options.store ?? forgetful;
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
      if (unreachable === null) {
        for (const result of this.#store.earlier(this.#build)) this.#fold(result);
        await this.#runPlan();
      }
    } catch (error) {
      if (error instanceof CrossfadeError && error.code === 'USAGE') throw error;
      // The abort itself is told already; what else was thrown is a target that did not come back.
      if (!this.#stopper.signal.aborted) this.#cutShort ??= messageOf(error);
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
    return this.#report(startedAt, unreachable, await this.#rendered.compare(this.#options.render));
  }

  #stop(why: string): void {
    this.#cutShort ??= why;
    this.#stopper.abort();
  }

  /** One short session before everything else: answers why nothing can be tested there, or null. */
  async #firstContact(): Promise<string | null> {
    this.#tell('first contact', 0, 1);
    const spec = sessionOf(firstContact, 'first-contact-1', { ...this.#options, canResume: false });
    const observation = await this.#speak(spec);
    const said = observation.accepted?.build ?? null;
    const { build = said } = this.#options;
    this.#build = said ?? build;
    if (said !== build && said !== null) return `Expected build ${build}, the target says it is ${said}`;
    if (observation.problem === null) return null;
    const hasSpoken = observation.texts.length > 0;
    return hasSpoken && observation.problem.kind === 'died' ? null : observation.problem.reason;
  }

  async #runPlan(): Promise<void> {
    await this.#learn();
    const { sessions, trials } = this.#plan;
    await this.#speakAll(sessions);
    if (this.#totals.wantsMore('sessions')) await this.#speakAll(this.#further(sessions));
    await this.#breakAll(trials);
    if (this.#totals.wantsMore('faults')) await this.#breakAll(this.#further(trials));
  }

  /** The cases of the one extension that the profile fixed before the run. */
  #further<B extends Batch<unknown>>(batches: readonly B[]): readonly B[] {
    const { extendTo = 1 } = this.#options.profile;
    if (this.#options.caseId !== undefined) return [];
    return batches.flatMap((batch) => {
      const count = Math.ceil(batch.count * extendTo) - batch.count;
      return count <= 0
        ? []
        : [{ ...batch, count, spec: (number: number) => batch.spec(batch.count + number) }];
    });
  }

  /** The control run: with no fault, what does the target make of each sentence? */
  async #learn(): Promise<void> {
    const { probe, profile } = this.#options;
    const controls = probe.controls ?? [];
    let done = 0;
    await inLanes(controls.values(), Math.min(profile.lanes, controls.length), async (speech) => {
      this.#stopper.signal.throwIfAborted();
      const { texts, problem } = await this.#speak(controlOf(speech, done));
      // What such a session did not hear would be taken for the recognizer's error, and losses for none.
      if (problem !== null) this.#stop(`a session of the control run broke: ${problem.reason}`);
      this.#stopper.signal.throwIfAborted();
      probe.learn?.(
        speech,
        texts.filter(({ isFinal }) => isFinal),
      );
      done += 1;
      this.#tell('control run', done, controls.length);
    });
    const { words, unheard } = probe.control ?? { words: 0, unheard: 0 };
    // Everything that follows would be missing too, and nothing of it would say why.
    if (words > 0 && unheard === words)
      this.#stop(`the control run heard no word of ${words}. ${deafRemedy}`);
    this.#stopper.signal.throwIfAborted();
  }

  /** Each scenario in lanes; a lane speaks one group after the other, and starts at a phase of its own. */
  async #speakAll(sessions: RunPlan['sessions']): Promise<void> {
    const of = sum(sessions);
    let done = 0;
    // Scenarios of one kind go on side by side: nobody waits for the last session of each. Those that are faster than
    // real time would make the others' latencies worse.
    const lanesOf = ({ scenario }: Batch<SessionSpec>): number =>
      scenario.lanes ?? this.#options.profile.lanes;
    const kindOf = (batch: Batch<SessionSpec>): string => `${lanesOf(batch)} ${batch.scenario.pace}`;
    for (const kind of new Set(sessions.map(kindOf))) {
      const batches = sessions.filter((batch) => kindOf(batch) === kind);
      const lanes = lanesOf(batches[0] as Batch<SessionSpec>);
      const started = new Set<number>();
      await inLanes(this.#groups(batches), Math.min(lanes, sum(batches)), async (group, place) => {
        this.#stopper.signal.throwIfAborted();
        // Lanes that start together would stop together, and the target would see a load that no users make.
        if (!started.has(place)) await wait(this.#options.clock, (place * 997) % 1_000);
        started.add(place);
        await Promise.all(
          group.map(async (spec) => {
            if (!this.#done.has(spec.id)) await this.#score(await this.#speak(spec));
            done += 1;
            this.#tell('sessions', done, of);
          }),
        );
      });
    }
  }

  /** Sessions that begin together, one group after the other; made when their turn comes. */
  *#groups(batches: readonly Batch<SessionSpec>[]): Generator<readonly SessionSpec[], void> {
    for (const { scenario, count, spec } of batches) {
      for (let first = 1; first <= count; first += scenario.together) {
        const size = Math.min(scenario.together, count - first + 1);
        yield Array.from({ length: size }, (_, i) => spec(first + i));
      }
    }
  }

  async #breakAll(trials: RunPlan['trials']): Promise<void> {
    const of = sum(trials);
    if (of === 0) return;
    let done = 0;
    this.#tell('faults', 0, of);
    const needsDisk = ({ scenario }: Batch<TrialSpec>): boolean => scenario.fault?.kind === 'disk-full';
    const breakBatches = async (
      batches: readonly Batch<TrialSpec>[],
      disk: boolean,
      lanes: number,
    ): Promise<void> => {
      const targets = await this.#copies(Math.min(lanes, sum(batches)), disk);
      try {
        await inLanes(interleaved(batches), targets.length, async (spec, place) => {
          this.#stopper.signal.throwIfAborted();
          if (!this.#done.has(spec.id)) await this.#runTrial(spec, targets[place] as Target);
          done += 1;
          this.#tell('faults', done, of);
        });
      } finally {
        const copies = targets.filter((copy) => copy !== this.#options.target);
        await Promise.all(copies.map((copy) => copy.stop()));
      }
    };
    const onDisk = trials.filter(needsDisk);
    const others = trials.filter((batch) => !needsDisk(batch));
    await Promise.all([
      breakBatches(others, false, this.#options.profile.replicas),
      ...(onDisk.length === 0 ? [] : [breakBatches(onDisk, true, 1)]),
    ]);
  }

  /** Systems to break. The target itself where there is no other like it. */
  async #copies(count: number, disk: boolean): Promise<readonly Target[]> {
    const { target } = this.#options;
    const { another } = target;
    if (another === undefined) return [target];
    return Promise.all(Array.from({ length: count }, () => another({ disk })));
  }

  async #runTrial(spec: TrialSpec, target: Target): Promise<void> {
    const { clock } = this.#options;
    const driver = this.#driver(spec.sessions[0]?.client, addressOf(spec, target));
    const outcome = await runTrial({ spec, target, driver, clock, signal: this.#stopper.signal });
    this.#keep(trialCaseOf(outcome));
    if (outcome.isGone) this.#stop(outcome.failure);
  }

  #driver(client: SessionSpec['client'] | undefined, url: string): Driver {
    const { drivers } = this.#options;
    return (client === 'resuming' ? drivers.resuming?.(url) : undefined) ?? drivers.stock(url);
  }

  #speak(spec: SessionSpec): Promise<Observation> {
    const { clock, target } = this.#options;
    const driver = this.#driver(spec.client, target.url);
    return speak({ spec, driver, clock, signal: this.#stopper.signal }).over;
  }

  async #score(observation: Observation): Promise<void> {
    // A session that we cut ourselves says nothing of the target.
    if (this.#stopper.signal.aborted) return;
    const score = scoreSession(observation);
    const result = sessionCaseOf(observation, score, await this.#inside(observation));
    this.#rendered.add(observation, score);
    this.#keep(result);
    this.#refusedInARow = result.wasTaken ? 0 : this.#refusedInARow + 1;
    if (this.#refusedInARow >= refusedInARowMax) {
      this.#stop(`${refusedInARowMax} sessions in a row were not taken: ${result.failure}`);
    }
  }

  /** What the target itself counted of a session, where it may be looked into, and who it says served it. */
  async #inside({ spec, accepted }: Observation): Promise<Pick<SessionCase, 'inside' | 'servers'>> {
    const { target } = this.#options;
    if (accepted === null) return { inside: null, servers: [] };
    const { sessionId, build } = accepted;
    const isAsked = sessionId !== null && this.#keepsRecords;
    const stored = isAsked ? await this.#driver(spec.client, target.url).readStored(sessionId) : null;
    // Somebody else's server is asked once and not for every session.
    if (isAsked && target.whiteBox === undefined && stored?.servers === undefined) this.#keepsRecords = false;
    const itself = build === null ? [] : [{ upstream: null, build, tookOver: false }];
    return {
      inside: target.whiteBox === undefined ? null : (stored?.counts ?? null),
      servers: stored?.servers ?? itself,
    };
  }

  #keep(result: CaseResult): void {
    this.#store.keep(result);
    this.#fold(result);
  }

  #fold(result: CaseResult): void {
    this.#done.add(result.id);
    this.#totals.add(result);
    this.#log.add(result);
    if (result.kind === 'trial') this.#trials.push(result);
  }

  #tell(phase: Progress['phase'], done: number, of: number): void {
    this.#options.onProgress?.({ phase, done, of });
  }

  #report(startedAt: string, unreachable: string | null, rendered: Rendered): AcceptanceReport {
    return reportOf({
      options: this.#options,
      plan: this.#plan,
      totals: this.#totals,
      log: this.#log,
      trials: this.#trials,
      build: this.#build,
      rendered,
      startedAt,
      tookMs: this.#options.clock.monotonicMs() - this.#startedAtMs,
      unreachable,
      cutShort: this.#cutShort,
    });
  }
}

function controlOf(speech: ProbeSpeech, number: number): SessionSpec {
  const { client, stop, pace, frameMs } = firstContact;
  const id = `control-${number + 1}`;
  return { id, scenario: 'control', speech, pace, frameMs, client, stop, dropAtShare: null };
}

/** Trials of all batches in turns, so that a run that is stopped has tried a bit of everything. */
function* interleaved(batches: readonly Batch<TrialSpec>[]): Generator<TrialSpec, void> {
  const longest = Math.max(0, ...batches.map(({ count }) => count));
  for (let number = 1; number <= longest; number++) {
    for (const { count, spec } of batches) if (number <= count) yield spec(number);
  }
}

/** Where the clients of a trial connect: through the proxy where it is their network that breaks. */
function addressOf({ fault }: TrialSpec, { url, faults }: Target): string {
  if (!('place' in fault) || fault.place !== 'client' || faults.client === undefined) return url;
  const address = new URL(url);
  address.host = `127.0.0.1:${faults.client.port}`;
  return address.href;
}

function sum(batches: readonly Batch<unknown>[]): number {
  return batches.reduce((total, { count }) => total + count, 0);
}
