import { coinsOf } from './budget.ts';
import type { Command } from './commands.ts';
import { refusal, type Decision, type DecisionDraft } from './decision.ts';
import { diffPlans, isSameJson } from './plan-diff.ts';
import type { Plan } from './plan.ts';
import { audiencesIn } from './ruleset-of.ts';

type Revise = Extract<Command, { readonly type: 'revise' }>;

/** What a rollout is about; another of these is another rollout. */
const identity = ['name', 'flag', 'control', 'candidate'] as const;

/** What the judge measures by; another of these is another bake with an error budget of its own. */
const judgedBy = ['gates', 'guardrails', 'goals', 'metrics', 'alpha', 'maturityMs'] as const;

/** What of the judge's measure a revision changes, in words; undefined: nothing. */
function changedMeasure(before: Plan, after: Plan): string | undefined {
  const field = judgedBy.find((name) => !isSameJson(before[name], after[name]));
  if (field !== undefined || coinsOf(before) === coinsOf(after)) return field;
  return 'kinds of stages (with and without a random control)';
}

/** A whole new plan for the same build, applied at once, with its diff in the audit. A live session keeps its pin. */
export function decideRevise(draft: DecisionDraft, command: Revise): Decision {
  const { state } = draft;
  const { plan } = command;
  const diff = diffPlans(state.plan, plan);
  if (diff.length === 0) return draft.done('The plan says this already.');
  const fixed = identity.find((field) => !isSameJson(state.plan[field], plan[field]));
  if (fixed !== undefined) {
    throw refusal(
      state,
      command,
      `Expected a plan with the same ${identity.join(', ')}, got another ${fixed}. Apply it as a rollout of its own.`,
    );
  }
  if (state.stageIndex === null) {
    draft.emit({ type: 'revised', plan, diff, stageIndex: null, newBake: false });
    return draft.done(`${diff.length} places of the plan changed.`);
  }
  if (plan.salt !== state.plan.salt) {
    throw refusal(
      state,
      command,
      `Expected the salt ${state.plan.salt}, got ${plan.salt}: it would move users who are in.`,
    );
  }
  const current = state.plan.stages[state.stageIndex]?.name;
  const stageIndex = plan.stages.findIndex(({ name }) => name === current);
  if (stageIndex < 0) {
    throw refusal(
      state,
      command,
      `Expected the plan to keep the stage it is in, ${current}, got ${plan.stages.map(({ name }) => name).join(', ')}.`,
    );
  }
  const measure = changedMeasure(state.plan, plan);
  const isExposureNew = !isSameJson(exposureOf(state.plan, state.stageIndex), exposureOf(plan, stageIndex));
  const newBake = measure !== undefined || isExposureNew;
  const newBudget = measure !== undefined;
  const past = newBudget && command.history !== undefined ? { history: command.history } : {};
  draft.emit({ type: 'revised', plan, diff, stageIndex, newBake, newBudget, ...past });
  const changed = `${diff.length} places of the plan changed`;
  if (measure !== undefined)
    return draft.done(`${changed}, the ${measure} among them: a new bake begins with a new error budget.`);
  return draft.done(
    isExposureNew ? `${changed}, who gets the candidate among them: a new bake begins.` : `${changed}.`,
  );
}

/** All that decides who gets the candidate in one stage. */
function exposureOf(plan: Plan, stageIndex: number): unknown {
  return {
    share: plan.stages[stageIndex]?.shareBuckets,
    in: audiencesIn(plan, stageIndex),
    // Audiences may name each other, so any change of one may change who is in.
    audiences: plan.audiences,
    holdback: plan.holdbackBuckets,
    overrides: plan.overrides,
  };
}

/** What it would mean to revise a running rollout from one plan to another. */
export interface RevisionEffect {
  readonly is: 'nothing' | 'refused' | 'new-bake' | 'applied';
  /** Stages whose users or measure change, by name: a rollout in one of them begins a new bake. */
  readonly stages: readonly string[];
  readonly sentence: string;
}

/** Foretells `revise` before it is asked for, whatever stage the rollout is in by then. */
export function effectOfRevision(before: Plan, after: Plan): RevisionEffect {
  const count = diffPlans(before, after).length;
  const places = `${count} ${count === 1 ? 'place differs' : 'places differ'}`;
  if (count === 0) return { is: 'nothing', stages: [], sentence: 'The plans say the same.' };
  const fixed = [...identity, 'salt' as const].find((field) => !isSameJson(before[field], after[field]));
  if (fixed !== undefined) {
    const sentence = `${places}, ${fixed} among them: this is another rollout; a running one refuses it.`;
    return { is: 'refused', stages: [], sentence };
  }
  const isMeasured = changedMeasure(before, after) !== undefined;
  const stages = before.stages.flatMap(({ name }, index) => {
    const to = after.stages.findIndex((stage) => stage.name === name);
    const isNew = to >= 0 && !isSameJson(exposureOf(before, index), exposureOf(after, to));
    return isMeasured || isNew ? [name] : [];
  });
  const removed = before.stages.filter(({ name }) => !after.stages.some((stage) => stage.name === name));
  const refusal =
    removed.length === 0 ? '' : ` A rollout in ${removed.map(({ name }) => name).join(', ')} refuses it.`;
  if (stages.length === 0)
    return { is: 'applied', stages, sentence: `${places}: applied at once, the bake goes on.${refusal}` };
  return {
    is: 'new-bake',
    stages,
    sentence: `${places}: a rollout in ${stages.join(', ')} begins a new bake.${refusal}`,
  };
}
