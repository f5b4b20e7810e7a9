import type { SessionRecord } from '../../transcript/session-record.ts';
import { contributions } from '../contribution.ts';
import { type MetricId, metricIds, metricSpecs } from '../metric-spec.ts';
import { type MetricSetup, outcomeWidth } from './epoch-sums.ts';

/** What one session brings to one metric. */
interface Outcome {
  readonly y: number;
  readonly x: number;
  readonly yLimit: number;
}

/**
 * A session record as outcomes, by the pipeline ledger: the assigned arm's own work before any rescue. The sums of the
 * metrics come from the same place as acceptance's and the page's.
 */
export function outcomesOf(setups: readonly MetricSetup[], record: SessionRecord): Float64Array {
  const outcomes = new Float64Array(setups.length * outcomeWidth);
  for (const [i, setup] of setups.entries()) {
    const id = metricIds.find((metricId) => metricId === setup.metric.id);
    const outcome = id === undefined ? null : outcomeOf(id, setup, record);
    if (outcome === null) continue;
    outcomes[i * outcomeWidth] = outcome.y;
    outcomes[i * outcomeWidth + 1] = outcome.x;
    outcomes[i * outcomeWidth + 2] = outcome.yLimit;
  }
  return outcomes;
}

/** Latencies of a session, for what is shown: none for other metrics. */
export function latenciesOf(id: MetricId, record: SessionRecord): readonly number[] {
  return metricSpecs[id].shape === 'p95' ? (contributions[id](record, record.pipeline)?.values ?? []) : [];
}

/**
 * Outcomes of a session that was assigned and never reported: a failure, in both arms alike. Otherwise a crash would
 * disappear from the data.
 */
export function missingOutcomes(setups: readonly MetricSetup[]): Float64Array {
  const outcomes = new Float64Array(setups.length * outcomeWidth);
  for (const [i, { metric }] of setups.entries()) {
    if (metric.missingIsFailure) outcomes.fill(1, i * outcomeWidth, (i + 1) * outcomeWidth);
  }
  return outcomes;
}

function outcomeOf(id: MetricId, setup: MetricSetup, record: SessionRecord): Outcome | null {
  const contribution = contributions[id](record, record.pipeline);
  if (contribution === null) return null;
  const { numerator, denominator, values, unkept } = contribution;
  switch (metricSpecs[id].shape) {
    case 'good-share': {
      // Audio counts in seconds, so that a score can say how long a gap is felt; faults count as they are.
      const scale = id === 'capture-completeness' ? record.sampleRate : 1;
      const missing = (denominator - numerator) / scale;
      return { y: missing, x: denominator / scale, yLimit: missing };
    }
    case 'p95': {
      if (setup.metric.score.kind === 'capped') {
        const [ms = 0] = values;
        const isSlow = setup.limitMs !== undefined && ms >= setup.limitMs;
        return { y: ms, x: 1, yLimit: isSlow ? 1 : 0 };
      }
      // Values beyond those a record keeps are taken to be like those it kept.
      const kept = values.length;
      const scale = kept === 0 ? 0 : (kept + (unkept?.over ?? 0) + (unkept?.under ?? 0)) / kept;
      const above = (edgeMs: number): number =>
        values.reduce((n, ms) => n + (ms >= edgeMs ? 1 : 0), 0) * scale;
      const isRecordedLimit = setup.limitMs === metricSpecs[id].limit;
      return {
        y: above(setup.baseline.p95Ms ?? Infinity),
        x: denominator,
        yLimit: isRecordedLimit ? numerator : above(setup.limitMs ?? Infinity),
      };
    }
    case 'bad-share':
    case 'mean':
    case 'max':
      return { y: numerator, x: denominator, yLimit: numerator };
  }
}
