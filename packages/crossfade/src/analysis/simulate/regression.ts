import { CrossfadeError } from '@crossfade/sdk/core/errors';
import type { SequentialMetricId } from '../sequential/sequential-metrics.ts';
import type { ServiceModel } from './traffic.ts';

/** A way in which a candidate is worse, as a user writes it. */
export interface Regression {
  /** As it was written. */
  readonly text: string;
  readonly metric: SequentialMetricId;
  readonly apply: (service: ServiceModel) => ServiceModel;
}

/** What a factor on a metric makes of the service. Rare things become more frequent, latencies longer. */
const effects: Partial<
  Record<SequentialMetricId, (service: ServiceModel, factor: number) => Partial<ServiceModel>>
> = {
  'early-failure': (service, factor) => ({ crashShare: share(service.crashShare * factor) }),
  'error-rate': (service, factor) => ({ flakyShare: share(service.flakyShare * factor) }),
  'capture-completeness': (service, factor) => ({ gapShare: share(service.gapShare * factor) }),
  'orphan-rate': (service, factor) => ({ orphanShare: share(service.orphanShare * factor) }),
  'finalization-latency': (service, factor) => ({ finalMsP95: service.finalMsP95 * factor }),
  'missed-tail': (service, factor) => ({ tailMs: service.tailMs * factor }),
  'duplicate-artifacts': (service, factor) => ({ duplicateShare: share(service.duplicateShare * factor) }),
  'first-partial-latency': (service, factor) => ({ responseMs: service.responseMs * factor }),
};

function share(value: number): number {
  return Math.min(1, value);
}

/** Beyond this a regression needs no simulation. */
const factorMax = 10_000;

/** Reads `finalization-latency +25%`, `orphan-rate x10` or `dead 30%` (sessions that bring nothing at all). */
export function parseRegression(text: string): Regression {
  const dead = /^dead\s+(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (dead !== null) {
    const deadShare = Number(dead[1]) / 100;
    if (deadShare > 1) throw refused(text);
    return { text, metric: 'early-failure', apply: (service) => ({ ...service, deadShare }) };
  }
  const match = /^([a-z-]+)\s+(?:\+(\d+(?:\.\d+)?)\s*%|[x×](\d+(?:\.\d+)?))$/.exec(text.trim());
  const [metric, effect] = Object.entries(effects).find(([id]) => id === match?.[1]) ?? [];
  if (match === null || metric === undefined || effect === undefined) throw refused(text);
  const factor = match[2] === undefined ? Number(match[3]) : 1 + Number(match[2]) / 100;
  if (!(factor > 0) || factor > factorMax) throw refused(text);
  return {
    text,
    metric: metric as SequentialMetricId,
    apply: (service) => ({ ...service, ...effect(service, factor) }),
  };
}

function refused(text: string): CrossfadeError {
  return new CrossfadeError(
    'CONFIG_INVALID',
    `Expected a regression such as "finalization-latency +25%", "orphan-rate x10" or "dead 30%", got "${text}". Name one of ${Object.keys(effects).join(', ')}.`,
  );
}
