import type { SessionRecord } from '../../transcript/session-record.ts';
import { CrossedUsers, type CrossedUsersJson } from '../crossed-users.ts';
import { type MetricId, metricIds } from '../metric-spec.ts';
import { BlockEvidence, blocksMax, type TimedBlock } from './block-evidence.ts';
import { type EpochInfo, type MetricSetup, outcomeWidth } from './epoch-sums.ts';
import { type EvidenceSource, SumsEvidence } from './evidence-window.ts';
import { afterSession, type GuardState, guardsAtRest } from './guards.ts';
import { LatencySketch } from './latency-sketch.ts';
import { ObservedTime } from './observed-time.ts';
import { restartMinutes } from './roll-evidence.ts';
import { latenciesOf, outcomesOf } from './session-outcomes.ts';
import {
  type AssignedSession,
  minuteMsDefault,
  SessionStream,
  type SessionStreamJson,
  type Taken,
} from './session-stream.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';

/** What is fixed before the first session. Another one is another bake with another error budget. */
export interface EvidenceSetup {
  /** When the rollout began, wall time. */
  readonly originMs: number;
  readonly metrics: readonly MetricSetup[];
  /** When a session's end is overdue: about p99 of session length plus the lag of reports. */
  readonly maturityMs: number;
  /** The same for its first two minutes. */
  readonly earlyMaturityMs: number;
  /** What a minute of the evidence takes on the wall; less on a compressed clock. Default: a minute. */
  readonly minuteMs?: number;
}

/** The first stretch of a session that is judged by itself. */
export const earlyWindowMs = 120_000;

/** Two minutes of a session, and half a minute for the report of them. */
export const earlyMaturityDefaultMs = 150_000;

/** Ends are overdue after half an hour unless the history of sessions says otherwise. */
export const maturityDefaultMs = 1_800_000;

export interface RolloutEvidenceJson {
  readonly schema: 'crossfade.evidence/1';
  readonly setup: EvidenceSetup;
  readonly ended: SessionStreamJson;
  readonly early: SessionStreamJson;
  readonly blocks: readonly (readonly TimedBlock[])[];
  readonly latencies: readonly (readonly [key: string, counts: ReturnType<LatencySketch['toJSON']>])[];
  readonly guards: readonly (readonly [epoch: number, state: GuardState])[];
  readonly health: readonly (readonly [epoch: number, health: Health])[];
  readonly crossed: CrossedUsersJson;
}

/** What the records of an epoch say beside the metrics. */
export interface Health {
  /** Candidate sessions by the build that their pipeline named. */
  readonly builds: Readonly<Record<string, number>>;
  /** Candidate sessions that failed, and of these those whose pipeline died, stalled or refused. */
  readonly failed: number;
  /** Sessions of either arm whose report came after their minute had matured. Absent in old logs. */
  readonly late?: number;
  readonly gone: number;
  /** Sessions of either arm whose user did not get all: audio lost, orphans or duplicates shown. */
  readonly harmed: number;
  readonly lostMs: number;
  readonly orphans: number;
  readonly duplicates: number;
  /** Users that were looked at, and of these those seen on both sides. */
  readonly users: number;
  readonly crossed: number;
}

const noHealth: Health = {
  builds: {},
  failed: 0,
  gone: 0,
  harmed: 0,
  lostMs: 0,
  orphans: 0,
  duplicates: 0,
  users: 0,
  crossed: 0,
};

/** Builds told apart in one epoch; what names more is broken anyway. */
const buildsMax = 8;

/** Latency metrics shown as a p95. */
const latencyIds = ['finalization-latency', 'stop-latency', 'first-partial-latency'] as const;

/**
 * All that is known of one rollout, in memory that does not grow with its sessions; plain data in JSON. Feed it with
 * assignments, early outcomes and records in any order, as often as they come; then `advance` it and ask.
 */
export class RolloutEvidence {
  readonly setup: EvidenceSetup;
  readonly ended: SessionStream;
  readonly early: SessionStream;
  /** Whoever looks tells it when nobody did, before anything that came after is told. Not part of the JSON. */
  readonly observed = new ObservedTime();
  readonly #blockSetups: readonly MetricSetup[];
  #blocks: TimedBlock[][];
  readonly #latencies = new Map<string, LatencySketch>();
  readonly #guards = new Map<number, GuardState>();
  readonly #health = new Map<number, Health>();
  #crossed = new CrossedUsers();

  constructor(setup: EvidenceSetup) {
    this.setup = setup;
    const inWindow = (window: string) => setup.metrics.filter(({ metric }) => metric.window === window);
    const { originMs, maturityMs, earlyMaturityMs, minuteMs } = setup;
    this.ended = new SessionStream(inWindow('ended'), originMs, maturityMs, minuteMs, this.observed);
    this.early = new SessionStream(inWindow('early'), originMs, earlyMaturityMs, minuteMs, this.observed);
    this.#blockSetups = inWindow('blocks');
    this.#blocks = this.#blockSetups.map(() => []);
  }

