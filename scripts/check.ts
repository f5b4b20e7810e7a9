/**
 * npm run check: everything that can be said of the code without running it, in under twenty seconds.
 * All checks run, so that one look shows all that is wrong.
 */
import { readFileSync } from 'node:fs';
import { lockProblems, type Lock } from './lockfile.ts';
import { root, runCommand } from './run-command.ts';

/** Far above the twenty seconds we promise: a machine may be busy, but not for ever. */
const checkLimitMs = 180_000;

interface Check {
  readonly name: string;
  readonly steps: readonly (readonly [string, ...(readonly string[])])[];
}

const checks: readonly Check[] = [
  {
    name: 'types',
    steps: [
      ['tsc', '-b', 'packages/sdk', 'packages/crossfade'],
      ['tsc', '-p', 'tsconfig.test.json', '--noEmit'],
    ],
  },
  { name: 'lint', steps: [['oxlint', '--type-aware', '--deny-warnings']] },
  {
    name: 'walls',
    steps: [
      ['depcruise', '--config', '.dependency-cruiser.mjs', 'packages/sdk/src', 'packages/crossfade/src'],
    ],
  },
  { name: 'format', steps: [['prettier', '--check', '--log-level', 'warn', '.']] },
  {
    name: 'generated',
    steps: [['tsx', '--conditions=source', 'scripts/generate-docs.ts', '--check']],
  },
  { name: 'unused', steps: [['knip', '--no-progress']] },
];

/** The output of the first step that failed, or null. */
async function failureOf(check: Check): Promise<string | null> {
  for (const [program, ...args] of check.steps) {
    const result = await runCommand(program, args, { output: 'kept', limitMs: checkLimitMs });
    if (result.exitCode !== 0)
      return `${[program, ...args].join(' ')}: exit code ${result.exitCode}\n${result.output}`;
  }
  return null;
}

const locks = ['package-lock.json', 'bench/flags/package-lock.json'];
const failures = new Map<string, string>();
const locked = locks.flatMap((path) =>
  lockProblems(JSON.parse(readFileSync(`${root}${path}`, 'utf8')) as Lock),
);
if (locked.length > 0) failures.set('lock', locked.join('\n'));
await Promise.all(
  checks.map(async (check) => {
    const failure = await failureOf(check);
    console.log(`${failure === null ? 'ok    ' : 'FAILED'} ${check.name}`);
    if (failure !== null) failures.set(check.name, failure);
  }),
);
console.log(`${locked.length === 0 ? 'ok    ' : 'FAILED'} lock`);
for (const [name, output] of failures) console.error(`\n── ${name} ──\n${output.trimEnd()}`);
process.exitCode = failures.size === 0 ? 0 : 1;
