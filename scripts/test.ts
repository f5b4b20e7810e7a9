/**
 * Runs test steps one after the other and closes with one line, `N passed, N failed`, over all of them.
 *
 *   tsx scripts/test.ts fast                             what `npm test` runs
 *   tsx scripts/test.ts check fast slow computing demo   what `npm run test:all` runs
 *
 * A skipped test fails the run unless test/known-skips.json names it with its reason, so that nothing falls silent.
 */
import { readFileSync, rmSync } from 'node:fs';
import { demoProblems } from './demo-result.ts';
import { root, runCommand } from './run-command.ts';
import { countTests, type KnownSkip, type TestCount, type VitestReport } from './test-count.ts';

/** `npm test` takes about five minutes and all of CI has ninety; a step that takes longer than this hangs. */
const stepLimitMs = 25 * 60_000;

const knownSkips = (
  JSON.parse(readFileSync(`${root}test/known-skips.json`, 'utf8')) as { skips: KnownSkip[] }
).skips;

/** One command that passes or fails as a whole. */
function single(name: string, problems: readonly string[]): TestCount {
  return {
    passed: problems.length === 0 ? 1 : 0,
    failed: problems.length === 0 ? 0 : 1,
    known: [],
    problems: problems.map((problem) => `${name}: ${problem}`),
  };
}

async function vitest(suite: 'fast' | 'slow' | 'computing'): Promise<TestCount> {
  const reportPath = `${root}test-output/${suite}.json`;
  rmSync(reportPath, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const { exitCode } = await runCommand('vitest', args, {
    env: { CROSSFADE_SUITE: suite },
    output: 'shown',
    limitMs: stepLimitMs,
  });
  let report: VitestReport;
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8')) as VitestReport;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return single(suite, [`expected a report of vitest, got exit code ${exitCode} and none (${reason})`]);
  }
  return countTests(report, exitCode, knownSkips, {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
  });
}

async function demo(): Promise<TestCount> {
  const args = ['packages/crossfade/bin/crossfade.js', 'demo', '--json'];
  const result = await runCommand('node', args, { output: 'both', limitMs: stepLimitMs });
  return single('demo', demoProblems(result.exitCode, result.stdout));
}

async function check(): Promise<TestCount> {
  const { exitCode } = await runCommand('tsx', ['scripts/check.ts'], {
    output: 'shown',
    limitMs: stepLimitMs,
  });
  return single('check', exitCode === 0 ? [] : [`npm run check ended with exit code ${exitCode}`]);
}

const steps: Readonly<Record<string, () => Promise<TestCount>>> = {
  check,
  fast: () => vitest('fast'),
  slow: () => vitest('slow'),
  computing: () => vitest('computing'),
  demo,
};

const names = process.argv.slice(2);
const unknown = names.find((name) => steps[name] === undefined);
if (unknown !== undefined || names.length === 0) {
  console.error(`Expected some of ${Object.keys(steps).join(', ')}, got ${unknown ?? 'none'}.`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const problems: string[] = [];
for (const name of names) {
  const step = steps[name];
  if (step === undefined) continue;
  console.log(`\n── ${name} ──`);
  const count = await step();
  passed += count.passed;
  failed += count.failed;
  problems.push(...count.problems);
  for (const known of count.known) console.log(`skipped, known: ${known}`);
}
for (const problem of problems) console.error(problem);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
