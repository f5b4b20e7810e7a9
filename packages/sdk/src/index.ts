export { systemClock, type Cancel, type Clock } from './core/clock.ts';
export { CrossfadeError, errorTable, hasCode, messageOf, type ErrorCode } from './core/errors.ts';
export type { Json, JsonObject } from './core/json.ts';
export { ManualClock } from './core/manual-clock.ts';
export { bucketOf, seedsOf, type Seeds } from './flags/bucket.ts';
export { compileRuleset, type CompiledRuleset } from './flags/compile.ts';
export {
  defineFlags,
  type DefinedFlags,
  type FlagDefinition,
  type FlagSource,
  type TypedFlags,
  type TypedResult,
  type ValueOf,
  type VariantOf,
} from './flags/define-flags.ts';
export { evaluate, noRevision } from './flags/evaluate.ts';
export { Evaluator } from './flags/evaluator.ts';
export { explainAudience } from './flags/explain.ts';
export {
  bucketCount,
  operators,
  type Audience,
  type Comparison,
  type Condition,
  type Drain,
  type DrainPolicy,
  type EvaluationContext,
  type EvaluationErrorCode,
  type EvaluationResult,
  type Flag,
  type Operator,
  type Reason,
  type RolloutStamp,
  type Rule,
  type Ruleset,
  type Serve,
  type Share,
  type Slice,
} from './flags/ruleset.ts';
export {
  allocationOf,
  bucketsOfPercent,
  setAdmission,
  setAllocation,
  type Allocation,
} from './flags/shares.ts';
export { validateRuleset } from './flags/validate.ts';
