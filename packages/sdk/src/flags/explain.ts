import { attributeReader, keyReader, targetingKeyAttribute, type Attributes } from './attributes.ts';
import { bucketOf, seedsOf } from './bucket.ts';
import type { CompiledRuleset } from './compile.ts';
import { compileCondition, type AudienceTests } from './condition.ts';
import { describe } from './document.ts';
import { evaluate } from './evaluate.ts';
import { overrideRule } from './outcome.ts';
import {
  bucketCount,
  type Comparison,
  type Condition,
  type Flag,
  type Ruleset,
  type Serve,
} from './ruleset.ts';

/** Members of a list, or parts of a condition, that a line shows. */
const shownMembers = 5;

/** What an explanation needs of the ruleset. */
interface World {
  readonly ruleset: Ruleset;
  readonly audiences: AudienceTests;
  readonly context: Attributes;
}

/**
 * The whole path of a decision in words, one step a line, ending with what `evaluate` answers. Shows
 * values of the context: it is for the person who asks about one user, not for logs. Never throws.
 */
export function explainDecision(
  compiled: CompiledRuleset | undefined,
  flagKey: string,
  context: unknown,
  ageMs: number,
): string {
  const result = evaluate(compiled, flagKey, context as never, ageMs);
  // Asked by `has` first: only text can be a flag's name, and only an own one.
  const flag = compiled?.flags.has(flagKey) ? compiled.ruleset.flags[flagKey] : undefined;
  const lines: string[] = [];
  if (compiled !== undefined && flag !== undefined && result.errorCode !== 'INVALID_CONTEXT') {
    const world = {
      ruleset: compiled.ruleset,
      audiences: compiled.audiences,
      context: (context ?? {}) as Attributes,
    };
    lines.push(`Flag "${flagKey}" at revision ${compiled.revision}, default "${flag.defaultVariant}".`);
    try {
      lines.push(...explainFlag(flag, world));
    } catch {
      // A context that can be read once and throws the second time: the decision itself stands.
      lines.push('The context could not be read a second time, so the steps cannot be shown.');
    }
  }
  if (result.errorMessage !== undefined) lines.push(result.errorMessage);
  const served = result.variant === undefined ? 'nothing' : `"${result.variant}"`;
  lines.push(`Decision: ${served} (${[result.reason, result.errorCode].filter(Boolean).join(', ')}).`);
  return lines.join('\n');
}

/** Whether a context is in an audience of a validated, compiled ruleset, and why. */
export function explainAudience(
  compiled: CompiledRuleset,
  audience: string,
  context: Attributes,
): { readonly member: boolean; readonly why: string } {
  const world = { ruleset: compiled.ruleset, audiences: compiled.audiences, context };
  const { holds, why } = explainCondition({ audience }, world);
  return { member: holds, why };
}

function explainFlag(flag: Flag, world: World): readonly string[] {
  if (!flag.enabled) return ['The kill switch is off: everybody gets the default.'];
  const key = keyReader(targetingKeyAttribute)(world.context);
  const overrides = new Map(Object.entries(flag.overrides ?? {}));
  const override = key === undefined ? undefined : overrides.get(key);
  if (override !== undefined) return [`Override (${overrideRule}) for "${key}": "${override}".`];
  const lines =
    flag.overrides === undefined
      ? []
      : [`No override for ${key === undefined ? 'a missing key' : `"${key}"`}.`];
  for (const rule of flag.rules) {
    const { holds, why } =
      rule.when === undefined ? { holds: true, why: 'everybody' } : explainCondition(rule.when, world);
    lines.push(`Rule "${rule.id}" ${holds ? 'matches' : 'does not match'}: ${why}.`);
    if (holds) return [...lines, explainServe(rule.serve, flag, world)];
  }
  return [...lines, flag.rules.length === 0 ? 'There are no rules.' : 'No rule matched.'];
}

function explainServe(serve: Serve, flag: Flag, world: World): string {
  if ('variant' in serve) return `It serves "${serve.variant}".`;
  const by = serve.by ?? targetingKeyAttribute;
  const key = keyReader(by)(world.context);
  const share = `It serves a share of ${percent(serve.share)} by "${by}"`;
  if (key === undefined) return `${share}, which the context does not carry.`;
  const seeds = seedsOf(flag.salt);
  const admission = bucketOf(key, seeds.admission);
  if (admission >= serve.share)
    return `${share}: "${key}" has bucket ${admission}, outside [0, ${serve.share}).`;
  const bucket = bucketOf(key, seeds.variant);
  const slice = serve.slices.find((one) => one.start <= bucket && bucket < one.end);
  const found =
    slice === undefined
      ? 'in no slice'
      : `in [${slice.start}, ${slice.end}), the slice of "${slice.variant}"`;
  return `${share}: "${key}" has bucket ${admission}, inside [0, ${serve.share}); its variant bucket ${bucket} is ${found}.`;
}

function percent(buckets: number): string {
  return `${Number(((buckets * 100) / bucketCount).toFixed(3))} %`;
}

interface Explanation {
  readonly holds: boolean;
  readonly why: string;
}

function explainCondition(condition: Condition, world: World): Explanation {
  const holds = compileCondition(condition, world.audiences)(world.context);
  if ('all' in condition) return { holds, why: explainParts(condition.all, holds, world, 'all') };
  if ('any' in condition) return { holds, why: explainParts(condition.any, holds, world, 'any') };
  if ('not' in condition) return { holds, why: `not (${explainCondition(condition.not, world).why})` };
  if ('audience' in condition) {
    const audience = world.ruleset.audiences[condition.audience];
    const why = audience === undefined ? 'unknown' : explainCondition(audience.when, world).why;
    return { holds, why: `${holds ? 'in' : 'not in'} audience "${condition.audience}" (${why})` };
  }
  return { holds, why: explainComparison(condition, holds, world) };
}

/** Names the parts that decided: of an `all` that fails the first that fails, of an `any` that holds the first that holds. */
function explainParts(
  parts: readonly Condition[],
  holds: boolean,
  world: World,
  shape: 'all' | 'any',
): string {
  if (parts.length === 0) return shape === 'all' ? 'nothing is asked' : 'there is nothing to match';
  if (holds === (shape === 'any')) {
    for (const part of parts) {
      const explained = explainCondition(part, world);
      if (explained.holds === holds) return explained.why;
    }
  }
  const shown = parts.slice(0, shownMembers).map((part) => explainCondition(part, world).why);
  const more = parts.length > shownMembers ? [`${parts.length - shownMembers} more`] : [];
  return [...shown, ...more].join(' and ');
}

function explainComparison(comparison: Comparison, holds: boolean, world: World): string {
  const value = attributeReader(comparison.attribute)(world.context);
  const asked = comparison.value === undefined ? '' : ` ${showExpected(comparison.value)}`;
  const has = value === undefined ? 'is missing' : `is ${describe(value)}`;
  return `${comparison.attribute} ${has}, which ${holds ? 'satisfies' : 'does not satisfy'} ${comparison.op}${asked}`;
}

function showExpected(expected: Comparison['value']): string {
  if (!Array.isArray(expected)) return describe(expected);
  const shown = expected.slice(0, shownMembers).map(describe).join(', ');
  return expected.length > shownMembers
    ? `[${shown}, and ${expected.length - shownMembers} more]`
    : `[${shown}]`;
}
