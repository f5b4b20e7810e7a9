/**
 * All that one verdict is a function of, as plain data. It is taken from the sums once, kept in the log with the verdict,
 * and judged from there: what is replayed later is what was judged then.
 */
import { blockContrast } from './block-differences.ts';
import {
  type ArmIndex,
  candidateArm,
  cellAt,
  controlArm,
  momentsAt,
  type OutcomeKind,
} from './cell-layout.ts';
import type { EpochSums, MetricSetup } from './epoch-sums.ts';
import type { EvidenceSource, WindowEvidence } from './evidence-window.ts';
import type { GuardState } from './guards.ts';
import type { Contrast, RatioMoments } from './ratio-moments.ts';
import { type Coins, restartMinutes, startWeights } from './roll-evidence.ts';
import type { Health, RolloutEvidence } from './rollout-evidence.ts';
import type { SequentialMetricId } from './sequential-metrics.ts';
import type { SessionStream } from './session-stream.ts';

/** What the judge is asked, beside the evidence. Fixed before the rollout, but for the stage and the moment. */
export interface Question {
  readonly nowMs: number;
  /** The epoch that runs. */
  readonly epoch: number;
  /** Fixed before the rollout; a change is a new bake. */
  readonly alpha: number;
  /** How long the rollout was planned to take, all stages, in minutes of the evidence. */
  readonly horizonMinutes: number;
  /** In how many stages a coin assigns. Absent in old logs: judged as if all were like the one that ran. */
  readonly coins?: Coins;
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
  /** The candidate's build by the plan; absent: what pipelines name is not compared. */
  readonly build?: string;
  /** How long no session ended, ms, when that is too long to judge by; absent: telemetry is fresh. */
  readonly silentMs?: number;
  /** How long no gateway was heard, ms, when that is too long to go on; `nowMs` is when one was. Absent: one is heard. */
  readonly unheardMs?: number;
}

/** n, events, ΣY, ΣX, ΣYY, ΣXY, ΣXX, design effect. */
export type Sums = readonly [number, number, number, number, number, number, number, number];

/** One metric of the sums. Epochs without a random control are left out, but for the one that runs. */
export interface MeasuredMetric {
  readonly id: SequentialMetricId;
  readonly epochs: readonly (readonly [epoch: number, candidate: Sums, control: Sums])[];
  /** The candidate's against the limit, in the epoch that runs. */
  readonly limit: Sums | null;
  readonly p95Ms: readonly [candidate: number | null, control: number | null];
}

/** One metric of the processes: blocks of 30 minutes. */
export interface MeasuredBlocks {
  readonly id: SequentialMetricId;
  readonly blocks: number;
  /** Means over the blocks; null without any. */
  readonly candidate: number | null;
  readonly control: number | null;
  /** Of the plain difference, and against the promotion margin. */
  readonly contrast: Contrast;
  readonly promotion: Contrast;
}

export interface MeasuredSplit {
  readonly share: number;
  /** Users by arm: assigned, and of these those that reported an end. */
  readonly candidate: readonly [assigned: number, ended: number];
  readonly control: readonly [assigned: number, ended: number];
}

export interface Measurement {
  readonly schema: 'crossfade.measurement/1';
  readonly question: Question;
  /** Minutes of the evidence since the rollout began. */
  readonly minute: number;
  /** The candidate's share in the epoch that runs; null: no coin. */
  readonly share: number | null;
  /** Per start time that has begun: ln of relative evidence, of limit bets and of the limit, metric after metric. */
  readonly windows: readonly (readonly number[])[];
  /** Per start time: ln of the limit bets in epochs without a coin. Absent where all epochs are of one kind. */
  readonly aloneLimitBets?: readonly (readonly number[])[];
  /** Per start time: ln of the limit bets in the epoch that runs alone. */
  readonly epochLimitBets: readonly (readonly number[])[];
  readonly metrics: readonly MeasuredMetric[];
  readonly blocks: readonly MeasuredBlocks[];
  readonly guards: GuardState;
  readonly splits: readonly MeasuredSplit[];
  /** Sessions of the epoch that have not matured yet. */
  readonly waiting: { readonly candidate: number; readonly control: number };
  /** Sessions of the epoch that matured with a report of their end. Absent in old logs: not counted then. */
  readonly reported?: { readonly candidate: number; readonly control: number };
  readonly health: Health;
  /** Sessions whose users did not get all, over all epochs: never forgotten by a new one. */
  readonly harmed: number;
}

/** Beyond any decision, and a number that JSON can write. */
const lnMax = 1e6;

/** A millionth of a nat decides nothing, and makes the log a third shorter. */
function rounded(ln: number): number {
  return Math.round(Math.min(lnMax, Math.max(-lnMax, ln)) * 1e6) / 1e6;
}

