import type { SessionRecord } from '../../transcript/session-record.ts';
import { type MetricId, metricIds } from '../metric-spec.ts';
import { BlockEvidence, blocksMax, type TimedBlock } from './block-evidence.ts';
import { candidateArm, controlArm } from './cell-layout.ts';
import { type EpochInfo, type MetricSetup, outcomeWidth } from './epoch-sums.ts';
import { type EvidenceSource, SumsEvidence } from './evidence-window.ts';
import { afterSession, type GuardState, guardsAtRest } from './guards.ts';
import { LatencySketch } from './latency-sketch.ts';
import type { SplitCounts } from './ratio-mismatch.ts';
import { lnMismatchEvidence, mismatchAlpha } from './ratio-mismatch.ts';
import { restartMinutes } from './roll-evidence.ts';
import { latenciesOf, outcomesOf } from './session-outcomes.ts';
import { type AssignedSession, SessionStream, type SessionStreamJson, type Taken } from './session-stream.ts';
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
}

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
}

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
  readonly #blockSetups: readonly MetricSetup[];
  #blocks: TimedBlock[][];
  readonly #latencies = new Map<string, LatencySketch>();
  readonly #guards = new Map<number, GuardState>();

  constructor(setup: EvidenceSetup) {
    this.setup = setup;
    const inWindow = (window: string) => setup.metrics.filter(({ metric }) => metric.window === window);
    this.ended = new SessionStream(inWindow('ended'), setup.originMs, setup.maturityMs);
    this.early = new SessionStream(inWindow('early'), setup.originMs, setup.earlyMaturityMs);
    this.#blockSetups = inWindow('blocks');
    this.#blocks = this.#blockSetups.map(() => []);
  }

  /** A share begins to hold. Sessions of epochs that were not opened are refused. */
  openEpoch(info: EpochInfo): void {
    this.ended.openEpoch(info);
    this.early.openEpoch(info);
  }

  /** A session was assigned: its silence will count as a failure. */
  started(session: AssignedSession): void {
    this.ended.announce(session);
    this.early.announce(session);
  }

  /** A session's first two minutes are over: it failed in them (did not start, stored nothing, met an error), or not. */
  reportedEarly(session: AssignedSession, failed: boolean): Taken {
    const outcomes = new Float64Array(this.early.setups.length * outcomeWidth);
    for (const [i, { metric }] of this.early.setups.entries()) {
      if (metric.id === 'early-failure') outcomes.set([failed ? 1 : 0, 1, failed ? 1 : 0], i * outcomeWidth);
    }
    return this.early.report(session, outcomes);
  }

  /** A session ended. Counts once, however often and late the record comes. */
  recorded(record: SessionRecord): Taken {
    const { arm, rollout, userHash, reason } = record.assignment;
    const session: AssignedSession = {
      sessionId: record.sessionId,
      arm,
      epoch: rollout?.epoch ?? -1,
      userHash,
      startedAtMs: record.startedAtMs,
      reason,
    };
    const taken = this.ended.report(session, outcomesOf(this.ended.setups, record));
    if (taken !== 'taken') return taken;
    for (const id of latencyIds) {
      const sketch = this.latencies(id, session.epoch, arm);
      for (const ms of latenciesOf(id, record)) sketch.add(ms);
    }
    const before = this.guards(session.epoch);
    const ended = { arm, dead: isDead(record), endedAtMs: record.endedAtMs };
    this.#guards.set(session.epoch, afterSession(before, ended));
    return taken;
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
    return evidence;
  }
}

/** Whether the arm brought nothing at all to a session that offered audio. */
export function isDead({ pipeline }: SessionRecord): boolean {
  return (
    pipeline.failed && pipeline.samplesOffered > 0 && pipeline.samplesCovered === 0 && pipeline.entries === 0
  );
}

/** Which comparison is broken, by the split of users between the arms. */
export interface Mismatch {
  /** `assignments`: not what the ruleset gives. `ends`: assigned as planned, and one side does not report. */
  readonly broken: 'assignments' | 'ends';
  readonly sentence: string;
}

/** Whether users fell on the arms as planned, and whether both arms report alike; null when so. Own alpha of 0.001. */
export function mismatchOf({ ended }: Pick<RolloutEvidence, 'ended'>): Mismatch | null {
  const epochs = ended.epochs.filter(({ info }) => info.share !== null);
  for (const [broken, counted] of [
    ['assignments', 'assigned'],
    ['ends', 'ended'],
  ] as const) {
    const splits = epochs.map((epoch): SplitCounts => {
      const share = epoch.info.share ?? 0;
      const counts = [epoch.units(candidateArm)[counted], epoch.units(controlArm)[counted]];
      return { counts, shares: [share, 1 - share] };
    });
    if (lnMismatchEvidence(splits) < Math.log(1 / mismatchAlpha)) continue;
    const sum = (arm: number): number => splits.reduce((total, { counts }) => total + (counts[arm] ?? 0), 0);
    const expected = splits.reduce(
      (total, { counts, shares }) => total + (shares[0] ?? 0) * ((counts[0] ?? 0) + (counts[1] ?? 0)),
      0,
    );
    const what = broken === 'assignments' ? 'were assigned to' : 'reported an end from';
    return {
      broken,
      sentence: `${sum(0)} users ${what} the candidate and ${sum(1)} control, ${Math.round(expected)} of them should be the candidate's: the comparison is broken.`,
    };
  }
  return null;
}
