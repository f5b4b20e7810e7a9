import { planDocument } from '../../packages/crossfade/src/controller/rollout.fixture.ts';
import type { Setting } from './setting.ts';

/** So many that a candidate whose every final is late is shown bad before they are there. */
export const plannedSessions = 30;

/** The name of a world's nth rollout. */
export function rolloutName(number: number): string {
  return `rollout-${number}`;
}

/** When ends of sessions are overdue. */
export const maturityMs = 300_000;

/** The plan of a world's nth rollout: internal, 10 %, 50 %, everybody. */
export function simPlan(setting: Setting, number: number, changes: object = {}): object {
  const { bake, withApproval, drain } = setting;
  const stages = planDocument.stages.map((stage, index) => ({
    ...stage,
    bake,
    approval: withApproval && index === 2,
  }));
  return {
    ...planDocument,
    name: rolloutName(number),
    candidate: { ...planDocument.candidate, build: `build-${number + 1}` },
    stages,
    drain,
    drainLimit: '2m',
    noDataLimit: '90m',
    maturity: `${maturityMs}ms`,
    guardrails: { minSessions: plannedSessions },
    ...changes,
  };
}
