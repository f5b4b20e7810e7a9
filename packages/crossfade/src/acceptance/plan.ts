import { createHash } from 'node:crypto';
import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { below, type Random, seededRandom } from '@crossfade/sdk/core/random';
import type { SessionSpec } from './observation.ts';
import type { Between, Probe, SpeechEnd } from './probe.ts';
import type { Profile } from './profile.ts';
import type { Fault, Scenario } from './scenario.ts';
import type { Target, TargetProcess } from './target.ts';

/** One fault: what breaks, when, and who is speaking then. */
export interface TrialSpec {
  readonly id: string;
  readonly scenario: string;
  readonly fault: Fault;
  readonly moment: Scenario['moment'];
  /** Of the target's processes; null: no process dies. */
  readonly process: string | null;
  readonly isCrash: boolean;
  /** From the start of the sessions, where the moment is left to chance, ms. */
  readonly atMs: number;
  /** How long the fault lasts; 0 for what has no length. */
  readonly lastsMs: number;
  /** From one kill to the next, ms, one for each. */
  readonly killsAfterMs: readonly number[];
  readonly sessions: readonly SessionSpec[];
}

/** Cases of one scenario. Each is made when its turn comes, from the seed and its number alone. */
export interface Batch<Spec> {
  readonly scenario: Scenario;
  readonly count: number;
  readonly spec: (number: number) => Spec;
}

export interface TrialBatch extends Batch<TrialSpec> {
  readonly process: TargetProcess['name'] | null;
}

/** Everything a run will do. */
export interface RunPlan {
  readonly sessions: readonly Batch<SessionSpec>[];
  readonly trials: readonly TrialBatch[];
  /** Scenarios of the profile that this target does not allow, and why. */
  readonly notRun: readonly { readonly scenario: string; readonly why: string }[];
  /** SHA-256 of all that will be said and broken. */
  readonly corpusDigest: string;
  /** How long it will take, ms. */
  readonly expectedMs: number;
}

export interface PlanOptions {
  readonly profile: Profile;
  /** All that may be named by the profile, the suite's own and the user's. */
  readonly scenarios: readonly Scenario[];
  readonly target: Pick<Target, 'processes' | 'breakable'>;
  /** A driver can take sessions up again. */
  readonly canResume: boolean;
  readonly probe: Probe;
  readonly seed: number;
}

/** From the last word of a session to the next one in its lane. */
const turnoverMs = 300;
/** Restart, recovery and everything around one fault. */
const trialOverheadMs = 2_500;
/** Sessions of a trial start apart, so that a crash meets each at another phase of its chunks and commits. */
export const staggerMs = 350;
/** All of them are there by then: a crowd may not be still arriving when the first ones leave. */
export const arrivalMs = 1_400;

export function planRun(options: PlanOptions): RunPlan {
  const { profile, scenarios } = options;
  const known = new Map(scenarios.map((scenario) => [scenario.name, scenario]));
  const sessions: Batch<SessionSpec>[] = [];
  const trials: TrialBatch[] = [];
  const notRun: { scenario: string; why: string }[] = [];
  for (const [name, count] of Object.entries(profile.counts)) {
    const scenario = known.get(name);
    if (scenario === undefined) {
      throw new CrossfadeError('USAGE', `Expected a scenario of the profile to be known, got "${name}".`);
    }
    if (count === 0) continue;
    const why = whyNot(scenario, options);
    if (why !== null) notRun.push({ scenario: name, why });
    else if (scenario.fault === undefined) {
      sessions.push({ scenario, count, spec: (number) => sessionOf(scenario, `${name}-${number}`, options) });
    } else trials.push(...trialBatches(scenario, count, options));
  }
  return {
    sessions,
    trials,
    notRun,
    corpusDigest: digestOf(options, sessions, trials),
    expectedMs: expectedMs(profile, sessions, trials),
  };
}

