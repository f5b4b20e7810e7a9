import * as z from 'zod';
import { planSchema } from './plan-schema.ts';

/** A node of a JSON Schema. */
export type SchemaNode = { readonly [keyword: string]: unknown };

/** Definitions of the ruleset's schema that a condition is made of. */
const conditionDefinitions = ['name', 'scalar', 'comparison', 'conditions', 'condition'] as const;

/**
 * The JSON Schema of a plan as people write it: editors complete and check plans with it. Conditions are those of
 * `rulesetSchema`, the published schema of rulesets, so that the two never differ.
 */
export function planJsonSchema(rulesetSchema: SchemaNode): SchemaNode {
  const definitions = rulesetSchema['$defs'] as Readonly<Record<string, SchemaNode>>;
  const { $schema, ...schema } = z.toJSONSchema(planSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      // The one unknown of the plan is the condition of an audience.
      if (zodSchema._zod.def.type === 'unknown' && path.at(-1) === 'when')
        jsonSchema.$ref = '#/$defs/condition';
    },
  });
  return {
    $schema,
    $id: 'urn:crossfade:plan:1',
    title: 'Crossfade rollout plan',
    ...schema,
    $defs: Object.fromEntries(conditionDefinitions.map((name) => [name, definitions[name]])),
  };
}
