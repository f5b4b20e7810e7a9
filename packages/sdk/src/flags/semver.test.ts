import { expect, test } from 'vitest';
import { compareVersions, parseVersion } from './semver.ts';

function order(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) throw new Error(`not versions: ${a}, ${b}`);
  return Math.sign(compareVersions(left, right));
}

test('versions stand in the order that semver.org §11 gives', () => {
  const ascending = [
    '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11',
    '1.0.0-rc.1', '1.0.0', '1.9.0', '1.10.0', '1.11.0', '2.0.0', '2.1.0', '2.1.1',
  ]; // prettier-ignore
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) expect(order(a, b), `${a} against ${b}`).toBe(Math.sign(i - j));
  }
});

test('what apps send is read: a leading v, missing numbers, leading zeros, build data', () => {
  expect(order('v2', '2.0.0')).toBe(0);
  expect(order('2.5', '2.5.0')).toBe(0);
  expect(order('2026.01.3', '2026.1.3')).toBe(0);
  expect(order('1.0.0+build.7', '1.0.0')).toBe(0);
});

test.each([
  '',
  'latest',
  '1.2.3.4',
  '1.',
  '1..2',
  '-1.0.0',
  '1.0.0-',
  '1.0.0-a..b',
  '9'.repeat(16),
  `1.0.0-${'a'.repeat(200)}`,
  ' 1.0.0',
])('%j is not a version', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});