/** The one case that was asked for, by its id; the whole plan without one. Throws USAGE. */
export function onlyCase(plan: RunPlan, id: string | undefined, extendTo = 1): RunPlan {
  if (id === undefined) return plan;
  const [, stem = '', text = ''] = /^(.*)-(\d+)$/.exec(id) ?? [];
  const number = Number(text);
  const only = <Spec, B extends Batch<Spec>>(batches: readonly B[], stemOf: (batch: B) => string): B[] =>
    batches
      .filter((batch) => stemOf(batch) === stem && number >= 1 && number <= Math.ceil(batch.count * extendTo))
      .map((batch) => ({ ...batch, count: 1, spec: () => batch.spec(number) }));
  const sessions = only<SessionSpec, Batch<SessionSpec>>(plan.sessions, ({ scenario }) => scenario.name);
  const trials = only<TrialSpec, TrialBatch>(plan.trials, trialStem);
  if (sessions.length + trials.length > 0) return { ...plan, sessions, trials };
  const examples = [...plan.sessions.map(({ scenario }) => scenario.name), ...plan.trials.map(trialStem)];
  throw new CrossfadeError(
    'USAGE',
    `Expected --case to name a case of this profile and target (${examples.map((stem) => `${stem}-1`).join(', ')} and the like), got "${id}".`,
  );
}

export function trialStem({ scenario, process }: TrialBatch): string {
  return process === null ? scenario.name : `${process}-${scenario.name}`;
}

/** A session of a scenario. The same id and seed give the same session. */
export function sessionOf(scenario: Scenario, id: string, { probe, seed }: PlanOptions): SessionSpec {
  const random = caseRandom(seed, id);
  const { speech } = scenario;
  const ends: readonly SpeechEnd[] = ['word', 'mid-word', 'silence'];
  const spoken = probe.speech({
    number: Number(/-(\d+)(?:[.]\d+)?$/.exec(id)?.[1] ?? 1),
    seed: below(random, 2 ** 31),
    sampleRate: speech.sampleRates[below(random, speech.sampleRates.length)] as number,
    durationMs: draw(random, speech.durationMs),
    // The lead moves words, and with them the stop, to any phase of the frames.
    leadMs: draw(random, speech.leadMs),
    tailMs: draw(random, speech.tailMs),
    end: speech.end === 'random' ? (ends[below(random, ends.length)] as SpeechEnd) : speech.end,
    ...(speech.wordsPerUtterance === undefined ? {} : { wordsPerUtterance: speech.wordsPerUtterance }),
    ...(speech.pauseMs === undefined ? {} : { pauseMs: speech.pauseMs }),
    gain: speech.gain,
    isSilent: speech.silent,
  });
  return {
    id,
    scenario: scenario.name,
    speech: spoken,
    pace: scenario.pace,
    frameMs: scenario.frameMs,
    client: scenario.client,
    stop: scenario.stop,
    dropAtShare: scenario.dropsAtOnce ? 0.2 + 0.6 * random.next() : null,
  };
}

function trialBatches(scenario: Scenario, count: number, options: PlanOptions): TrialBatch[] {
  return victimsOf(scenario, options.target).map((process) => {
    const stem = process === null ? scenario.name : `${process}-${scenario.name}`;
    return {
      scenario,
      process,
      count,
      spec: (number) => trialOf(scenario, process, `${stem}-${number}`, options),
    };
  });
}

function trialOf(scenario: Scenario, process: string | null, id: string, options: PlanOptions): TrialSpec {
  const random = caseRandom(options.seed, id);
  const fault = scenario.fault as Fault;
  const sessions = Array.from({ length: scenario.sessionsPerTrial }, (_, i) =>
    sessionOf(scenario, `${id}.${i + 1}`, options),
  );
  const shortest = Math.min(
    ...sessions.map(({ speech }) => (speech.totalSamples * 1_000) / speech.sampleRate),
  );
  return {
    id,
    scenario: scenario.name,
    fault,
    moment: scenario.moment,
    process,
    isCrash: fault.kind === 'kill',
    // From when all are there; while most of them still speak.
    atMs: 50 + below(random, Math.max(1, Math.round(shortest - arrivalMs))),
    lastsMs: 'lastsMs' in fault ? draw(random, fault.lastsMs) : 0,
    killsAfterMs: fault.kind === 'kill' ? fault.kills.map(({ afterMs }) => draw(random, afterMs)) : [],
    sessions,
  };
}

