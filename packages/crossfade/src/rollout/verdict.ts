import type { MetricId } from '../analysis/metric-spec.ts';
import type { Measurement } from '../analysis/sequential/measurement.ts';
import type { Alarm } from '../analysis/sequential/sequential-judge.ts';
import type { Verdict, VerdictKind } from '../analysis/verdict.ts';

/** What the live judge says of one epoch, and what only it can know beside its evidence. */
export interface Judgement {
  readonly verdict: Verdict;
  /** The epoch whose sessions were judged. */
  readonly epoch: number;
  /** With `invalid`: what is broken. Reported ends that do not match mean that the candidate dies silently. */
  readonly broken?: 'assignments' | 'ends' | 'build';
  /** Goals shown better. */
  readonly metGoals?: readonly MetricId[];
  /** With `fail`: so bad that open sessions are moved at once, whatever the plan's drain policy. */
  readonly catastrophic?: boolean;
  /** With `inconclusive`: both arms suffer. */
  readonly sharedIncident?: boolean;
  /** The look that was registered with the bake: what is not proven now extends it, or asks a person. */
  readonly atLook?: boolean;
  /** The user ledger is not clean. */
  readonly alarm?: Alarm;
  /** What the verdict is a function of; whoever has it and the plan can judge again. */
  readonly measurement?: Measurement;
}

/** What a verdict means for the rollout; the table of the domain as data. */
export interface VerdictRule {
  readonly meaning: string;
  /** Whether the stage may be left on this verdict. No data is never a pass. */
  readonly promotes: boolean;
  readonly bake: 'runs' | 'stops';
  readonly exposure: 'as-planned' | 'rollback' | 'hold';
  /** What lasts too long before the rollout pauses itself: the stage's bake, or the silence. Null: never. */
  readonly pausesAfter: 'longest-bake' | 'no-data-limit' | null;
}

export const verdictRules: Readonly<Record<VerdictKind | 'invalid-ends' | 'shared-incident', VerdictRule>> = {
  pass: { meaning: 'proven good', promotes: true, bake: 'runs', exposure: 'as-planned', pausesAfter: null },
  fail: { meaning: 'shown bad', promotes: false, bake: 'stops', exposure: 'rollback', pausesAfter: null },
  inconclusive: {
    meaning: 'measured, not enough evidence either way',
    promotes: false,
    bake: 'runs',
    exposure: 'as-planned',
    pausesAfter: 'longest-bake',
  },
  'no-data': {
    meaning: 'nothing arrived, stale, or too few sessions',
    promotes: false,
    bake: 'stops',
    exposure: 'as-planned',
    pausesAfter: 'no-data-limit',
  },
  'source-error': {
    meaning: 'the metric source could not answer',
    promotes: false,
    bake: 'stops',
    exposure: 'as-planned',
    pausesAfter: 'no-data-limit',
  },
  invalid: {
    meaning: 'the comparison is broken: assignments or the build do not match',
    promotes: false,
    bake: 'stops',
    exposure: 'hold',
    pausesAfter: null,
  },
  'invalid-ends': {
    meaning: 'the candidate dies silently: reported session ends do not match',
    promotes: false,
    bake: 'stops',
    exposure: 'rollback',
    pausesAfter: null,
  },
  'shared-incident': {
    meaning: 'both arms are beyond their limits',
    promotes: false,
    bake: 'stops',
    exposure: 'hold',
    pausesAfter: null,
  },
};

/** The rule that a judgement falls under. */
export function ruleOf({ verdict, broken, sharedIncident }: Judgement): VerdictRule {
  if (verdict.verdict === 'inconclusive' && sharedIncident === true) return verdictRules['shared-incident'];
  return verdictRules[verdict.verdict === 'invalid' && broken === 'ends' ? 'invalid-ends' : verdict.verdict];
}

/** The judgement as other events repeat it: what it was made from stands once, with the verdict itself. */
export function withoutMeasurement(judgement: Judgement | null): Judgement | null {
  if (judgement === null) return null;
  const { measurement: _once, ...rest } = judgement;
  return rest;
}
