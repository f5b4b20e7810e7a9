import {
  bucketCount,
  type Audience,
  type Condition,
  type Drain,
  type Flag,
  type Rule,
  type Ruleset,
  type Share,
} from '@crossfade/sdk/flags/ruleset';
import { exposureLeaseMs } from './lease.ts';
import type { Plan } from './plan.ts';
import { isExposed, type RolloutState } from './state.ts';

/**
 * The ruleset that these rollouts make: all of them, in the order in which they were applied. `revision` must
 * grow with every event (the last sequence of the store does). Of the rollouts of one flag one owns it: the last
 * that was ever exposed, else the last; but never one whose control is a build that was rolled back.
 */
export function rulesetOf(states: readonly RolloutState[], revision: number): Ruleset {
  const owners = new Map<string, RolloutState>();
  for (const flag of new Set(states.map(({ plan }) => plan.flag))) {
    const owner = ownerOf(states.filter(({ plan }) => plan.flag === flag));
    if (owner !== undefined) owners.set(flag, owner);
  }
  const flags = Object.fromEntries([...owners].map(([flag, owner]) => [flag, flagOf(owner)]));
  const audiences = Object.fromEntries([...owners.values()].flatMap(({ plan }) => audiencesOf(plan)));
  const drains = states.flatMap((state) => drainOf(state, states));
  return { schema: 'crossfade.ruleset/1', revision, flags, audiences, drains };
}

function ownerOf(rollouts: readonly RolloutState[]): RolloutState | undefined {
  let owner = rollouts.findLast(wasExposed) ?? rollouts.at(-1);
  // Each step goes to an earlier rollout, so as many steps as there are rollouts see them all.
  for (let step = 0; step < rollouts.length && owner !== undefined; step++) {
    const control = owner.plan.control.upstream;
    const before = rollouts.slice(0, rollouts.indexOf(owner));
    // Only the last one that served it counts: an older build of the same upstream may have been taken back.
    const maker = before.findLast((one) => wasExposed(one) && one.plan.candidate.upstream === control);
    if (maker === undefined || maker.rollback === null) break;
    owner = maker;
  }
  return owner;
}

function wasExposed({ stageIndex }: RolloutState): boolean {
  return stageIndex !== null;
}

function flagOf(state: RolloutState): Flag {
  const { plan } = state;
  const { control, candidate } = plan;
  const exposed = isExposed(state) && state.stageIndex !== null;
  const overrides = Object.entries(plan.overrides).map(([key, side]) => [key, plan[side].variant]);
  return {
    variants: { [control.variant]: control.upstream, [candidate.variant]: candidate.upstream },
    defaultVariant: control.variant,
    // Off serves control to everybody, overrides included: disabled, and from the first moment of a rollback.
    enabled: !state.disabled && state.rollback === null,
    salt: plan.salt,
    ...(exposed && overrides.length > 0 ? { overrides: Object.fromEntries(overrides) } : {}),
    rules: exposed ? rulesOf(plan, state.stageIndex) : [],
    leaseMs: exposureLeaseMs,
    rollout: {
      name: state.name,
      epoch: state.epoch,
      controlVariant: control.variant,
      candidateVariant: candidate.variant,
      candidateBuild: candidate.build,
    },
  };
}

/** Names of the audiences that are in at a stage: its own and those of every stage before it. */
export function audiencesIn(plan: Plan, stageIndex: number): readonly string[] {
  return [...new Set(plan.stages.slice(0, stageIndex + 1).flatMap(({ audiences }) => audiences))];
}

/**
 * Audiences first, then the share of everybody else. The holdback is the end of the same buckets that shares are
 * cut from, so nobody moves into it when a share grows.
 */
function rulesOf(plan: Plan, stageIndex: number): readonly Rule[] {
  const open = bucketCount - plan.holdbackBuckets;
  const share = (buckets: number): Share => ({
    share: Math.min(buckets, open),
    slices: [{ variant: plan.candidate.variant, start: 0, end: bucketCount }],
  });
  const forAudience = plan.holdbackBuckets === 0 ? { variant: plan.candidate.variant } : share(bucketCount);
  const audiences = audiencesIn(plan, stageIndex).map((name): Rule => ({
    id: `audience:${name}`,
    when: { audience: scoped(plan, name) },
    serve: forAudience,
  }));
  const stage = plan.stages[stageIndex];
  if (stage === undefined || stage.shareBuckets === 0) return audiences;
  return [...audiences, { id: `stage:${stage.name}`, serve: share(stage.shareBuckets) }];
}

/** Two plans may each have an audience `internal`; in the ruleset each has its own. */
function scoped(plan: Plan, audience: string): string {
  return `${plan.name}/${audience}`;
}

function audiencesOf(plan: Plan): readonly [string, Audience][] {
  return Object.entries(plan.audiences).map(([name, audience]) => [
    scoped(plan, name),
    { ...audience, when: withScopedNames(plan, audience.when) },
  ]);
}

function withScopedNames(plan: Plan, condition: Condition): Condition {
  if ('all' in condition) return { all: condition.all.map((part) => withScopedNames(plan, part)) };
  if ('any' in condition) return { any: condition.any.map((part) => withScopedNames(plan, part)) };
  if ('not' in condition) return { not: withScopedNames(plan, condition.not) };
  if ('audience' in condition) return { audience: scoped(plan, condition.audience) };
  return condition;
}

/**
 * Stands until every session that was open is accounted for, also past the limit: the receipt may still grow. The last one
 * of a flag stands after that too: a gateway that was cut off meanwhile may come back with sessions on that candidate.
 */
function drainOf(state: RolloutState, all: readonly RolloutState[]): readonly Drain[] {
  const { phase, plan, rollback } = state;
  if (rollback === null) return [];
  const isOpen = Object.values(rollback.sessions).some(({ outcome }) => outcome === 'open');
  const isLast = all.findLast((one) => one.rollback !== null && one.plan.flag === plan.flag) === state;
  if (phase === 'rolled-back' && !isOpen && !isLast) return [];
  return [
    {
      id: rollback.drainId,
      rollout: state.name,
      flag: plan.flag,
      variant: plan.candidate.variant,
      policy: rollback.policy,
    },
  ];
}
