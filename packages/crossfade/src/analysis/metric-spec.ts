/** What a value is counted in: a share of one, milliseconds, or a count per 10,000. */
export type MetricUnit = 'ratio' | 'ms' | 'per-10000';

/** How sums become a value: the share of what went wrong or well, a 95th percentile, a mean, or the worst. */
export type MetricShape = 'bad-share' | 'good-share' | 'p95' | 'mean' | 'max';

export interface MetricSpec {
  readonly title: string;
  readonly unit: MetricUnit;
  readonly shape: MetricShape;
  /** On which side of the limit a value is good; `below` refuses the limit itself. */
  readonly good: 'at-least' | 'at-most' | 'below';
  /** The acceptance limit, in the metric's unit. Null: compared between arms only, unless a plan sets one. */
  readonly limit: number | null;
  /** What one unit of the denominator is, for sentences. */
  readonly counts: string;
}

/**
 * The seven acceptance metrics and those compared beside them. `stop-latency` is the second half of
 * finalization-latency: last final received − stop sent, and must stay below the same limit.
 */
export const metricSpecs = {
  'capture-completeness': {
    title: 'capture completeness',
    unit: 'ratio',
    shape: 'good-share',
    good: 'at-least',
    limit: 0.9995,
    counts: 'samples',
  },
  'orphan-rate': {
    title: 'orphan rate',
    unit: 'ratio',
    shape: 'bad-share',
    good: 'below',
    limit: 0.0005,
    counts: 'segments with a partial',
  },
  'finalization-latency': {
    title: 'finalization latency p95',
    unit: 'ms',
    shape: 'p95',
    good: 'below',
    limit: 1_500,
    counts: 'finals',
  },
  'stop-latency': {
    title: 'stop latency p95',
    unit: 'ms',
    shape: 'p95',
    good: 'below',
    limit: 1_500,
    counts: 'stops',
  },
  'missed-tail': {
    title: 'missed tail',
    unit: 'ms',
    shape: 'mean',
    good: 'below',
    limit: 100,
    counts: 'closed sessions',
  },
  'recovery-success': {
    title: 'recovery success',
    unit: 'ratio',
    shape: 'good-share',
    good: 'at-least',
    limit: 0.99,
    counts: 'faults',
  },
  'duplicate-artifacts': {
    title: 'duplicate entries',
    unit: 'per-10000',
    shape: 'bad-share',
    good: 'below',
    limit: 1,
    counts: 'entries',
  },
  'durability-loss': {
    title: 'audio lost in the worst crash',
    unit: 'ms',
    shape: 'max',
    good: 'at-most',
    limit: 1_000,
    counts: 'crashes',
  },
  'first-partial-latency': {
    title: 'first partial p95',
    unit: 'ms',
    shape: 'p95',
    good: 'below',
    limit: null,
    counts: 'sessions with a partial',
  },
  'error-rate': {
    title: 'error rate',
    unit: 'ratio',
    shape: 'bad-share',
    good: 'at-most',
    limit: null,
    counts: 'sessions',
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricId = keyof typeof metricSpecs;

export const metricIds = Object.keys(metricSpecs) as readonly MetricId[];

/** Metrics that a live judge can hold a candidate to; recovery and durability need faults made on purpose. */
export const judgedMetricIds = [
  'capture-completeness',
  'orphan-rate',
  'finalization-latency',
  'stop-latency',
  'missed-tail',
  'duplicate-artifacts',
  'first-partial-latency',
  'error-rate',
] as const satisfies readonly MetricId[];

export type JudgedMetricId = (typeof judgedMetricIds)[number];

/** Limits by metric, in the metric's unit (ms, a share of one, a count per 10,000). A metric without one is not judged. */
export type Thresholds = { readonly [Id in JudgedMetricId]?: number };

/** What a plan is judged by when it says nothing: the acceptance limits, and one session in a hundred failed. */
export const defaultThresholds: Thresholds = {
  'capture-completeness': 0.9995,
  'orphan-rate': 0.0005,
  'finalization-latency': 1_500,
  'stop-latency': 1_500,
  'missed-tail': 100,
  'duplicate-artifacts': 1,
  'error-rate': 0.01,
};

/** Whether `value` is on the good side of `limit`. */
export function isWithin(id: MetricId, value: number, limit: number): boolean {
  const { good } = metricSpecs[id];
  if (good === 'at-least') return value >= limit;
  return good === 'at-most' ? value <= limit : value < limit;
}

/** Whether `value` is worse than `other`, as the metric counts. Equal is not worse. */
export function isWorse(id: MetricId, value: number, other: number): boolean {
  return metricSpecs[id].good === 'at-least' ? value < other : value > other;
}

/** A value as people read it: `99.95 %`, `1,234 ms`, `0.8 per 10,000`. Never rounds across a limit of the table. */
export function formatValue(id: MetricId, value: number): string {
  const { unit } = metricSpecs[id];
  if (unit === 'ms') return `${groupThousands(Math.round(value * 10) / 10)} ms`;
  if (unit === 'per-10000') return `${trim(value, 3)} per 10,000`;
  return `${trim(value * 100, 4)} %`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

/** `12590` as `12,590`, the same on every machine whatever its locale. */
export function groupThousands(value: number): string {
  const [whole = '', fraction] = String(value).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `2,044 sessions`, `1 session`, `3 more stops`: units are named in the plural. */
export function countText(count: number, units: string, more = ''): string {
  const named =
    count === 1
      ? units
          .replace(/ies$/, 'y')
          .replace(/(sh)es$/, '$1')
          .replace(/(\w)s(?= with |$)/, '$1')
      : units;
  return `${groupThousands(count)}${more} ${named}`;
}
