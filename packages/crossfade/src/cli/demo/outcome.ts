import { MetricAggregate } from '../../analysis/metrics.ts';
import type { RolloutStatus } from '../../controller/rollout-status.ts';
import { auditWords } from '../../signal/word-audit.ts';
import { wordIndex } from '../../signal/word-text.ts';
import type { SessionRecord } from '../../transcript/session-record.ts';
import type { DemoSession } from './crowd.ts';

/** A frame's usual place in the p99. */
const lateQuantile = 0.99;

export interface DemoRollout {
  readonly name: string;
  readonly state: RolloutStatus['state'];
  /** Stages that it entered, in order. */
  readonly stages: readonly string[];
  readonly receipt?: DemoReceipt;
  /** Gate to what settled it. */
  readonly gates: Readonly<Record<string, 'live' | 'acceptance' | 'waiver' | null>>;
}

export interface DemoReceipt {
  /** The metric or the guard that the judge named; null when a person rolled back. */
  readonly culprit: string | null;
  readonly reason: string;
  readonly actor: string;
  readonly sessions: number;
  /** Outcome to number of sessions. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly samplesLost: number;
  readonly unacknowledged: readonly string[];
  readonly unreported: readonly string[];
}

/** The last line of `crossfade demo --json`. */
export interface DemoSummary {
  readonly ok: boolean;
  /** What went wrong, a sentence each; empty when ok. */
  readonly problems: readonly string[];
  readonly audioOfferedMs: number;
  readonly audioLostMs: number;
  readonly duplicateEntries: number;
  readonly orphans: number;
  readonly entries: number;
  /** By the pipeline that was chosen for them. */
  readonly sessions: Readonly<Record<string, number>>;
  /** By engine. */
  readonly engines: Readonly<Record<string, number>>;
  readonly peakSessions: number;
  readonly finalLatencyMsP95: Readonly<Record<string, number | null>>;
  /** Words whose place was known to the sample: sent, and missing in the transcript that the client had. */
  readonly probe: {
    readonly sessions: number;
    readonly words: number;
    readonly missing: number;
    readonly repeated: number;
  };
  readonly senderLateMs: { readonly p99: number; readonly max: number };
  /** Of the first build, before its first stage; null: it did not run. */
  readonly acceptance: {
    readonly result: string;
    readonly sentence: string;
    readonly htmlPath: string;
  } | null;
  readonly rollouts: readonly DemoRollout[];
  readonly durationMs: number;
}

export interface DemoFacts {
  readonly sessions: readonly DemoSession[];
  /** The gateway's records, one for each session. */
  readonly records: readonly SessionRecord[];
  /** Null: it was left out. */
  readonly good: RolloutStatus | null;
  /** Null: it did not begin, because the first one did not complete. */
  readonly bad: RolloutStatus | null;
  /** What the judge may name as the fault of the bad build. */
  readonly culprits: readonly string[];
  /** By rollout, the stages that its audit names. */
  readonly stages: Readonly<Record<string, readonly string[]>>;
  /** Pipelines whose transcripts must hold every word; the old one may miss a tail. */
  readonly wholePipelines: ReadonlySet<string>;
  readonly acceptance: DemoSummary['acceptance'];
  readonly peakSessions: number;
  readonly durationMs: number;
}

/** What the demo showed, and whether it kept every promise. Numbers come from the session records and the clients. */
export function outcomeOf(facts: DemoFacts): DemoSummary {
  const { sessions, records, good, bad } = facts;
  const user = new MetricAggregate('user', records);
  const unrecorded = offeredWithoutRecord(sessions, records);
  const lateMs = sessions.flatMap(({ spoken }) => spoken.lateMs).sort((a, b) => a - b);
  const shown = {
    audioOfferedMs: Math.round(sum(sessions.map(({ spoken }) => spoken.audioMs))),
    audioLostMs: Math.round(user.lostMs + unrecorded.lostMs),
    duplicateEntries: Math.max(
      sum(records.map((record) => record.user.duplicateEntries)),
      sum(sessions.map(({ spoken }) => spoken.duplicateEntries)),
    ),
    orphans: sum(records.map((record) => record.user.orphans)),
    probe: probeOf(facts),
  };
  const problems = [
    ...lossProblems(shown),
    ...unrecorded.problems,
    ...sessionProblems(sessions),
    ...goodProblems(good),
    ...badProblems(bad, records, facts.culprits),
  ];
  return {
    ok: problems.length === 0,
    problems,
    ...shown,
    entries: sum(records.map((record) => record.user.entries)),
    sessions: countBy(records, (record) => record.assignment.upstream),
    engines: countBy(records, (record) => record.model),
    peakSessions: facts.peakSessions,
    acceptance: facts.acceptance,
    finalLatencyMsP95: latencyByPipeline(records),
    senderLateMs: {
      p99: Math.round(lateMs[Math.ceil(lateMs.length * lateQuantile) - 1] ?? 0),
      max: Math.round(lateMs.at(-1) ?? 0),
    },
    rollouts: [good, bad]
      .filter((status) => status !== null)
      .map((status) => rolloutOf(status, facts.stages[status.name] ?? [])),
    durationMs: Math.round(facts.durationMs),
  };
}

/** Latency p95 of finals by chosen pipeline, of the pipeline's own work. */
export function latencyByPipeline(records: readonly SessionRecord[]): Record<string, number | null> {
  const byPipeline = new Map<string, MetricAggregate>();
  for (const record of records) {
    const { upstream } = record.assignment;
    const aggregate = byPipeline.get(upstream) ?? new MetricAggregate('pipeline');
    aggregate.add(record);
    byPipeline.set(upstream, aggregate);
  }
  return Object.fromEntries(
    [...byPipeline].map(([name, aggregate]) => [name, aggregate.metric('finalization-latency').value]),
  );
}

/** Audio of sessions that the gateway has no record of, or counted less than the client sent: lost. */
function offeredWithoutRecord(
  sessions: readonly DemoSession[],
  records: readonly SessionRecord[],
): { readonly lostMs: number; readonly problems: readonly string[] } {
  const byId = new Map(records.map((record) => [record.sessionId, record]));
  let lostMs = 0;
  const problems: string[] = [];
  for (const { spoken } of sessions) {
    const record = spoken.sessionId === null ? undefined : byId.get(spoken.sessionId);
    const received = record?.user.samplesOffered ?? 0;
    if (received >= spoken.samplesOffered) continue;
    lostMs += spoken.audioMs * (1 - received / spoken.samplesOffered);
    const what = record === undefined ? 'no record' : `${received} of ${spoken.samplesOffered} samples`;
    problems.push(`Session ${spoken.sessionId ?? '(unnamed)'}: the gateway has ${what}.`);
  }
  return { lostMs, problems };
}

function lossProblems(shown: {
  readonly audioLostMs: number;
  readonly duplicateEntries: number;
  readonly probe: DemoSummary['probe'];
}): readonly string[] {
  const { audioLostMs, duplicateEntries, probe } = shown;
  return [
    ...(audioLostMs > 0 ? [`${audioLostMs} ms of audio were lost; none may be.`] : []),
    ...(duplicateEntries > 0 ? [`Users saw ${duplicateEntries} duplicate entries; none may be.`] : []),
    ...(probe.missing + probe.repeated > 0
      ? [`Of ${probe.words} probe words ${probe.missing} are missing and ${probe.repeated} came twice.`]
      : []),
  ];
}

function sessionProblems(sessions: readonly DemoSession[]): readonly string[] {
  const failed = sessions.filter(({ spoken }) => spoken.failure !== null);
  const [first] = failed;
  if (first === undefined) return sessions.length === 0 ? ['No session was spoken.'] : [];
  return [`${failed.length} sessions did not end in order, the first: ${first.spoken.failure}.`];
}

function goodProblems(good: RolloutStatus | null): readonly string[] {
  if (good === null) return [];
  if (good.state !== 'completed') return [`The good build is ${good.state}, not completed.`];
  const open = good.gates.filter(
    ({ liveAtStage, settledBy }) => liveAtStage !== null && settledBy !== 'live',
  );
  return open.map(({ metric }) => `${metric} was to be proven live, and is not.`);
}

/** The receipt must be closed and name every session that was open on the bad build when it was taken back. */
function badProblems(
  bad: RolloutStatus | null,
  records: readonly SessionRecord[],
  culprits: readonly string[],
): readonly string[] {
  if (bad === null) return ['The second build was not rolled out.'];
  const { receipt } = bad;
  if (bad.state !== 'rolled-back' || receipt === null)
    return [`The bad build is ${bad.state}, not rolled back.`];
  const culprit = receipt.evidence?.culprit ?? 'nothing';
  const named = new Set(receipt.sessions.map(({ sessionId }) => sessionId));
  const open = receipt.sessions.filter(({ outcome }) => outcome === 'open').length;
  const drained = records.filter((record) => record.drain?.id === receipt.drainId);
  const unnamed = drained.filter(({ sessionId }) => !named.has(sessionId)).length;
  return [
    ...(culprits.includes(culprit) ? [] : [`The judge named ${culprit}, expected ${culprits.join(' or ')}.`]),
    ...(receipt.completedAtMs === null ? ['The receipt is not closed.'] : []),
    ...(receipt.sessions.length === 0 ? ['The receipt names no session: none was in flight.'] : []),
    ...(open > 0 ? [`The receipt lists ${open} sessions as still open.`] : []),
    ...(unnamed > 0 ? [`${unnamed} sessions that were open at the rollback are not in the receipt.`] : []),
    ...(receipt.samplesLost > 0 ? [`The receipt says ${receipt.samplesLost} samples were lost.`] : []),
    ...(receipt.unreported.length > 0 ? [`No report came from ${receipt.unreported.join(', ')}.`] : []),
  ];
}

/** Every probe word of sessions that a whole pipeline served, against the transcript its client received. */
function probeOf({ sessions, records, wholePipelines }: DemoFacts): DemoSummary['probe'] {
  const servedBy = new Map(records.map((record) => [record.sessionId, record.assignment.upstream]));
  const probe = { sessions: 0, words: 0, missing: 0, repeated: 0 };
  for (const { script, spoken } of sessions) {
    const pipeline = servedBy.get(spoken.sessionId ?? '');
    if (script === null || pipeline === undefined || !wholePipelines.has(pipeline)) continue;
    const heard = spoken.words.map(({ text, start }) => ({ index: wordIndex(text) ?? -1, start }));
    const audit = auditWords(script, heard);
    probe.sessions += 1;
    probe.words += script.words.length;
    probe.missing += audit.missing.length;
    probe.repeated += audit.repeated.length;
  }
  return probe;
}

function rolloutOf(
  { name, state, receipt, gates: all }: RolloutStatus,
  stages: readonly string[],
): DemoRollout {
  const gates = Object.fromEntries(all.map(({ metric, settledBy }) => [metric, settledBy]));
  if (receipt === null) return { name, state, stages, gates };
  const { reason, actor, sessions, samplesLost, unacknowledged, unreported, evidence } = receipt;
  const outcomes = countBy(sessions, ({ outcome }) => outcome);
  return {
    name,
    state,
    stages,
    gates,
    receipt: {
      culprit: evidence?.culprit ?? null,
      reason,
      actor,
      sessions: sessions.length,
      outcomes,
      samplesLost,
      unacknowledged,
      unreported,
    },
  };
}

export function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
