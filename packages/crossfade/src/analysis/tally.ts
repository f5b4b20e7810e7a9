import type { Weighted } from './bounds.ts';
import { type Contribution, p95, recordedLatencyLimitMs } from './contribution.ts';
import { Histogram, histogramValueMax } from './histogram.ts';
import { isWithin, type MetricId, type MetricSpec, metricSpecs, type MetricUnit } from './metric-spec.ts';

/** What one of a unit is counted in, by share of one. */
const unitScale: Readonly<Record<MetricUnit, number>> = { ratio: 1, 'per-10000': 10_000, ms: 1 };
/** Own values are kept as whole numbers of this fraction of their unit. */
const ownScale: Readonly<Record<MetricUnit, number>> = { ratio: 1_000_000, 'per-10000': 100, ms: 1 };

/** The sums of one metric over many sessions. Two tallies of a metric merge by addition. */
export class Tally {
  readonly id: MetricId;
  readonly #spec: MetricSpec;
  #sessions = 0;
  #numerator = 0;
  #denominator = 0;
  #eventSessions = 0;
  /** Each measured value, ms; empty for shares. */
  readonly values = new Histogram();
  readonly #own = new Histogram();

  constructor(id: MetricId) {
    this.id = id;
    this.#spec = metricSpecs[id];
  }

  /** Sessions that entered. */
  get sessions(): number {
    return this.#sessions;
  }

  get numerator(): number {
    return this.#numerator;
  }

  get denominator(): number {
    return this.#denominator;
  }

  /** Sessions with an event: anything missing, orphaned, doubled or failed. */
  get eventSessions(): number {
    return this.#eventSessions;
  }

  add({ numerator, denominator, own, values, unkept }: Contribution): void {
    this.#sessions += 1;
    this.#numerator += numerator;
    this.#denominator += denominator;
    if (this.#spec.shape === 'good-share' ? numerator < denominator : numerator > 0) this.#eventSessions += 1;
    for (const value of values) this.values.add(value);
    this.values.add(histogramValueMax, unkept?.over ?? 0);
    this.values.add(recordedLatencyLimitMs - 1, unkept?.under ?? 0);
    this.#own.add(Math.round(own * ownScale[this.#spec.unit]));
  }

  merge(other: Tally): void {
    this.#sessions += other.#sessions;
    this.#numerator += other.#numerator;
    this.#denominator += other.#denominator;
    this.#eventSessions += other.#eventSessions;
    this.values.merge(other.values);
    this.#own.merge(other.#own);
  }

  /** How many sessions, each taken alone, lie on the wrong side of a limit. */
  sessionsBeyond(limit: number): number {
    return this.#own.count((own) => !isWithin(this.id, own / ownScale[this.#spec.unit], limit));
  }

  /** The metric over each session alone, in its unit, with the number of sessions; smallest first. */
  ownValues(): readonly Weighted[] {
    const scale = ownScale[this.#spec.unit];
    return this.#own.entries().map(([own, count]) => [own / scale, count]);
  }

  /** The metric's value, in its unit. Null when no session entered. */
  get value(): number | null {
    if (this.#denominator === 0) return null;
    switch (this.#spec.shape) {
      case 'p95':
        return this.values.quantile(p95);
      case 'max':
        return this.values.max;
      case 'mean':
      case 'bad-share':
      case 'good-share':
        return (this.#numerator / this.#denominator) * unitScale[this.#spec.unit];
    }
  }
}
