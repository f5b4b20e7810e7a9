/** A test that may be skipped, and why. `test` is matched against `file > full name` from its start. */
export interface KnownSkip {
  readonly test: string;
  readonly reason: string;
  /** Platforms of Node on which it is known; everywhere when absent. */
  readonly on?: readonly string[];
  /** Known for everybody but root. */
  readonly unless?: 'root';
}

/** Where a run takes place, as far as a skip may depend on it. */
export interface Host {
  readonly platform: string;
  readonly isRoot: boolean;
}

function isKnown(skip: KnownSkip, name: string, host: Host): boolean {
  const isHere = skip.on === undefined || skip.on.includes(host.platform);
  return (
    isHere &&
    !(skip.unless === 'root' && host.isRoot) &&
    name.startsWith(skip.test) &&
    skip.reason.trim() !== ''
  );
}

/** The part of vitest's JSON report that we read. */
export interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  /** Skips that are listed, each with its reason. */
  readonly known: readonly string[];
  /** What failed for another reason than a failed test, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Counts a report. Failed as well: a file that did not load, a skip that is not listed with a reason, a run that
 * ended badly though every test passed (an unhandled error), and a run of no tests at all.
 */
export function countTests(
  report: VitestReport,
  exitCode: number,
  knownSkips: readonly KnownSkip[],
  host: Host,
): TestCount {
  let passed = 0;
  let failed = 0;
  const known: string[] = [];
  const problems: string[] = [];
  for (const file of report.testResults) {
    const path = file.name.replace(/^.*?(?=(packages|test)\/)/, '');
    for (const test of file.assertionResults) {
      const name = `${path} > ${test.fullName}`;
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') failed++;
      else {
        const skip = knownSkips.find((entry) => isKnown(entry, name, host));
        if (skip === undefined) problems.push(`${name}: skipped, and test/known-skips.json does not say why`);
        else known.push(`${name} (${skip.reason})`);
      }
    }
    const hasFailedTest = file.assertionResults.some((test) => test.status === 'failed');
    if (file.status === 'failed' && !hasFailedTest) {
      problems.push(`${path}: the file failed outside of its tests: ${file.message?.split('\n')[0] ?? ''}`);
    }
  }
  if (exitCode !== 0 && failed === 0 && problems.length === 0) {
    problems.push(`vitest ended with exit code ${exitCode} though no test failed: read its output above`);
  }
  if (passed + failed === 0) problems.push('expected tests, got none: nothing was run');
  return { passed, failed: failed + problems.length, known, problems };
}
