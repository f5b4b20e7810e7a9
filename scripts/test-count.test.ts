import { expect, test } from 'vitest';
import { countTests, type VitestReport } from './test-count.ts';

type File = VitestReport['testResults'][number];

function report(...files: readonly Partial<File>[]): VitestReport {
  const whole = files.map((file) => ({
    name: '/checkout/packages/sdk/src/a.test.ts',
    status: 'passed',
    assertionResults: [],
    ...file,
  }));
  return { success: true, testResults: whole };
}

const host = { platform: 'linux', isRoot: true };
const passing = { fullName: 'a promise', status: 'passed' };
const failing = { fullName: 'a lie', status: 'failed' };
const skipped = { fullName: 'engine speaks', status: 'skipped' };
const known = [{ test: 'packages/sdk/src/a.test.ts > engine', reason: 'needs a sound card' }];

test('passed and failed tests are counted', () => {
  const count = countTests(
    report({ assertionResults: [passing, passing, failing], status: 'failed' }),
    1,
    [],
    host,
  );

  expect(count).toMatchObject({ passed: 2, failed: 1, problems: [] });
});

test('a skip that nobody explained is a failure', () => {
  const count = countTests(report({ assertionResults: [passing, skipped] }), 0, [], host);

  expect(count).toMatchObject({ passed: 1, failed: 1 });
  expect(count.problems[0]).toContain('packages/sdk/src/a.test.ts > engine speaks: skipped');
});

test('a skip that is listed with its reason is told and passes', () => {
  const count = countTests(report({ assertionResults: [passing, skipped] }), 0, known, host);

  expect(count).toMatchObject({ passed: 1, failed: 0 });
  expect(count.known).toEqual(['packages/sdk/src/a.test.ts > engine speaks (needs a sound card)']);
});

test('a listed skip without a reason is a failure', () => {
  const unexplained = [{ test: 'packages/sdk/src/a.test.ts', reason: ' ' }];

  expect(countTests(report({ assertionResults: [passing, skipped] }), 0, unexplained, host).failed).toBe(1);
});

test('a skip is known only where its entry says', () => {
  const failed = (entry: object): number =>
    countTests(
      report({ assertionResults: [passing, skipped] }),
      0,
      known.map((skip) => ({ ...skip, ...entry })),
      host,
    ).failed;

  expect([failed({ on: ['linux'] }), failed({ on: ['darwin'] }), failed({ unless: 'root' })]).toEqual([
    0, 1, 1,
  ]);
});

test('a file that did not load is a failure', () => {
  const count = countTests(
    report({ assertionResults: [passing] }, { status: 'failed', message: 'SyntaxError\nat …' }),
    1,
    [],
    host,
  );

  expect(count).toMatchObject({ passed: 1, failed: 1 });
  expect(count.problems[0]).toContain('SyntaxError');
});

test('a run that ends badly though every test passed is a failure', () => {
  expect(countTests(report({ assertionResults: [passing] }), 1, [], host)).toMatchObject({
    passed: 1,
    failed: 1,
  });
});

test('a run of no tests is a failure', () => {
  expect(countTests(report(), 0, [], host)).toMatchObject({ passed: 0, failed: 1 });
});
