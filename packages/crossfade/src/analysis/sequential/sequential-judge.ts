/** The judge of a running canary: a pure function of what was recorded, asked as often as one likes. */
import { groupThousands } from '../metric-spec.ts';
import type { VerdictKind } from '../verdict.ts';
import { deadCandidate, type GuardFinding, silentCandidate } from './guards.ts';
import { blockReport, formatEvidence, metricReport, type MetricReport, titleOf } from './metric-report.ts';
import { mismatchOf, type RolloutEvidence } from './rollout-evidence.ts';
import { type RollEvidence, rollEvidence } from './roll-evidence.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';
import type { SessionStream } from './session-stream.ts';

/** What a whole rollout may be wrong with when it rolls back, however often it is asked. 0.01 for who releases weekly. */
export const rolloutAlpha = 0.05;

/** Evidence of harm above 2 : 1 is no proof, and no moment to widen the exposure either. */
const lnAdvanceMax = Math.log(2);

const minuteMs = 60_000;

export interface SequentialJudgeInput {
  /** Advanced to `nowMs` by the caller. */
  readonly evidence: RolloutEvidence;
  readonly nowMs: number;
  /** The epoch that runs. */
  readonly epoch: number;
  /** Fixed before the rollout; a change is a new bake. */
  readonly alpha: number;
  /** How long the rollout was planned to take, all stages. */
  readonly horizonMinutes: number;
  /** False for an audience alone or 100 % without a holdback: limits and guards only. */
  readonly hasRandomControl: boolean;
  /** Sessions in each arm that the stage planned. */
  readonly plannedSessions: number;
  /** The bake is done: a look that was registered beforehand. Nothing passes at any other time. */
  readonly isLook: boolean;
  /** Gates that live evidence must prove at this stage. */
  readonly gates: readonly SequentialMetricId[];
  /** Expected time between two ends of candidate sessions, ms; null: unknown, then silence is not judged. */
  readonly expectedGapMs: number | null;
}

export interface SequentialVerdict {
  readonly verdict: VerdictKind;
  /** One plain sentence with both numbers in it. */
  readonly sentence: string;
  readonly culprit: SequentialMetricId | null;
  /** The guard that decided, outside the statistics; open sessions are moved at once. */
  readonly guard: GuardFinding['guard'] | null;
  /** With `invalid`: what is broken. */
  readonly broken: 'assignments' | 'ends' | null;
  /** Both arms suffer: freeze ramp and clock, page, do not roll back; afterwards begin a new epoch. */
  readonly sharedIncident: boolean;
  /** ln E of the rollout, and where it rolls back. */
  readonly lnE: number;
  readonly lnThreshold: number;
  readonly metrics: readonly MetricReport[];
  readonly sessions: { readonly candidate: number; readonly control: number };
}

/** The verdict at this moment. Abort wins: what is shown bad is said before anything else is asked. */
export function judgeSequentially(input: SequentialJudgeInput): SequentialVerdict {
  const { evidence, alpha } = input;
  const lnThreshold = Math.log(1 / alpha);
  const options = {
    minute: Math.floor((input.nowMs - evidence.setup.originMs) / minuteMs),
    horizonMinutes: input.horizonMinutes,
    hasRandomControl: input.hasRandomControl,
  };
  const roll = rollEvidence(evidence.sources(), options);
  const isCrossed = roll.lnE >= lnThreshold;
  const metrics = reports(input, roll, isCrossed);
  const sessions = sessionsOf(metrics);
  const base = {
    culprit: isCrossed ? roll.culprit : null,
    guard: null,
    broken: null,
    sharedIncident: false,
    lnE: roll.lnE,
    lnThreshold,
    metrics,
    sessions,
  };
  const guard = guardOf(input);
  if (guard !== null) return { ...base, verdict: 'fail', guard: guard.guard, sentence: guard.sentence };
  if (isCrossed)
    return { ...base, verdict: 'fail', sentence: failSentence(metrics, roll, lnThreshold, input) };
  const mismatch = input.hasRandomControl ? mismatchOf(evidence) : null;
  if (mismatch !== null) {
    return { ...base, verdict: 'invalid', broken: mismatch.broken, sentence: mismatch.sentence };
  }
  // Of this epoch alone: a new one begins after a hold, and what was must not hold it again.
  const { lnLimitBets } = rollEvidence(evidence.sources(input.epoch), options);
  if (input.hasRandomControl && lnLimitBets >= lnThreshold) {
    const sentence = `Both arms are beyond their limits: evidence ${formatEvidence(lnLimitBets)} against the limits, ${formatEvidence(roll.lnE)} against the candidate, acted at ${formatEvidence(lnThreshold)}. Held, not rolled back.`;
    return { ...base, verdict: 'inconclusive', sharedIncident: true, sentence };
  }
  return { ...base, ...promotion(input, { roll, metrics, sessions }) };
}

