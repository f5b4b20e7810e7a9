import type { MetricId } from '../analysis/metric-spec.ts';

/** The acceptance metrics, in the order they are reported; stop latency is the second half of finalization latency. */
export const acceptanceMetricIds = [
  'capture-completeness',
  'orphan-rate',
  'finalization-latency',
  'stop-latency',
  'missed-tail',
  'recovery-success',
  'duplicate-artifacts',
  'durability-loss',
] as const satisfies readonly MetricId[];
export type AcceptanceMetricId = (typeof acceptanceMetricIds)[number];

/** The longest tail of a session of at most 5 s, ms: that is what bounds it. */
export const shortSessionMs = 5_000;
