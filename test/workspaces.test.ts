import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './repository.ts';

test('an import of the other package is its source in a test', () => {
  expect(import.meta.resolve('@crossfade/sdk/core/errors')).toMatch(
    /\/packages\/sdk\/src\/core\/errors\.ts$/,
  );
});

test('an import of the other package is its build in a program', () => {
  const program = "console.log(import.meta.resolve('@crossfade/sdk/core/errors'))";
  const args = ['--input-type=module', '--eval', program];
  const resolved = execFileSync(process.execPath, args, {
    cwd: join(root, 'packages/crossfade'),
    encoding: 'utf8',
  });

  expect(resolved.trim()).toMatch(/\/packages\/sdk\/dist\/core\/errors\.js$/);
});

test('npm links the command before anything is built', () => {
  expect(existsSync(join(root, 'node_modules/.bin/crossfade'))).toBe(true);
});
