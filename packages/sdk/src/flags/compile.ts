import { keyReader, targetingKeyAttribute, type Attributes } from './attributes.ts';
import { bucketOf, seedsOf, type Seeds } from './bucket.ts';
import { compileAudiences, compileCondition, type AudienceTests, type ContextTest } from './condition.ts';
import { Outcomes, overrideRule, type Outcome } from './outcome.ts';
import { bucketCount, type Flag, type Rule, type Ruleset, type Share, type Slice } from './ruleset.ts';

/** A ruleset as closures: what `evaluate` runs. Immutable; share it freely. */
export interface CompiledRuleset {
  readonly ruleset: Ruleset;
  readonly revision: number;
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly audiences: AudienceTests;
}

type Decide = (context: Attributes) => Outcome;

export interface CompiledFlag {
  readonly decide: Decide;
  /** For a context that cannot be read. */
  readonly unreadable: Outcome;
}

/**
 * Turns a ruleset into closures, once, on arrival; no code is generated. Expects what `validateRuleset`
 * answered: an unchecked document may throw here. The variants' values are frozen.
 */
export function compileRuleset(ruleset: Ruleset): CompiledRuleset {
  const audiences = compileAudiences(ruleset.audiences);
  const flags = new Map<string, CompiledFlag>();
  for (const [name, flag] of Object.entries(ruleset.flags)) {
    flags.set(name, compileFlag(flag, new Outcomes(name, flag, ruleset.revision), audiences));
  }
  return { ruleset, revision: ruleset.revision, flags, audiences };
}

function compileFlag(flag: Flag, outcomes: Outcomes, audiences: AudienceTests): CompiledFlag {
  const unreadable = outcomes.fail(
    'INVALID_CONTEXT',
    'Expected a context that is a plain object of readable attributes.',
  );
  if (!flag.enabled) {
    const disabled = outcomes.serve(flag.defaultVariant, 'DISABLED');
    return { decide: () => disabled, unreadable };
  }
  const nothingMatched = outcomes.serve(flag.defaultVariant, flag.rules.length === 0 ? 'STATIC' : 'DEFAULT');
  const rules = flag.rules.map((rule) => compileRule(rule, flag, outcomes, audiences));
  return {
    decide: withOverrides(
      flag,
      outcomes,
      inOrder(rules, () => nothingMatched),
    ),
    unreadable,
  };
}

/** Rules that are nested calls; more are walked, so that a decision never needs more stack than it has. */
const chainedRules = 16;

/** The first rule whose test holds. */
function inOrder(rules: readonly CompiledRule[], nothingMatched: Decide): Decide {
  // Each rule with the next behind it takes a decision a fifth less time than walking a list of one.
  if (rules.length <= chainedRules) return rules.reduceRight(chained, nothingMatched);
  return (context) => {
    for (const { test, serve } of rules) if (test === undefined || test(context)) return serve(context);
    return nothingMatched(context);
  };
}

function chained(otherwise: Decide, { test, serve }: CompiledRule): Decide {
  return test === undefined ? serve : (context) => (test(context) ? serve(context) : otherwise(context));
}

function withOverrides(
  flag: Flag,
  outcomes: Outcomes,
  otherwise: (context: Attributes) => Outcome,
): (context: Attributes) => Outcome {
  const overrides = Object.entries(flag.overrides ?? {});
  if (overrides.length === 0) return otherwise;
  const perVariant = new Map(
    Object.keys(flag.variants).map((variant) => [
      variant,
      outcomes.serve(variant, 'TARGETING_MATCH', overrideRule),
    ]),
  );
  const perKey = new Map(overrides.map(([key, variant]) => [key, perVariant.get(variant)]));
  const readKey = keyReader(targetingKeyAttribute);
  return (context) => {
    const key = readKey(context);
    return (key === undefined ? undefined : perKey.get(key)) ?? otherwise(context);
  };
}

interface CompiledRule {
  /** Absent: everybody. */
  readonly test: ContextTest | undefined;
  readonly serve: Decide;
}

function compileRule(rule: Rule, flag: Flag, outcomes: Outcomes, audiences: AudienceTests): CompiledRule {
  const test = rule.when === undefined ? undefined : compileCondition(rule.when, audiences);
  return { test, serve: compileServe(rule, flag, outcomes) };
}

function compileServe({ id, serve }: Rule, flag: Flag, outcomes: Outcomes): Decide {
  if ('share' in serve) return compileShare(id, serve, flag, outcomes);
  const served = outcomes.serve(serve.variant, 'TARGETING_MATCH', id);
  return () => served;
}

function compileShare(rule: string, share: Share, flag: Flag, outcomes: Outcomes): Decide {
  const by = share.by ?? targetingKeyAttribute;
  const readKey = keyReader(by);
  const admit = share.share;
  const seeds = seedsOf(flag.salt);
  const outside = outcomes.serve(flag.defaultVariant, 'SPLIT', rule);
  const noKey = outcomes.fail(
    'TARGETING_KEY_MISSING',
    `Expected "${by}" in the context: rule "${rule}" gives a share by it.`,
    rule,
  );
  const whole = wholeSlice(share);
  if (whole !== undefined) {
    // One variant for all who are in, as every canary has it: only the first hash is asked.
    const inside = outcomes.serve(whole.variant, 'SPLIT', rule);
    return (context) => {
      const key = readKey(context);
      if (key === undefined) return noKey;
      return bucketOf(key, seeds.admission) < admit ? inside : outside;
    };
  }
  const pick = compileSlices(share, seeds, (variant) => outcomes.serve(variant, 'SPLIT', rule), outside);
  return (context) => {
    const key = readKey(context);
    if (key === undefined) return noKey;
    // A full share admits every bucket: its first hash would tell nothing.
    if (admit < bucketCount && bucketOf(key, seeds.admission) >= admit) return outside;
    return pick(key);
  };
}

/** The slice that holds every bucket, if one does. */
function wholeSlice({ slices: [first] }: Share): Slice | undefined {
  return first?.start === 0 && first.end === bucketCount ? first : undefined;
}

/** Which variant a key inside the share gets. */
function compileSlices(
  share: Share,
  seeds: Seeds,
  serve: (variant: string) => Outcome,
  outside: Outcome,
): (key: string) => Outcome {
  // Stretches that cover [0, bucketCount) without a gap: where each begins, and what it answers.
  const starts: number[] = [0];
  const answers: Outcome[] = [outside];
  for (const slice of share.slices.toSorted((a, b) => a.start - b.start)) {
    starts.push(slice.start, slice.end);
    answers.push(serve(slice.variant), outside);
  }
  return (key) => answers[stretchOf(starts, bucketOf(key, seeds.variant))] ?? outside;
}

/** The last stretch that begins at or before `bucket`. Of stretches that begin at one place, the last counts. */
function stretchOf(starts: readonly number[], bucket: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? bucketCount) <= bucket) low = middle;
    else high = middle;
  }
  return low;
}
