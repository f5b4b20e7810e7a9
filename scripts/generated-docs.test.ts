import { expect, test } from 'vitest';
import { generatedDocs, readInCheckout } from './generated-docs.ts';

test('generated pages say what the code says; if not, run: npx tsx --conditions=source scripts/generate-docs.ts', async () => {
  const docs = await generatedDocs();
  expect(docs.size).toBe(3);
  for (const [path, text] of docs) expect(readInCheckout(path), path).toBe(text);
});

test('a file that is not there is stale', () => {
  expect(readInCheckout('docs/nothing.md')).toBeUndefined();
});