  /** A share begins to hold. Sessions of epochs that were not opened are refused. */
  openEpoch(info: EpochInfo): void {
    this.ended.openEpoch(info);
    this.early.openEpoch(info);
  }

  /** Minutes of the evidence since the rollout began. */
  minuteAt(nowMs: number): number {
    const { originMs, minuteMs = minuteMsDefault } = this.setup;
    return Math.floor((nowMs - originMs) / minuteMs);
  }

  /** What is fixed of an epoch; undefined when it was not opened. */
  epochInfo(epoch: number): EpochInfo | undefined {
    return this.ended.epochs.find(({ info }) => info.epoch === epoch)?.info;
  }

  /** A session was assigned: its silence will count as a failure. */
  started(session: AssignedSession, receivedAtMs?: number): Taken {
    this.early.announce(session, receivedAtMs);
    this.#look(session);
    return this.ended.announce(session, receivedAtMs);
  }

  /** Remembers which side a user is on, where a share decided. A lease that ran out may well change sides. */
  #look({ epoch, userHash, arm, reason }: AssignedSession): void {
    if (reason === 'SPLIT' && this.epochInfo(epoch) !== undefined) this.#crossed.add(epoch, userHash, arm);
  }

  /** A session's first two minutes are over: it failed in them (did not start, stored nothing, met an error), or not. */
  reportedEarly(session: AssignedSession, failed: boolean, receivedAtMs?: number): Taken {
    const outcomes = new Float64Array(this.early.setups.length * outcomeWidth);
    for (const [i, { metric }] of this.early.setups.entries()) {
      if (metric.id === 'early-failure') outcomes.set([failed ? 1 : 0, 1, failed ? 1 : 0], i * outcomeWidth);
    }
    return this.early.report(session, outcomes, receivedAtMs);
  }

  /** A session ended. Counts once, however often and late the record comes. */
  recorded(record: SessionRecord, receivedAtMs?: number): Taken {
    const { arm, rollout, userHash, reason, rule } = record.assignment;
    const session: AssignedSession = {
      sessionId: record.sessionId,
      arm,
      epoch: rollout?.epoch ?? -1,
      userHash,
      startedAtMs: record.startedAtMs,
      reason,
      ...(rule === undefined ? {} : { rule }),
    };
    // A session shorter than the early window has its early outcome in its record.
    if (record.endedAtMs - record.startedAtMs <= earlyWindowMs) {
      this.reportedEarly(session, record.pipeline.failed || isDead(record), receivedAtMs);
    }
    const taken = this.ended.report(session, outcomesOf(this.ended.setups, record), receivedAtMs);
    if (taken !== 'taken' && taken !== 'late' && taken !== 'not-random') return taken;
    if (this.epochInfo(session.epoch) === undefined) return taken;
    this.#noted(record, session.epoch, taken);
    if (taken !== 'taken') return taken;
    this.#look(session);
    for (const id of latencyIds) {
      const sketch = this.latencies(id, session.epoch, arm);
      for (const ms of latenciesOf(id, record)) sketch.add(ms);
    }
    return taken;
  }

  /** What needs no comparison is asked of every session: whether its user got all, and whether it lived. */
  #noted(record: SessionRecord, epoch: number, taken: 'taken' | 'late' | 'not-random'): void {
    const health = healthAfter(this.#health.get(epoch) ?? noHealth, record);
    this.#health.set(epoch, taken === 'late' ? { ...health, late: (health.late ?? 0) + 1 } : health);
    // The guards look at runs of sessions as they end: one from long ago breaks none.
    if (taken === 'late') return;
    const { assignment, endedAtMs } = record;
    const ended = { arm: assignment.arm, dead: isDead(record), endedAtMs, byCoin: taken === 'taken' };
    this.#guards.set(epoch, afterSession(this.guards(epoch), ended));
  }

  /** What the records of an epoch say beside the metrics. */
  health(epoch: number): Health {
    return { ...(this.#health.get(epoch) ?? noHealth), ...this.#crossed.counts(epoch) };
  }

  /** Sessions of all epochs whose users did not get all. */
  get harmedSessions(): number {
    return [...this.#health.values()].reduce((sum, { harmed }) => sum + harmed, 0);
  }

  /** The metrics that are measured by blocks, with their blocks. */
  blocks(): readonly (readonly [setup: MetricSetup, blocks: readonly TimedBlock[]])[] {
    return this.#blockSetups.map((setup, i) => [setup, this.#blocks[i] ?? []] as const);
  }

  /** A block of a metric that is measured per process. Refused beyond what a rollout can have. */
  blockMeasured(id: SequentialMetricId, block: TimedBlock): boolean {
    const blocks = this.#blocks[this.#blockSetups.findIndex(({ metric }) => metric.id === id)];
    if (blocks === undefined || blocks.length >= blocksMax) return false;
    if (blocks.some(({ minute }) => minute === block.minute)) return false;
    blocks.push(block);
    blocks.sort((a, b) => a.minute - b.minute);
    return true;
  }

  /** Brings in what has matured by now. */
  advance(nowMs: number): void {
    this.ended.advance(nowMs);
    this.early.advance(nowMs);
  }

  /** What the judge reads: of all epochs, or of one. */
  sources(epoch?: number): readonly EvidenceSource[] {
    const sums = ({ setups, epochs }: SessionStream): SumsEvidence =>
      new SumsEvidence(
        setups,
        epoch === undefined ? epochs : epochs.filter(({ info }) => info.epoch === epoch),
      );
    return [
      sums(this.early),
      sums(this.ended),
      new BlockEvidence(this.#blockSetups, this.#blocks, restartMinutes),
    ].filter(({ setups }) => setups.length > 0);
  }

  /** Latencies of an arm in an epoch, for what is shown. */
  latencies(id: MetricId, epoch: number, arm: 'control' | 'candidate'): LatencySketch {
    const key = `${id}/${epoch}/${arm}`;
    let sketch = this.#latencies.get(key);
    if (sketch === undefined) this.#latencies.set(key, (sketch = new LatencySketch(this.#edgesMs(id))));
    return sketch;
  }

  #edgesMs(id: MetricId): readonly number[] {
    const setup = this.setup.metrics.find(({ metric }) => metric.id === id);
    return [setup?.limitMs, setup?.baseline.p95Ms].filter((edge) => edge !== undefined);
  }

  /** What the guards remember of an epoch. */
  guards(epoch: number): GuardState {
    return this.#guards.get(epoch) ?? guardsAtRest;
  }

  toJSON(): RolloutEvidenceJson {
    return {
      schema: 'crossfade.evidence/1',
      setup: this.setup,
      ended: this.ended.toJSON(),
      early: this.early.toJSON(),
      blocks: this.#blocks,
      latencies: [...this.#latencies].map(([key, sketch]) => [key, sketch.toJSON()] as const),
      guards: [...this.#guards],
      health: [...this.#health],
      crossed: this.#crossed.toJSON(),
    };
  }

  /**
   * Goes on where it was saved: a restart spends no error twice. Null when it was saved under another setup (a margin, a
   * limit, a weight changed): that evidence belongs to another bake.
   */
  static restore(setup: EvidenceSetup, json: RolloutEvidenceJson): RolloutEvidence | null {
    if (JSON.stringify(setup) !== JSON.stringify(json.setup)) return null;
    const evidence = new RolloutEvidence(setup);
    evidence.ended.restore(json.ended);
    evidence.early.restore(json.early);
    evidence.#blocks = json.blocks.map((blocks) => [...blocks]);
    for (const [key, counts] of json.latencies) {
      const id = metricIds.find((metricId) => key.startsWith(`${metricId}/`));
      if (id !== undefined)
        evidence.#latencies.set(key, LatencySketch.fromJSON(evidence.#edgesMs(id), counts));
    }
    for (const [epoch, state] of json.guards) evidence.#guards.set(epoch, state);
    for (const [epoch, health] of json.health) evidence.#health.set(epoch, health);
    evidence.#crossed = CrossedUsers.fromJSON(json.crossed);
    return evidence;
  }
}

/** Whether the arm brought nothing at all to a session that offered audio. */
export function isDead({ pipeline }: SessionRecord): boolean {
  return (
    pipeline.failed && pipeline.samplesOffered > 0 && pipeline.samplesCovered === 0 && pipeline.entries === 0
  );
}

function healthAfter(before: Health, record: SessionRecord): Health {
  const { assignment, user, sampleRate } = record;
  const lostMs = (Math.max(0, user.samplesOffered - user.samplesCovered) * 1_000) / sampleRate;
  const isHarmed = lostMs > 0 || user.orphans > 0 || user.duplicateEntries > 0;
  const build =
    assignment.arm === 'candidate'
      ? record.pipeline.attempts.find(({ upstream }) => upstream === assignment.upstream)?.build
      : undefined;
  const { failed: hasFailed, deaths, stalls, refusals } = record.pipeline;
  const failed = assignment.arm === 'candidate' && hasFailed ? 1 : 0;
  if (!isHarmed && build === undefined && failed === 0) return before;
  const counted =
    build === undefined ||
    (!Object.hasOwn(before.builds, build) && Object.keys(before.builds).length >= buildsMax)
      ? before.builds
      : { ...before.builds, [build]: (before.builds[build] ?? 0) + 1 };
  return {
    ...before,
    builds: counted,
    failed: before.failed + failed,
    gone: before.gone + (failed === 1 && deaths + stalls + refusals > 0 ? 1 : 0),
    harmed: before.harmed + (isHarmed ? 1 : 0),
    lostMs: before.lostMs + lostMs,
    orphans: before.orphans + user.orphans,
    duplicates: before.duplicates + user.duplicateEntries,
  };
}
