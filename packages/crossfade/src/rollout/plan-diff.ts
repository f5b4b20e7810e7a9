import type { Json } from '@crossfade/sdk/core/json';
import type { PlanChange } from './events.ts';
import type { Plan } from './plan.ts';

/** More changes than this are one change of everything: the audit keeps the paths that differ, not a novel. */
const changesMax = 500;

/** Where two plans differ, by path, in the order of the first plan's fields. Empty: they are the same plan. */
export function diffPlans(before: Plan, after: Plan): readonly PlanChange[] {
  const changes: PlanChange[] = [];
  collect('', before as unknown as Json, after as unknown as Json, changes);
  return changes;
}

/** Whether two parts of plans say the same, whatever the order of their fields. */
export function isSameJson(before: unknown, after: unknown): boolean {
  const changes: PlanChange[] = [];
  collect('', before as Json, after as Json, changes);
  return changes.length === 0;
}

function collect(
  path: string,
  before: Json | undefined,
  after: Json | undefined,
  changes: PlanChange[],
): void {
  if (before === after || changes.length >= changesMax) return;
  if (isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const to = path === '' ? key : `${path}.${key}`;
      collect(to, memberOf(before, key), memberOf(after, key), changes);
    }
    return;
  }
  changes.push({ path, before: before ?? null, after: after ?? null });
}

type Container = Readonly<Record<string, Json>>;

function isContainer(value: Json | undefined): value is Container {
  return typeof value === 'object' && value !== null;
}

function memberOf(container: Container, key: string): Json | undefined {
  return Object.hasOwn(container, key) ? container[key] : undefined;
}
