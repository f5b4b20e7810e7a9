import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedDocs, readInCheckout } from './generated-docs.ts';

/**
 * Writes every generated file anew: `npx tsx --conditions=source scripts/generate-docs.ts`. With `--check` it writes
 * nothing and ends with 1 while one is stale.
 */
const isCheck = process.argv.includes('--check');
for (const [path, text] of await generatedDocs()) {
  if (isCheck) {
    if (readInCheckout(path) === text) continue;
    console.error(`${path} is stale. Run: npx tsx --conditions=source scripts/generate-docs.ts`);
    process.exitCode = 1;
    continue;
  }
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${path}\n`);
}
