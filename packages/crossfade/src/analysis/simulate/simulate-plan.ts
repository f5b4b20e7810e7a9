/** What a plan would do at a given traffic: answered before its first session. */
import { parseRegression } from './regression.ts';
import { healthyScenarios, type Scenario, type SimulatedStage } from './scenario.ts';
import {
  type Detection,
  type FalseRollback,
  type Provable,
  studyDetection,
  studyFalseRollback,
  studyProof,
} from './study.ts';
import { healthyService } from './traffic.ts';

export interface PlanSimulation {
  /** Shares and bakes of the stages that a share decides, in order. */
  readonly stages: readonly SimulatedStage[];
  /** Sessions an hour over both arms, in the mean of a day. */
  readonly sessionsPerHour: number;
  /** `finalization-latency +25%` and the like; each from the first minute on. */
  readonly regressions: readonly string[];
  readonly runs: number;
  readonly seed: number;
  readonly alpha: number;
}

/** A gate, how often a healthy candidate proves it in the last stage that has a control, and whether to count on it. */
export type ProvableGate = Provable & { readonly provable: boolean };

export interface SimulationReport {
  readonly falseRollback: FalseRollback;
  readonly detection: readonly Detection[];
  readonly provable: readonly ProvableGate[];
  /** Minutes of bake when nothing stops the clock. */
  readonly plannedMinutes: number;
}

/** A gate that this share of healthy canaries prove may be waited for; below it, acceptance evidence is the way. */
const dependableShare = 0.8;

/** Runs a plan's stages many times over healthy and regressed candidates. The same seed gives the same report. */
export function simulatePlan(plan: PlanSimulation): SimulationReport {
  const scenario: Scenario = {
    ...healthyScenarios[0]!,
    name: 'plan',
    sessionsPerMinute: plan.sessionsPerHour / 60,
    share: plan.stages[0]?.share ?? 0.5,
    stages: plan.stages,
  };
  const options = { runs: plan.runs, seed: plan.seed, alpha: plan.alpha };
  const detection = plan.regressions.map(parseRegression).map(({ text, apply }) => {
    const candidate = apply(healthyService);
    return studyDetection({ ...scenario, name: text, candidate }, options);
  });
  const provable = plan.stages.some(({ share }) => share < 1) ? studyProof(scenario, options) : [];
  return {
    falseRollback: studyFalseRollback(scenario, options),
    detection,
    provable: provable.map((gate) => ({ ...gate, provable: gate.proven >= dependableShare })),
    plannedMinutes: plan.stages.reduce((sum, { minutes }) => sum + minutes, 0),
  };
}