/** The processes whose death is a case of this scenario; null where none dies. */
function victimsOf({ fault, moment }: Scenario, { processes }: PlanOptions['target']): (string | null)[] {
  if (fault?.kind !== 'kill') return [null];
  const [first] = fault.kills;
  if (first?.process !== 'any') {
    return processes.filter(({ role }) => role === first?.process).map(({ name }) => name);
  }
  // A pipeline behind a gateway is replayed to from the journal; the moments that hurt are the gateway's.
  const isSimple = fault.kills.length === 1 && moment !== 'stop';
  return processes
    .filter(({ role }) => role !== 'pipeline' || processes.length === 1 || isSimple)
    .map(({ name }) => name);
}

/** Why a target does not allow a scenario; null: it does. */
function whyNot({ fault, client }: Scenario, { target, canResume }: PlanOptions): string | null {
  if (client === 'resuming' && !canResume) return 'a session of this target cannot be resumed';
  if (fault === undefined) return null;
  const { breakable, processes } = target;
  switch (fault.kind) {
    case 'kill': {
      if (processes.length === 0) return 'the target belongs to somebody else and cannot be killed';
      const roles = new Set<string>(['any', ...processes.map(({ role }) => role)]);
      return fault.kills.every((kill) => roles.has(kill.process)) ? null : 'the target has no such process';
    }
    case 'client-drop':
      return null;
    case 'disk-full':
      return breakable.includes('disk') ? null : 'no small disk can be put under its journal here';
    case 'clock-step':
      return breakable.includes('clocks') ? null : 'its clocks cannot be stepped';
    default:
      if (breakable.includes(`${fault.place}-network`)) return null;
      return fault.place === 'client'
        ? 'no proxy can stand before this target'
        : 'there is no network between gateway and pipeline here';
  }
}

function expectedMs(
  profile: Profile,
  sessions: readonly Batch<SessionSpec>[],
  trials: readonly TrialBatch[],
): number {
  const mean = ([low, high]: Between): number => (low + high) / 2;
  const spoken = sessions.reduce(
    (sum, { scenario, count }) =>
      sum +
      (count * (mean(scenario.speech.durationMs) / scenario.pace + turnoverMs)) /
        Math.min(scenario.lanes ?? profile.lanes, count * scenario.together),
    0,
  );
  const broken = trials.reduce((sum, { scenario, count }) => {
    const { fault, sessionsPerTrial, speech } = scenario;
    const lastsMs = fault !== undefined && 'lastsMs' in fault ? mean(fault.lastsMs) : 0;
    const stagger = Math.min(arrivalMs, staggerMs * sessionsPerTrial);
    return sum + count * (stagger + mean(speech.durationMs) + lastsMs + trialOverheadMs);
  }, 0);
  return spoken + broken / profile.replicas;
}

function digestOf(
  { profile, probe, seed }: PlanOptions,
  sessions: readonly Batch<SessionSpec>[],
  trials: readonly TrialBatch[],
): string {
  const hash = createHash('sha256').update(
    `${probe.kind} ${probe.digest} ${seed} ${profile.extendTo ?? 1}\n`,
  );
  for (const { scenario, count } of sessions) hash.update(`${count} ${JSON.stringify(scenario)}\n`);
  for (const { scenario, count, process } of trials)
    hash.update(`${process} ${count} ${JSON.stringify(scenario)}\n`);
  // The generator itself: two suites that would say something else do not share a digest.
  for (const { spec } of sessions) hash.update(spec(1).speech.fingerprint);
  for (const { spec } of trials) hash.update(JSON.stringify({ ...spec(1), sessions: [] }));
  return hash.digest('hex');
}

/** Randomness of one case: of the run's seed and the case's name, so that a case is the same in any company. */
function caseRandom(seed: number, id: string): Random {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return seededRandom(hash >>> 0);
}

function draw(random: Random, [min, max]: Between): number {
  return min + below(random, Math.round(max - min) + 1);
}
