import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { planJsonSchema } from '../packages/crossfade/src/rollout/plan-schema.ts';
import { planReference } from './plan-reference.ts';
import { withTransitions } from './transitions-table.ts';

const root = new URL('../', import.meta.url);

/** Reads a file of the checkout, or nothing when it is not there. */
export function readInCheckout(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return undefined;
  }
}

/** Every generated file of the checkout: path and what it must contain. */
export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  const ruleset = JSON.parse(readInCheckout('packages/sdk/schema/ruleset.schema.json') ?? '{}');
  const schema = planJsonSchema(ruleset);
  const example = readInCheckout('examples/plan.yaml') ?? '';
  const page = readInCheckout('docs/rollout.md') ?? '';
  const transitions = JSON.parse(readInCheckout('conformance/rollout/transitions.json') ?? '{}');
  return new Map([
    [schemaPath, await asFile(schemaPath, JSON.stringify(schema))],
    ['docs/plan-reference.md', planReference(schema, example)],
    ['docs/rollout.md', withTransitions(page, transitions)],
  ]);
}

const schemaPath = 'packages/crossfade/schema/plan.schema.json';

/** As the formatter of this checkout leaves it. */
async function asFile(path: string, text: string): Promise<string> {
  const filepath = fileURLToPath(new URL(path, root));
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}
