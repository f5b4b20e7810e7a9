import { CrossfadeError } from '../core/errors.ts';
import { attributeReader, type Attributes } from './attributes.ts';
import { compileComparison } from './compare.ts';
import type { Audience, Comparison, Condition } from './ruleset.ts';

/** Whether a context satisfies a condition. */
export type ContextTest = (context: Attributes) => boolean;

/** Compiled audiences by name. */
export type AudienceTests = ReadonlyMap<string, ContextTest>;

/** Compiles the audiences of a validated ruleset, each once, in whatever order they name each other. */
export function compileAudiences(audiences: Readonly<Record<string, Audience>>): AudienceTests {
  const compiled = new Map<string, ContextTest>();
  const find = (name: string): ContextTest => {
    const known = compiled.get(name);
    if (known !== undefined) return known;
    const audience = audiences[name];
    if (audience === undefined) throw unknownAudience(name);
    const test = compile(audience.when, find);
    compiled.set(name, test);
    return test;
  };
  for (const name of Object.keys(audiences)) find(name);
  return compiled;
}

/** Compiles a validated condition to one closure. */
export function compileCondition(condition: Condition, audiences: AudienceTests): ContextTest {
  return compile(condition, (name) => {
    const test = audiences.get(name);
    if (test === undefined) throw unknownAudience(name);
    return test;
  });
}

function unknownAudience(name: string): CrossfadeError {
  return new CrossfadeError(
    'RULESET_INVALID',
    `Expected the name of an audience of this ruleset, got "${name}".`,
  );
}

function compile(condition: Condition, find: (name: string) => ContextTest): ContextTest {
  if ('all' in condition) return allOf(condition.all.map((part) => compile(part, find)));
  if ('any' in condition) return anyOf(condition.any.map((part) => compile(part, find)));
  if ('not' in condition) {
    const inner = compile(condition.not, find);
    return (context) => !inner(context);
  }
  if ('audience' in condition) return find(condition.audience);
  return compileAttributeTest(condition);
}

function allOf(tests: readonly ContextTest[]): ContextTest {
  return (context) => {
    for (const test of tests) if (!test(context)) return false;
    return true;
  };
}

function anyOf(tests: readonly ContextTest[]): ContextTest {
  return (context) => {
    for (const test of tests) if (test(context)) return true;
    return false;
  };
}

function compileAttributeTest(comparison: Comparison): ContextTest {
  const { attribute } = comparison;
  const test = compileComparison(comparison);
  if (attribute.includes('.')) {
    const read = attributeReader(attribute);
    return (context) => test(read(context));
  }
  if (comparison.op === 'equals') return equalsOwn(attribute, comparison.value);
  const whenMissing = test(undefined);
  return (context) => {
    const holds = test(context[attribute]);
    // Whose property it is matters only when it changes the answer, and asking costs as much as the rest.
    return holds === whenMissing || Object.hasOwn(context, attribute) ? holds : whenMissing;
  };
}

/** The commonest comparison without the call of a test of its own. */
function equalsOwn(attribute: string, expected: unknown): ContextTest {
  return (context) => context[attribute] === expected && Object.hasOwn(context, attribute);
}