/** Takes the measurement that `question` asks for. The evidence must have been advanced to its moment. */
export function measure(evidence: RolloutEvidence, question: Question): Measurement {
  const { epoch, horizonMinutes } = question;
  const minute = evidence.minuteAt(question.nowMs);
  const starts = startWeights(horizonMinutes).flatMap((_, restart) =>
    restart === 0 || restart * restartMinutes <= minute ? [restart] : [],
  );
  const windowsOf = (sources: readonly EvidenceSource[]): readonly (readonly WindowEvidence[])[] =>
    starts.map((restart) => sources.flatMap((source) => source.since(restart)));
  const streams = [evidence.early, evidence.ended];
  const current = evidence.ended.epochs.find(({ info }) => info.epoch === epoch);
  const windows = windowsOf(evidence.sources());
  return {
    schema: 'crossfade.measurement/1',
    question,
    minute,
    share: evidence.epochInfo(epoch)?.share ?? null,
    windows: windows.map((metrics) =>
      metrics.flatMap(({ lnRelative, lnLimitBets, lnLimit }) =>
        [lnRelative, lnLimitBets, lnLimit].map(rounded),
      ),
    ),
    ...(question.coins === 'some'
      ? {
          aloneLimitBets: windows.map((metrics) => metrics.map(({ lnLimitAlone }) => rounded(lnLimitAlone))),
        }
      : {}),
    epochLimitBets: windowsOf(evidence.sources(epoch)).map((metrics) =>
      metrics.map(({ lnLimitBets }) => rounded(lnLimitBets)),
    ),
    metrics: streams.flatMap((stream) => measuredMetrics(evidence, stream, epoch)),
    blocks: evidence.blocks().map(([{ metric }, blocks]) => {
      const mean = (arm: 'candidate' | 'control'): number | null =>
        blocks.length === 0 ? null : blocks.reduce((sum, block) => sum + block[arm], 0) / blocks.length;
      return {
        id: metric.id,
        blocks: blocks.length,
        candidate: mean('candidate'),
        control: mean('control'),
        contrast: blockContrast(blocks, 0),
        promotion: blockContrast(blocks, metric.promotionMargin),
      };
    }),
    guards: evidence.guards(epoch),
    splits: evidence.ended.epochs.flatMap((sums) => splitOf(sums)),
    waiting: evidence.ended.waiting(epoch),
    reported: {
      candidate: current?.reported(candidateArm) ?? 0,
      control: current?.reported(controlArm) ?? 0,
    },
    health: evidence.health(epoch),
    harmed: evidence.harmedSessions,
  };
}

function measuredMetrics(
  evidence: RolloutEvidence,
  { setups, epochs }: SessionStream,
  epoch: number,
): readonly MeasuredMetric[] {
  const shown = epochs
    .filter(({ info }) => info.share !== null || info.epoch === epoch)
    .map((sums) => ({ sums, cells: sums.since(0, new Float64Array(sums.width)) }));
  const current = shown.find(({ sums }) => sums.info.epoch === epoch);
  return setups.map((setup, metric) => ({
    id: setup.metric.id,
    epochs: shown.map(({ sums, cells }) => {
      const compared = (arm: ArmIndex): Sums => packed(sums, cells, { metric, arm, kind: 'compared' });
      return [sums.info.epoch, compared(candidateArm), compared(controlArm)] as const;
    }),
    limit:
      current === undefined
        ? null
        : packed(current.sums, current.cells, { metric, arm: candidateArm, kind: 'limit' }),
    p95Ms: p95Of(evidence, setup, epoch),
  }));
}

function packed(
  sums: EpochSums,
  cells: Float64Array,
  { metric, arm, kind }: { readonly metric: number; readonly arm: ArmIndex; readonly kind: OutcomeKind },
): Sums {
  const effect = sums.designEffect(metric, arm, kind);
  const { n, events, sumY, sumX, sumYY, sumXY, sumXX } = momentsAt(cells, cellAt(metric, arm), kind, effect);
  return [n, events, sumY, sumX, sumYY, sumXY, sumXX, effect];
}

/** The sums as what the engines read. */
export function momentsFrom([n, events, sumY, sumX, sumYY, sumXY, sumXX, designEffect]: Sums): RatioMoments {
  return { n, events, sumY, sumX, sumYY, sumXY, sumXX, designEffect };
}

function p95Of(
  evidence: RolloutEvidence,
  { metric: { id } }: MetricSetup,
  epoch: number,
): MeasuredMetric['p95Ms'] {
  if (id !== 'finalization-latency' && id !== 'stop-latency' && id !== 'first-partial-latency') {
    return [null, null];
  }
  const of = (arm: 'control' | 'candidate'): number | null => {
    const ms = evidence.latencies(id, epoch, arm).quantile(0.95);
    // Rounded up: never flattered.
    return ms === null ? null : Math.ceil(ms);
  };
  return [of('candidate'), of('control')];
}

function splitOf(sums: EpochSums): readonly MeasuredSplit[] {
  const { share } = sums.info;
  if (share === null) return [];
  const [candidate, control] = [candidateArm, controlArm].map((arm) => {
    const { assigned, ended } = sums.units(arm);
    return [assigned, ended] as const;
  });
  return [{ share, candidate: candidate!, control: control! }];
}

/** The windows of a measurement, for the same arithmetic as the sums they were taken from. */
export class MeasuredEvidence implements EvidenceSource {
  readonly setups: readonly MetricSetup[];
  readonly #since: (restart: number, metric: number) => WindowEvidence;

  constructor(
    setups: readonly MetricSetup[],
    { windows, aloneLimitBets, epochLimitBets }: Measurement,
    of: 'rollout' | 'epoch' = 'rollout',
  ) {
    this.setups = setups;
    this.#since = (restart, metric) => {
      if (of === 'epoch') {
        const lnBets = epochLimitBets[restart]?.[metric] ?? 0;
        return { lnRelative: 0, lnLimitBets: lnBets, lnLimit: 0, lnLimitAlone: 0 };
      }
      const [lnRelative = 0, lnLimitBets = 0, lnLimit = 0] = (windows[restart] ?? []).slice(3 * metric);
      const lnLimitAlone =
        aloneLimitBets === undefined ? lnLimitBets : (aloneLimitBets[restart]?.[metric] ?? 0);
      return { lnRelative, lnLimitBets, lnLimit, lnLimitAlone };
    };
  }

  since(restart: number): readonly WindowEvidence[] {
    return this.setups.map((_, metric) => this.#since(restart, metric));
  }
}
