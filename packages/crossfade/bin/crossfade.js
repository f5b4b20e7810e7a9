#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  console.error(
    'crossfade: expected a built program in packages/crossfade/dist, got none. Run: npm run build',
  );
  process.exit(3);
}
await import(main.href);
