import type { Json } from '../core/json.ts';
import type { EvaluationContext, EvaluationResult, Flag, Ruleset } from './ruleset.ts';

/** What an app says of a flag: the variants it can handle, and the one it falls back to. */
export interface FlagDefinition {
  readonly variants: Readonly<Record<string, Json>>;
  readonly defaultVariant: string;
}

type Definitions = Readonly<Record<string, FlagDefinition>>;

/** The names of a flag's variants. */
export type VariantOf<Definition extends FlagDefinition> = keyof Definition['variants'] & string;

/** The type of a flag's value: what its variants have in common, with literals widened (a ruleset may change them). */
export type ValueOf<Definition extends FlagDefinition> = Widen<Definition['variants'][VariantOf<Definition>]>;

type Widen<T> = T extends string
  ? string
  : T extends number
    ? number
    : T extends boolean
      ? boolean
      : T extends readonly unknown[]
        ? readonly Widen<T[number]>[]
        : T extends object
          ? { readonly [Key in keyof T]: Widen<T[Key]> }
          : T;

/** An `EvaluationResult` whose value and variant the compiler knows. */
export type TypedResult<Definition extends FlagDefinition> = Omit<EvaluationResult, 'value' | 'variant'> & {
  readonly value: ValueOf<Definition>;
  readonly variant: VariantOf<Definition>;
};

/** The part of an `Evaluator` that typed flags use. */
export interface FlagSource {
  evaluate(flag: string, context?: EvaluationContext): EvaluationResult;
}

/** Flags bound to an evaluator: a misspelt flag or variant does not compile. */
export interface TypedFlags<Known extends Definitions> {
  /** Never throws, and never answers a value the app did not define the shape of. */
  evaluate<Name extends keyof Known & string>(
    flag: Name,
    context?: EvaluationContext,
  ): TypedResult<Known[Name]>;
  value<Name extends keyof Known & string>(flag: Name, context?: EvaluationContext): ValueOf<Known[Name]>;
  variant<Name extends keyof Known & string>(flag: Name, context?: EvaluationContext): VariantOf<Known[Name]>;
}

export interface DefinedFlags<Known extends Definitions> {
  readonly definitions: Known;
  /** Binds the flags to what decides: an `Evaluator`, anything else with its `evaluate`, a fake in a test. */
  with(source: FlagSource): TypedFlags<Known>;
  /** A ruleset that serves each flag's default to everybody: where an app without a control plane begins. */
  toRuleset(revision: number): Ruleset;
}

/**
 * Types an app's flags.
 *
 *     const flags = defineFlags({
 *       transcriber: { variants: { legacy: 'wss://a', streaming: 'wss://b' }, defaultVariant: 'legacy' },
 *     });
 *     const decide = flags.with(evaluator);
 *     decide.variant('transcriber', { targetingKey: 'user-1' }); // 'legacy' | 'streaming'
 *
 * When the ruleset has no such flag, names a variant the app does not know, or gives it a value of
 * another shape, the app gets its own default with an error code.
 */
export function defineFlags<const Known extends Definitions>(
  definitions: Known & {
    readonly [Name in keyof Known]: { readonly defaultVariant: VariantOf<Known[Name]> };
  },
): DefinedFlags<Known> {
  return {
    definitions,
    with: (source) => bind(definitions, source),
    toRuleset: (revision) => ({
      schema: 'crossfade.ruleset/1',
      revision,
      flags: Object.fromEntries(
        Object.entries<FlagDefinition>(definitions).map(([name, one]) => [name, plainFlag(name, one)]),
      ),
      audiences: {},
    }),
  };
}

function plainFlag(name: string, { variants, defaultVariant }: FlagDefinition): Flag {
  return { variants, defaultVariant, enabled: true, salt: name, rules: [] };
}

function bind<Known extends Definitions>(definitions: Known, source: FlagSource): TypedFlags<Known> {
  const decide = <Name extends keyof Known & string>(
    name: Name,
    context?: EvaluationContext,
  ): TypedResult<Known[Name]> => {
    const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    const result = source.evaluate(name, context);
    // Without a definition only a caller without the types got here: nothing to check against.
    return (definition === undefined ? result : checked(name, definition, result)) as TypedResult<
      Known[Name]
    >;
  };
  return {
    evaluate: decide,
    value: (flag, context) => decide(flag, context).value,
    variant: (flag, context) => decide(flag, context).variant,
  };
}

/** The result as it is when it fits the definition, else the app's own default and why. */
function checked(name: string, definition: FlagDefinition, result: EvaluationResult): EvaluationResult {
  const { variants, defaultVariant } = definition;
  const variant = result.variant;
  if (variant === undefined) return { ...result, value: variants[defaultVariant], variant: defaultVariant };
  const known = Object.hasOwn(variants, variant);
  if (known && sameShape(variants[variant], result.value)) return result;
  return {
    value: variants[defaultVariant],
    variant: defaultVariant,
    reason: 'ERROR',
    revision: result.revision,
    errorCode: 'TYPE_MISMATCH',
    errorMessage: known
      ? `Expected the value of "${variant}" of "${name}" in the shape this app defines, got another. Its own default is used.`
      : `Expected a variant of "${name}" that this app knows, got "${variant}". Its own default is used.`,
  };
}

/** Same kinds of JSON all the way down. An object may have more fields than the app knows. */
function sameShape(wanted: Json | undefined, got: Json | undefined): boolean {
  if (wanted === null || got === null || typeof wanted !== 'object' || typeof got !== 'object') {
    return (wanted === null) === (got === null) && typeof wanted === typeof got;
  }
  if (Array.isArray(wanted) || Array.isArray(got)) {
    if (!Array.isArray(wanted) || !Array.isArray(got)) return false;
    return got.every((one) => wanted.length === 0 || wanted.some((sample) => sameShape(sample, one)));
  }
  const [sample, value] = [wanted as Readonly<Record<string, Json>>, got as Readonly<Record<string, Json>>];
  return Object.keys(sample).every((key) => Object.hasOwn(value, key) && sameShape(sample[key], value[key]));
}
