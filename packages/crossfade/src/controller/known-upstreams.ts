import { CrossfadeError } from '@crossfade/sdk/core/errors';
import { parsePlan } from '../rollout/parse-plan.ts';
import type { Plan } from '../rollout/plan.ts';
import type { KnownEvaluator } from './evaluator-registry.ts';

type Sides = Pick<Plan, 'control' | 'candidate'>;
type Said = KnownEvaluator & { readonly upstreams: readonly string[] };

/** A gateway that lacks an upstream of the plan, in one sentence: there its sessions are served by control. Null: none. */
export function lackingUpstream(plan: Sides, evaluators: readonly KnownEvaluator[]): string | null {
  for (const { id, upstreams } of gatewaysOf(evaluators).filter(hasSaid)) {
    const missing = namedIn(plan).find((name) => !upstreams.includes(name));
    if (missing !== undefined) return `${id} knows no upstream ${missing}; it has ${upstreams.join(', ')}.`;
  }
  return null;
}

/** Refuses a plan that no gateway could serve. Without a gateway, or with one that names no upstreams, nobody knows. */
export function refuseUnknownUpstreams(plan: Sides, evaluators: readonly KnownEvaluator[]): void {
  const gateways = gatewaysOf(evaluators);
  const said = gateways.filter(hasSaid);
  if (gateways.length === 0 || said.length < gateways.length) return;
  const known = [...new Set(said.flatMap(({ upstreams }) => upstreams))];
  const missing = namedIn(plan).find((name) => !known.includes(name));
  if (missing === undefined) return;
  throw new CrossfadeError(
    'PLAN_INVALID',
    `Expected upstreams of the connected gateways (${known.join(', ')}), got ${JSON.stringify(missing)}. Mend the plan, or add the upstream to the configuration and restart.`,
    { detail: { upstream: missing, known } },
  );
}

/** The same for a plan as it arrives: PLAN_INVALID also when it is malformed. */
export function refuseUnservable(plan: unknown, evaluators: readonly KnownEvaluator[]): void {
  refuseUnknownUpstreams(parsePlan(plan), evaluators);
}

function gatewaysOf(evaluators: readonly KnownEvaluator[]): readonly KnownEvaluator[] {
  return evaluators.filter(({ role, connected }) => role === 'gateway' && connected);
}

function hasSaid(evaluator: KnownEvaluator): evaluator is Said {
  return evaluator.upstreams !== null;
}

function namedIn({ control, candidate }: Sides): readonly string[] {
  return [candidate.upstream, control.upstream];
}
