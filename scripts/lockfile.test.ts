import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Lock, lockProblems } from './lockfile.ts';
import { root } from './run-command.ts';

const integrity = 'sha512-abc';

test('the lock file is complete for every system and names no address', () => {
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as Lock;

  expect(Object.keys(lock.packages).length).toBeGreaterThan(50);
  expect(lockProblems(lock)).toEqual([]);
});

test.each<readonly [string, Lock['packages'], readonly string[]]>([
  ['a whole lock has no problem', { '': {}, 'node_modules/a': { integrity } }, []],
  [
    'a download address is one',
    { 'node_modules/a': { integrity, resolved: 'https://example.com/a.tgz' } },
    ['node_modules/a: expected no download address'],
  ],
  ['a missing hash is one', { 'node_modules/a': {} }, ['node_modules/a: expected an integrity hash']],
  [
    'a workspace needs neither',
    { 'packages/a': {}, 'node_modules/a': { link: true, resolved: 'packages/a' } },
    [],
  ],
  [
    'a binary of another system that was dropped is one',
    {
      'node_modules/a': { integrity, optionalDependencies: { 'a-linux': '1.0.0', 'a-darwin': '1.0.0' } },
      'node_modules/a-linux': { integrity },
    },
    ['node_modules/a: expected its optional dependency a-darwin'],
  ],
  [
    'a binary nested below its package is found',
    {
      'node_modules/a': { integrity, optionalDependencies: { b: '1.0.0' } },
      'node_modules/a/node_modules/b': { integrity },
    },
    [],
  ],
  [
    'a binary above a nested package is found',
    {
      'node_modules/a/node_modules/@b/c': { integrity, optionalDependencies: { d: '1.0.0' } },
      'node_modules/d': { integrity },
    },
    [],
  ],
])('%s', (_promise, packages, expected) => {
  const problems = lockProblems({ packages });

  expect(problems).toHaveLength(expected.length);
  expected.forEach((start, i) => expect(problems[i]).toContain(start));
});
