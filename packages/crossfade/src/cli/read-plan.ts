import type { Plan } from '../rollout/plan.ts';
import { readInput } from './read-input.ts';

/** The text of a plan's file. */
export async function readPlanText(file: string): Promise<string> {
  const { planCharsMax } = await import('../rollout/parse-plan.ts');
  return readInput(file, planCharsMax);
}

/** A plan from its file; PLAN_INVALID says what is wrong with it. */
export async function readPlan(file: string): Promise<Plan> {
  const { parsePlan } = await import('../rollout/parse-plan.ts');
  return parsePlan(await readPlanText(file));
}

/** Above this the text is read here and sent as JSON: as YAML it would hold up the control plane. */
const sentAsTextCharsMax = 256 * 1024;

/** A plan to be sent to the control plane, which checks it. */
export async function readPlanToSend(file: string): Promise<string | object> {
  const text = await readPlanText(file);
  if (text.length <= sentAsTextCharsMax) return text;
  const { parse } = await import('yaml');
  const { parsePlan } = await import('../rollout/parse-plan.ts');
  // For its refusal, which names the place; the control plane gets what the person wrote.
  parsePlan(text);
  return parse(text) as object;
}
