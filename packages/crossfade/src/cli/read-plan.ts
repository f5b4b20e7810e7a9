import { CrossfadeError, hasCode } from '@crossfade/sdk/core/errors';
import type { Plan } from '../rollout/plan.ts';
import { readInput } from './read-input.ts';

/** The text of a plan's file. */
export async function readPlanText(file: string): Promise<string> {
  const { planCharsMax } = await import('../rollout/parse-plan.ts');
  return readInput(file, planCharsMax);
}

/** A plan from its file; PLAN_INVALID says what is wrong with it. */
export async function readPlan(file: string): Promise<Plan> {
  return parsePlanOf(file, await readPlanText(file));
}

/** With several files at hand a mistake must say whose it is. */
async function parsePlanOf(file: string, text: string): Promise<Plan> {
  const { parsePlan } = await import('../rollout/parse-plan.ts');
  try {
    return parsePlan(text);
  } catch (cause) {
    if (!hasCode(cause, 'PLAN_INVALID')) throw cause;
    const message = `${file}: ${cause.message.replace(/^plan: /, '')}`;
    throw new CrossfadeError('PLAN_INVALID', message, { cause, detail: { ...cause.detail } });
  }
}

/** Above this the text is read here and sent as JSON: as YAML it would hold up the control plane. */
const sentAsTextCharsMax = 256 * 1024;

/** A plan to be sent to the control plane, which checks it. */
export async function readPlanToSend(file: string): Promise<string | object> {
  const text = await readPlanText(file);
  if (text.length <= sentAsTextCharsMax) return text;
  const { parse } = await import('yaml');
  // For its refusal, which names the place; the control plane gets what the person wrote.
  await parsePlanOf(file, text);
  return parse(text) as object;
}
