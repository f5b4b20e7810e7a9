/** The judge of a running canary: a pure function of what was recorded, asked as often as one likes. */
import { crossedSentence } from '../crossed-users.ts';
import { formatValue, groupThousands } from '../metric-spec.ts';
import type { VerdictKind } from '../verdict.ts';
import type { MetricSetup } from './epoch-sums.ts';
import { deadCandidate, type GuardFinding, silentCandidate } from './guards.ts';
import { measure, MeasuredEvidence, type Measurement, type Question } from './measurement.ts';
import {
  blockReport,
  formatEvidence,
  isWithinShown,
  metricReport,
  type MetricReport,
  titleOf,
} from './metric-report.ts';
import { promotionOf } from './promotion.ts';
import { type Mismatch, mismatchOf } from './ratio-mismatch.ts';
import type { EvidenceSetup, RolloutEvidence } from './rollout-evidence.ts';
import { type RollEvidence, rollEvidence } from './roll-evidence.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';

/** What a whole rollout may be wrong with when it rolls back, however often it is asked. 0.01 for who releases weekly. */
export const rolloutAlpha = 0.05;

export interface SequentialJudgeInput extends Question {
  /** Advanced to `nowMs` by the caller. */
  readonly evidence: RolloutEvidence;
}

export interface SequentialVerdict {
  readonly verdict: VerdictKind;
  /** One plain sentence with both numbers in it. */
  readonly sentence: string;
  readonly culprit: SequentialMetricId | null;
  /** The guard that decided, outside the statistics; open sessions are moved at once. */
  readonly guard: GuardFinding['guard'] | null;
  /** With `invalid`: what is broken. */
  readonly broken: 'assignments' | 'ends' | 'build' | null;
  /** Both arms suffer: freeze ramp and clock, page, do not roll back; afterwards begin a new epoch. */
  readonly sharedIncident: boolean;
  /** Users that did not get all, whatever the verdict: hold and page. Null: every user did. */
  readonly alarm: Alarm | null;
  /** ln E of the rollout, and where it rolls back. */
  readonly lnE: number;
  readonly lnThreshold: number;
  readonly metrics: readonly MetricReport[];
  readonly sessions: { readonly candidate: number; readonly control: number };
}

/** The user ledger speaks: it must be clean. */
export interface Alarm {
  /** Sessions of this error budget so far; only more of them are news. */
  readonly harmed: number;
  readonly sentence: string;
}

/** The verdict at this moment. */
export function judgeSequentially({ evidence, ...question }: SequentialJudgeInput): SequentialVerdict {
  return judgeMeasured(evidence.setup, measure(evidence, question));
}

/**
 * The verdict that a measurement leads to, now or years later. Abort wins: what is shown bad is said before anything else
 * is asked.
 */
export function judgeMeasured(
  setup: Pick<EvidenceSetup, 'metrics'>,
  measurement: Measurement,
): SequentialVerdict {
  const { question, minute } = measurement;
  const lnThreshold = Math.log(1 / question.alpha);
  const { horizonMinutes, hasRandomControl } = question;
  const { coins = hasRandomControl ? 'all' : 'none' } = question;
  const options = { minute, horizonMinutes, coins };
  const setups = (['early', 'ended', 'blocks'] as const).flatMap((window) =>
    setup.metrics.filter(({ metric }) => metric.window === window),
  );
  const roll = rollEvidence([new MeasuredEvidence(setups, measurement)], options);
  const isCrossed = roll.lnE >= lnThreshold;
  const culprit = isCrossed ? culpritOf(setups, measurement, roll) : null;
  const metrics = reports(setups, measurement, { roll, culprit });
  const base = {
    culprit,
    guard: null,
    broken: null,
    sharedIncident: false,
    alarm: alarmOf(measurement),
    lnE: roll.lnE,
    lnThreshold,
    metrics,
    sessions: sessionsOf(metrics),
  };
  const guard = guardOf(measurement);
  if (guard !== null) return { ...base, verdict: 'fail', guard: guard.guard, sentence: guard.sentence };
  if (isCrossed) return { ...base, verdict: 'fail', sentence: failSentence(base, roll, question) };
  const mismatch = brokenBy(measurement);
  if (mismatch !== null) return { ...base, verdict: 'invalid', ...mismatch };
  // Of this epoch alone: a new one begins after a hold, and what was must not hold it again.
  const { lnLimitBets } = rollEvidence([new MeasuredEvidence(setups, measurement, 'epoch')], options);
  if (hasRandomControl && lnLimitBets >= lnThreshold) {
    const sentence = `Both arms are beyond their limits: evidence ${formatEvidence(lnLimitBets)} against the limits, ${formatEvidence(roll.lnE)} against the candidate, acted at ${formatEvidence(lnThreshold)}. Held, not rolled back.`;
    return { ...base, verdict: 'inconclusive', sharedIncident: true, sentence };
  }
  return { ...base, ...promotionOf(measurement, { roll, metrics, sessions: base.sessions }) };
}

/** They count a session that failed, whatever it failed of. */
const summaries: ReadonlySet<SequentialMetricId> = new Set(['error-rate', 'early-failure']);

/** What says most of a fault comes first: an orphan misses audio and often a tail too, and not the other way round. */
const tellingOrder: readonly SequentialMetricId[] = [
  'orphan-rate',
  'duplicate-artifacts',
  'capture-completeness',
];

function rankOf(id: SequentialMetricId): number {
  const rank = tellingOrder.indexOf(id);
  return rank < 0 ? tellingOrder.length : rank;
}

