import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

test('the published schema of plans takes the example, and refuses what is no plan', () => {
  const published = JSON.parse(read('packages/crossfade/schema/plan.schema.json')) as object;
  // Conditions are the ruleset schema's own, and are tested with it.
  const schema = z.fromJSONSchema({ ...published, $defs: { condition: { type: 'object' } } });
  const example = parse(read('examples/plan-careful.yaml')) as object;
  expect(schema.safeParse(example).error).toBeUndefined();
  for (const wrong of [{ stages: [] }, { drain: 'leave' }, { stage: 1 }, { audiences: { a: {} } }]) {
    expect(schema.safeParse({ ...example, ...wrong }).success).toBe(false);
  }
});
