import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { generatedDocs, readInCheckout } from './generated-docs.ts';

test('generated pages say what the code says; if not, run: npx tsx --conditions=source scripts/generate-docs.ts', async () => {
  const docs = await generatedDocs();
  expect(docs.size).toBe(3);
  for (const [path, text] of docs) expect(readInCheckout(path), path).toBe(text);
});

test('the published schema of plans takes the example, and refuses what is no plan', async () => {
  const text = (await generatedDocs()).get('packages/crossfade/schema/plan.schema.json') ?? '';
  // Conditions are the ruleset schema's own, and are tested with it.
  const published = JSON.parse(text) as object;
  const schema = z.fromJSONSchema({ ...published, $defs: { condition: { type: 'object' } } });
  const example = parse(readInCheckout('examples/plan.yaml') ?? '') as object;
  expect(schema.safeParse(example).error).toBeUndefined();
  expect(schema.safeParse({ ...example, stages: [] }).success).toBe(false);
  expect(schema.safeParse({ ...example, drain: 'leave' }).success).toBe(false);
});

test('a file that is not there is stale', () => {
  expect(readInCheckout('docs/nothing.md')).toBeUndefined();
});