/** Two assertions of nothing being wrong, then what is still missing; `pass` when nothing is. */
function promotion(
  input: SequentialJudgeInput,
  {
    roll,
    metrics,
    sessions,
  }: {
    readonly roll: RollEvidence;
    readonly metrics: readonly MetricReport[];
    readonly sessions: SequentialVerdict['sessions'];
  },
): Pick<SequentialVerdict, 'verdict' | 'sentence'> {
  const arms = input.hasRandomControl
    ? ([
        ['the candidate', sessions.candidate],
        ['control', sessions.control],
      ] as const)
    : ([['the candidate', sessions.candidate]] as const);
  const empty = arms.find(([, n]) => n === 0);
  const planned = groupThousands(input.plannedSessions);
  if (empty !== undefined) {
    return {
      verdict: 'no-data',
      sentence: `0 sessions of ${empty[0]} have matured, ${planned} are planned.`,
    };
  }
  const short = arms.find(([, n]) => n < input.plannedSessions);
  if (short !== undefined) {
    const seen = groupThousands(short[1]);
    return {
      verdict: 'inconclusive',
      sentence: `${seen} sessions of ${short[0]} have matured, ${planned} are planned.`,
    };
  }
  if (roll.lnE >= lnAdvanceMax) {
    const lead = roll.culprit === null ? '' : ` (${titleOf(roll.culprit)} leads)`;
    return {
      verdict: 'inconclusive',
      sentence: `Evidence of harm is ${formatEvidence(roll.lnE)}${lead}; to move on it must be below 2 : 1.`,
    };
  }
  const open = input.gates.flatMap((id) =>
    metrics.filter((report) => report.id === id && report.state !== 'good'),
  );
  const absent = input.gates.find((id) => !metrics.some((report) => report.id === id));
  if (absent !== undefined) {
    return { verdict: 'inconclusive', sentence: `${titleOf(absent)} is a gate and is not measured live.` };
  }
  const [first] = open;
  if (first !== undefined) {
    const proven = input.gates.length - open.length;
    return {
      verdict: 'inconclusive',
      sentence: `${proven} of ${input.gates.length} gates are proven. ${first.sentence}; ${proofSentence(first)}.`,
    };
  }
  const gates =
    input.gates.length === 0
      ? 'no gate is asked for here'
      : `${input.gates.length} of ${input.gates.length} gates are proven`;
  const found = `Nothing is shown bad over ${groupThousands(sessions.candidate)} sessions: evidence of harm ${formatEvidence(roll.lnE)}, acted at ${formatEvidence(Math.log(1 / input.alpha))}; ${gates}`;
  return input.isLook
    ? { verdict: 'pass', sentence: `${found}.` }
    : { verdict: 'inconclusive', sentence: `${found}; the bake is not over, and proof counts at its end.` };
}

function proofSentence({ proof }: MetricReport): string {
  if (proof === null) return 'not proven: there is nothing to bound';
  const digits = (value: number): string => String(Number(value.toPrecision(3)));
  return `not proven: its 95 % bound is ${digits(proof.bound)}, it must be below ${digits(proof.below)}`;
}

function guardOf({ evidence, epoch, nowMs, expectedGapMs }: SequentialJudgeInput): GuardFinding | null {
  const state = evidence.guards(epoch);
  const share = evidence.ended.epochs.find(({ info }) => info.epoch === epoch)?.info.share ?? null;
  const dead = deadCandidate(state);
  if (dead !== null || share === null || expectedGapMs === null) return dead;
  return silentCandidate(state, { nowMs, share, expectedGapMs });
}

function failSentence(
  metrics: readonly MetricReport[],
  roll: RollEvidence,
  lnThreshold: number,
  { hasRandomControl }: SequentialJudgeInput,
): string {
  const report = metrics.find(({ id }) => id === roll.culprit);
  const odds = `evidence ${formatEvidence(roll.lnE)}, acted at ${formatEvidence(lnThreshold)}`;
  const alone = hasRandomControl ? '' : '; judged by its limits alone, without a random control';
  return report === undefined ? `${odds}.` : `${report.sentence}; ${odds}${alone}.`;
}

function reports(
  input: SequentialJudgeInput,
  roll: RollEvidence,
  isCrossed: boolean,
): readonly MetricReport[] {
  const { evidence, epoch, plannedSessions, hasRandomControl } = input;
  const rollOf = (id: SequentialMetricId) => roll.metrics.find((metric) => metric.id === id)!;
  const fromStream = (stream: SessionStream): readonly MetricReport[] =>
    stream.setups.map((setup, metric) => {
      const { id } = setup.metric;
      const p95Ms = (arm: 'control' | 'candidate'): number | null =>
        id === 'finalization-latency' || id === 'stop-latency' || id === 'first-partial-latency'
          ? wholeMs(evidence.latencies(id, epoch, arm).quantile(0.95))
          : null;
      const isCulprit = isCrossed && roll.culprit === id;
      return metricReport(
        { setup, metric, epochs: stream.epochs, epoch, p95Ms },
        { roll: rollOf(id), isCulprit, plannedSessions, hasRandomControl },
      );
    });
  const blocks = evidence.setup.metrics
    .filter(({ metric }) => metric.window === 'blocks')
    .map(({ metric }) => blockReport(metric, rollOf(metric.id), isCrossed && roll.culprit === metric.id));
  return [...fromStream(evidence.early), ...fromStream(evidence.ended), ...blocks];
}

/** Rounded up: never flattered. */
function wholeMs(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms);
}

/** The most that any metric of the running epoch saw. */
function sessionsOf(metrics: readonly MetricReport[]): SequentialVerdict['sessions'] {
  const most = (arm: 'control' | 'candidate'): number =>
    metrics.reduce((max, { sessions }) => Math.max(max, sessions[arm]), 0);
  return { candidate: most('candidate'), control: most('control') };
}