/**
 * The metric that is named: the one with the largest part of the evidence, unless another one tells more of the same
 * sessions. That one is beyond its own limit and control is not, and it was met in at least half as many. An error rate tells
 * nothing but that sessions failed; it is named when their pipeline was gone, or when nothing tells more.
 */
function culpritOf(
  setups: readonly MetricSetup[],
  measurement: Measurement,
  roll: RollEvidence,
): SequentialMetricId | null {
  const { failed, gone } = measurement.health;
  const leader = roll.culprit;
  if (leader === null) return null;
  const isSummary = summaries.has(leader);
  if (isSummary && 2 * gone >= failed) return leader;
  const sessionsWith = (id: SequentialMetricId): number =>
    measurement.metrics.find((metric) => metric.id === id)?.limit?.[1] ?? 0;
  const telling = reports(setups, measurement, { roll, culprit: null }).filter(
    ({ id, roles, candidate, control, limit }) => {
      if (summaries.has(id) || !roles.includes('guardrail')) return false;
      const isBeyond = (value: number | null): boolean =>
        value !== null && limit !== null && !isWithinShown(id, value, limit);
      return id === leader || (isBeyond(candidate) && !isBeyond(control));
    },
  );
  const most = isSummary
    ? telling.reduce((max, { id }) => Math.max(max, sessionsWith(id)), 0)
    : sessionsWith(leader);
  if (!isSummary && most === 0) return leader;
  const [found] = telling
    .filter(({ id }) => id === leader || sessionsWith(id) >= most / 2)
    .toSorted((a, b) => rankOf(a.id) - rankOf(b.id) || sessionsWith(b.id) - sessionsWith(a.id));
  return found?.id ?? leader;
}

/** Why the two arms cannot be compared; null when they can. */
function brokenBy({ question, splits, health }: Measurement): Mismatch | null {
  const mismatch = question.hasRandomControl ? mismatchOf(splits) : null;
  if (mismatch !== null) return mismatch;
  const crossed = crossedSentence(health);
  if (crossed !== null) return { broken: 'assignments', sentence: crossed };
  if (question.build === undefined) return null;
  const others = Object.entries(health.builds).filter(([build]) => build !== question.build);
  const [other] = others;
  if (other === undefined) return null;
  const seen = Object.values(health.builds).reduce((sum, n) => sum + n, 0);
  const wrong = others.reduce((sum, [, n]) => sum + n, 0);
  const sentence = `${wrong} of ${seen} candidate sessions were served by build ${other[0]}, the plan says ${question.build}: another build is judged than is rolled out.`;
  return { broken: 'build', sentence };
}

function alarmOf({ harmed, health }: Measurement): Alarm | null {
  if (harmed === 0) return null;
  const { lostMs, orphans, duplicates } = health;
  const parts = `${formatValue('missed-tail', lostMs)} of audio without a transcript, ${duplicates} duplicates, ${orphans} orphans in this epoch`;
  return {
    harmed,
    sentence: `${groupThousands(harmed)} sessions did not give their users all, 0 are allowed: ${parts}.`,
  };
}

function guardOf({ guards, share, question }: Measurement): GuardFinding | null {
  const { nowMs, expectedGapMs } = question;
  const dead = deadCandidate(guards);
  if (dead !== null || share === null || expectedGapMs === null) return dead;
  return silentCandidate(guards, { nowMs, share, expectedGapMs });
}

function failSentence(
  { metrics, culprit, lnThreshold }: Pick<SequentialVerdict, 'metrics' | 'culprit' | 'lnThreshold'>,
  roll: RollEvidence,
  { hasRandomControl }: Question,
): string {
  const report = metrics.find(({ id }) => id === culprit);
  const leads = roll.culprit === null || roll.culprit === culprit ? '' : `, led by ${titleOf(roll.culprit)}`;
  const odds = `evidence ${formatEvidence(roll.lnE)}${leads}, acted at ${formatEvidence(lnThreshold)}`;
  const alone = hasRandomControl ? '' : '; judged by its limits alone, without a random control';
  if (report === undefined) return `${odds}.`;
  // Evidence goes on from stage to stage, and the last sessions of one mature in the next: there are no numbers here yet.
  const said =
    report.candidate !== null ? report.sentence : `${titleOf(report.id)}: seen in the stages before this one`;
  return `${said}; ${odds}${alone}.`;
}

function reports(
  setups: readonly MetricSetup[],
  { question, metrics, blocks }: Measurement,
  { roll, culprit }: { readonly roll: RollEvidence; readonly culprit: SequentialMetricId | null },
): readonly MetricReport[] {
  return setups.flatMap((setup) => {
    const { id } = setup.metric;
    const rolled = roll.metrics.find((metric) => metric.id === id);
    if (rolled === undefined) return [];
    const { epoch, plannedSessions, hasRandomControl } = question;
    const isCulprit = culprit === id;
    const options = { roll: rolled, isCulprit, epoch, plannedSessions, hasRandomControl };
    const measured = metrics.find((metric) => metric.id === id);
    if (measured !== undefined) return [metricReport(setup, measured, options)];
    const block = blocks.find((metric) => metric.id === id);
    return block === undefined ? [] : [blockReport(setup, block, options)];
  });
}

/** The most that any metric of the running epoch saw. */
function sessionsOf(metrics: readonly MetricReport[]): SequentialVerdict['sessions'] {
  const most = (arm: 'control' | 'candidate'): number =>
    metrics.reduce((max, { sessions }) => Math.max(max, sessions[arm]), 0);
  return { candidate: most('candidate'), control: most('control') };
}
