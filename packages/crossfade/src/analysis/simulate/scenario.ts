import { healthyService, type ServiceModel } from './traffic.ts';

/** A stretch of constant share. */
export interface SimulatedStage {
  /** Of all sessions, in (0, 1]; 1 leaves no control. */
  readonly share: number;
  readonly minutes: number;
  /** Share of all traffic that is in the stage, as an audience is; default 1. */
  readonly traffic?: number;
}

/** One kind of canary that the simulator runs many times. */
export interface Scenario {
  readonly name: string;
  /** Sessions a minute over both arms, in the mean of a day. */
  readonly sessionsPerMinute: number;
  /** The candidate's share, when there is one stage. */
  readonly share: number;
  /** Stages one after the other; absent: one with `share`. */
  readonly stages?: readonly SimulatedStage[];
  /** Both arms before any regression. */
  readonly service: ServiceModel;
  /** The candidate from `onsetMinute` on. */
  readonly candidate: ServiceModel;
  readonly onsetMinute: number;
  /** Incidents that strike both arms within the run, at random times. */
  readonly sharedIncidents: number;
  /** Users who come back; null: everybody comes once. */
  readonly returningUsers: number | null;
}

/** Ten sessions a minute and arm. */
const base: Scenario = {
  name: 'same build',
  sessionsPerMinute: 20,
  share: 0.5,
  service: healthyService,
  candidate: healthyService,
  onsetMinute: 0,
  sharedIncidents: 0,
  returningUsers: null,
};

const heavyTailed: ServiceModel = {
  ...healthyService,
  gapShare: 0.002,
  gapS: 20,
  gapSigma: 1.6,
  tailSigma: 1.6,
  orphanShare: 0.000_75,
  orphanBurst: 8,
  duplicateShare: 0.000_13,
  duplicateBurst: 6,
  flakyShare: 0.01,
  flakyFailing: 0.5,
};

/** Worse than control by less than a rollback is worth. */
const drifted: ServiceModel = {
  ...healthyService,
  flakyShare: healthyService.flakyShare * 1.05,
  responseMs: healthyService.responseMs * 1.03,
  finalMsP95: healthyService.finalMsP95 * 1.02,
};

/** Canaries that must not be rolled back. */
export const healthyScenarios: readonly Scenario[] = [
  base,
  { ...base, name: '6× traffic', sessionsPerMinute: 120 },
  { ...base, name: '1/10 traffic', sessionsPerMinute: 2 },
  { ...base, name: 'heavy tails', service: heavyTailed, candidate: heavyTailed },
  { ...base, name: 'shared incidents', sharedIncidents: 3 },
  { ...base, name: '10 % canary', share: 0.1 },
  { ...base, name: 'returning users', returningUsers: 6_000 },
  { ...base, name: 'harmless drift', candidate: drifted },
];

/**
 * A canary that walks through stages with and without a random control: an audience alone, shares, then everybody. Both
 * kinds of evidence are at work, and one error budget holds for both.
 */
export function walkScenario(): Scenario {
  const stages = [
    { share: 1, traffic: 0.05, minutes: 12 * 60 },
    { share: 0.1, minutes: 12 * 60 },
    { share: 0.5, minutes: 12 * 60 },
    { share: 1, minutes: 12 * 60 },
  ];
  return { ...base, name: 'an audience, shares, everybody', stages };
}

/** What both arms suffer while a shared incident lasts. */
export function underIncident(service: ServiceModel): ServiceModel {
  return {
    ...service,
    flakyShare: Math.min(1, service.flakyShare * 6),
    deadShare: Math.max(service.deadShare, 0.05),
    finalMsP95: service.finalMsP95 * 1.5,
    responseMs: service.responseMs * 1.5,
    gapShare: Math.min(1, service.gapShare * 20),
    tailMs: service.tailMs * 2,
  };
}

/** A regression by name: what it makes of a service. */
const regressions: Readonly<Record<string, (service: ServiceModel) => ServiceModel>> = {
  '30 % of sessions dead': (service) => ({ ...service, deadShare: 0.3 }),
  'errors ×2': (service) => ({ ...service, flakyShare: service.flakyShare * 2 }),
  'errors ×5': (service) => ({ ...service, flakyShare: service.flakyShare * 5 }),
  'finalization +25 %': (service) => ({ ...service, finalMsP95: service.finalMsP95 * 1.25 }),
  'finalization +60 %': (service) => ({ ...service, finalMsP95: service.finalMsP95 * 1.6 }),
  'missing audio ×12': (service) => ({ ...service, gapShare: service.gapShare * 12 }),
  'orphans ×10': (service) => ({ ...service, orphanShare: service.orphanShare * 10 }),
  'tail ×2': (service) => ({ ...service, tailMs: service.tailMs * 2 }),
  'duplicates ×50': (service) => ({ ...service, duplicateShare: service.duplicateShare * 50 }),
};

export const regressionNames = Object.keys(regressions);

/** A canary with a named regression from a minute on. */
export function regressedScenario(name: string, onsetMinute = 0): Scenario {
  const change = regressions[name];
  if (change === undefined)
    throw new RangeError(`Expected one of ${regressionNames.join(', ')}, got ${name}.`);
  return { ...base, name, candidate: change(base.service), onsetMinute };
}

/**
 * A canary whose truth is exactly where promotion must refuse it: at the limits, and at the promotion margins of errors
 * (+25 %) and response (+10 %). Without crashes, so that each number is what it says.
 */
export function atLimitScenario(): Scenario {
  const service = { ...healthyService, crashShare: 0 };
  const candidate: ServiceModel = {
    ...service,
    flakyShare: service.flakyShare * 1.25,
    responseMs: service.responseMs * 1.1,
    // 6 s of 300 s in 2.5 % of sessions; 2 orphans of 40 segments in 1 %; 1.5 duplicates of 40 in 0.27 %.
    gapShare: 0.025,
    orphanShare: 0.01,
    duplicateShare: 0.004 / 1.5,
    finalMsP95: 1_500,
    tailMs: 100,
  };
  return { ...base, name: 'truth at the limit', service, candidate };
}
