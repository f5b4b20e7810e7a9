import { evidenceOf } from './evidence.ts';
import {
  formatValue,
  groupThousands,
  isWithin,
  isWorse,
  type JudgedMetricId,
  judgedMetricIds,
  metricSpecs,
  type Thresholds,
} from './metric-spec.ts';
import type { MetricAggregate } from './metrics.ts';
import type { MetricEvidence, Verdict } from './verdict.ts';

export interface JudgeInput {
  /** The candidate's sessions of one epoch, by the pipeline ledger. */
  readonly candidate: MetricAggregate;
  /** The control's of the same epoch; null when the stage has no concurrent random control. */
  readonly control: MetricAggregate | null;
  readonly thresholds: Thresholds;
  /** Sessions in each arm before anything may pass. */
  readonly minSessions: number;
  /** Sessions beyond a limit before a candidate is shown bad; default `failingSessionsDefault`. */
  readonly failingSessions?: number;
}

/** One or two bad sessions happen to anybody; three are a pattern, and few enough to act within a minute. */
export const failingSessionsDefault = 3;

/** Metrics that need partials, which a client may not have asked for: nothing to measure is no reason to wait. */
const needsPartials: ReadonlySet<JudgedMetricId> = new Set(['orphan-rate', 'first-partial-latency']);

/** What one metric says of the candidate. */
interface Finding {
  readonly id: JudgedMetricId;
  readonly state:
    /** The value is within its limit. */
    | 'good'
    /** Beyond its limit, in enough sessions, and worse than control. */
    | 'bad'
    /** Beyond its limit; too few sessions to say so. */
    | 'unsure'
    /** Beyond its limit, and control is no better: an incident of both arms, not the candidate's. */
    | 'shared'
    /** Nothing to measure, where there should be. */
    | 'silent'
    /** Nothing to measure in either arm. */
    | 'absent';
  readonly evidence: MetricEvidence;
}

/**
 * Judges a candidate against fixed limits, as a pure function of what was recorded. A limit alone rolls nothing back:
 * the candidate must also be worse than control, so that an incident which hits both arms cannot. A candidate that is
 * shown bad fails at once, however few sessions there are; to pass, both arms need their sessions. No data never passes.
 *
 * It makes no promise about false alarms over repeated looks; that takes the sequential judge.
 */
export function judge(input: JudgeInput): Verdict {
  const { candidate, control, minSessions } = input;
  const findings = judgedMetricIds.flatMap((id) => {
    const limit = input.thresholds[id];
    return limit === undefined ? [] : [findingOf(id, limit, input)];
  });
  const base = {
    evidence: findings.map(({ evidence }) => evidence),
    sessions: { candidate: candidate.sessions, control: control?.sessions ?? 0 },
  };
  const first = (state: Finding['state']): Finding | undefined =>
    findings.find((finding) => finding.state === state);

  const bad = first('bad');
  if (bad !== undefined)
    return { ...base, verdict: 'fail', culprit: bad.id, sentence: bad.evidence.sentence };
  if (candidate.sessions === 0) {
    return {
      ...base,
      verdict: 'no-data',
      sentence: `0 sessions of the candidate arrived, ${minSessions} are needed.`,
    };
  }
  if (control !== null && control.sessions === 0) {
    return {
      ...base,
      verdict: 'no-data',
      sentence: `0 sessions of control arrived, ${minSessions} are needed.`,
    };
  }
  const held = first('shared') ?? first('unsure') ?? first('silent');
  if (held !== undefined) {
    return { ...base, verdict: 'inconclusive', culprit: held.id, sentence: held.evidence.sentence };
  }
  const few = [
    { arm: 'the candidate', sessions: candidate.sessions },
    ...(control === null ? [] : [{ arm: 'control', sessions: control.sessions }]),
  ].find(({ sessions }) => sessions < minSessions);
  if (few !== undefined) {
    const sentence = `${few.sessions} sessions of ${few.arm} ended, ${minSessions} are needed; nothing is beyond its limit.`;
    return { ...base, verdict: 'inconclusive', sentence };
  }
  if (!findings.some(({ state }) => state === 'good')) {
    return { ...base, verdict: 'inconclusive', sentence: '0 metrics could be judged, 1 is needed.' };
  }
  return { ...base, verdict: 'pass', sentence: passSentence(findings, candidate.sessions) };
}

/** The verdict when the source of the records could not be read. */
export function sourceErrorVerdict(reason: string): Verdict {
  const sentence = `The session records could not be read: ${reason}`;
  return { verdict: 'source-error', sentence, evidence: [], sessions: { candidate: 0, control: 0 } };
}

function findingOf(id: JudgedMetricId, limit: number, input: JudgeInput): Finding {
  const tally = input.candidate.tally(id);
  const control = input.control?.tally(id);
  const controlValue = control?.value ?? null;
  const evidence = {
    ...evidenceOf(tally, { limit }),
    ...(input.control === null ? {} : { control: controlValue }),
  };
  const { value } = tally;
  const finding = (state: Finding['state'], sentence = evidence.sentence): Finding => ({
    id,
    state,
    evidence: { ...evidence, sentence },
  });

  if (value === null) {
    const isExpected = control === undefined ? !needsPartials.has(id) : controlValue !== null;
    const seen = controlValue === null ? '' : ` Control has ${formatValue(id, controlValue)}.`;
    return finding(isExpected ? 'silent' : 'absent', `${evidence.sentence}${seen}`);
  }
  if (isWithin(id, value, limit)) return finding('good');

  const needed = input.failingSessions ?? failingSessionsDefault;
  const beyond = tally.sessionsBeyond(limit);
  const against =
    input.control === null
      ? ''
      : `, control ${controlValue === null ? 'has none' : formatValue(id, controlValue)}`;
  const found =
    `${metricSpecs[id].title} of the candidate ${formatValue(id, value)}, limit ${formatValue(id, limit)}${against}; ` +
    `${groupThousands(beyond)} of ${groupThousands(tally.sessions)} sessions are beyond it`;
  // A control of one unlucky session must not excuse a candidate.
  const isShared =
    control !== undefined &&
    controlValue !== null &&
    control.sessions >= needed &&
    !isWorse(id, value, controlValue);
  if (isShared) return finding('shared', `${found}: held, because control is no better.`);
  const isEnough = input.candidate.sessions >= input.minSessions || beyond * 2 >= tally.sessions;
  if (beyond >= needed && isEnough) return finding('bad', `${found}: shown bad.`);
  const wanted = isEnough
    ? `${needed} of them are needed to say so`
    : `${input.minSessions} sessions are needed to say so`;
  return finding('unsure', `${found}: ${wanted}.`);
}

/** All limits held; names the one that was closest, because that is the one to watch. */
function passSentence(findings: readonly Finding[], sessions: number): string {
  const judged = findings.filter(({ state }) => state === 'good').map(({ evidence }) => evidence);
  const latency = judged.find(({ metric }) => metric === 'finalization-latency');
  const example = latency ?? judged[0];
  const detail =
    example === undefined || example.value === null || example.limit === null
      ? ''
      : `: ${metricSpecs[example.metric].title} ${formatValue(example.metric, example.value)}, limit ${formatValue(example.metric, example.limit)}`;
  return `${judged.length} of ${judged.length} metrics are within their limits over ${groupThousands(sessions)} sessions${detail}.`;
}
