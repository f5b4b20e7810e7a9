import type { SessionRecord } from '../transcript/session-record.ts';
import { type LedgerName, contributions } from './contribution.ts';
import { isWithin, type MetricId, metricIds, metricSpecs, type MetricUnit } from './metric-spec.ts';
import { Tally } from './tally.ts';

/** One metric as it is reported. */
export interface MetricValue {
  readonly id: MetricId;
  /** In `unit`; null when no session entered. */
  readonly value: number | null;
  /** Sessions that entered. */
  readonly n: number;
  /** What the value is the share or mean of; for a percentile or the worst: values beyond the acceptance limit. */
  readonly numerator: number;
  readonly denominator: number;
  readonly unit: MetricUnit;
  readonly limit: number | null;
  /** Null without a value or a limit. */
  readonly passes: boolean | null;
}

/**
 * The metrics of any number of sessions, as one ledger saw them. One implementation for suite, live judge and page;
 * it grows with the number of distinct values, not of sessions, and two of them merge by addition.
 */
export class MetricAggregate {
  readonly ledger: LedgerName;
  #sessions = 0;
  #offeredMs = 0;
  #lostMs = 0;
  readonly #tallies: Readonly<Record<MetricId, Tally>>;

  constructor(ledger: LedgerName, records: Iterable<SessionRecord> = []) {
    this.ledger = ledger;
    this.#tallies = Object.fromEntries(metricIds.map((id) => [id, new Tally(id)])) as Record<MetricId, Tally>;
    for (const record of records) this.add(record);
  }

  /** Session records that were added. */
  get sessions(): number {
    return this.#sessions;
  }

  /** Audio that clients offered, ms. */
  get offeredMs(): number {
    return this.#offeredMs;
  }

  /** Audio offered that no final covers, ms. */
  get lostMs(): number {
    return this.#lostMs;
  }

  add(record: SessionRecord): void {
    const counts = record[this.ledger];
    this.#sessions += 1;
    this.#offeredMs += (counts.samplesOffered * 1_000) / record.sampleRate;
    this.#lostMs += (Math.max(0, counts.samplesOffered - counts.samplesCovered) * 1_000) / record.sampleRate;
    for (const id of metricIds) {
      const contribution = contributions[id](record, counts);
      if (contribution !== null) this.#tallies[id].add(contribution);
    }
  }

  /** Adds what another aggregate of the same ledger saw. */
  merge(other: MetricAggregate): void {
    this.#sessions += other.#sessions;
    this.#offeredMs += other.#offeredMs;
    this.#lostMs += other.#lostMs;
    for (const id of metricIds) this.#tallies[id].merge(other.#tallies[id]);
  }

  /** The sums behind a metric. */
  tally(id: MetricId): Tally {
    return this.#tallies[id];
  }

  /** One metric against a limit; the acceptance limit when none is given. */
  metric(id: MetricId, limit: number | null = metricSpecs[id].limit): MetricValue {
    const { value, sessions, numerator, denominator } = this.#tallies[id];
    const passes = value === null || limit === null ? null : isWithin(id, value, limit);
    return { id, value, n: sessions, numerator, denominator, unit: metricSpecs[id].unit, limit, passes };
  }

  /** All metrics against their acceptance limits. */
  metrics(): readonly MetricValue[] {
    return metricIds.map((id) => this.metric(id));
  }
}
