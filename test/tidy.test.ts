import { posix } from 'node:path';
import { errorTable } from '@crossfade/sdk/core/errors';
import { describe, expect, test } from 'vitest';
import { filesOf, textOf } from './repository.ts';
import { breaches, fileLinesMax, importsOf, tidyRules, vagueFileName } from './tidy-rules.ts';

const isText = /\.(ts|tsx|mjs|js|json|md|yaml|yml|sql|css|html)$|^\.ci\/run$/;
/** The rules quote what they refuse; a lock file is checked by a check of its own. */
const quotesTheRules = new Set(['test/tidy-rules.ts', 'package-lock.json']);
const files = filesOf('').filter((path) => isText.test(path) && !quotesTheRules.has(path));
const texts = new Map(files.map((path) => [path, textOf(path)]));
const shipped = files.filter(
  (path) => /^packages\/\w+\/src\/.*\.ts$/.test(path) && !/\.(test|contract|fixture)\.ts$/.test(path),
);

describe('the tree', () => {
  test.each(tidyRules)('$name', (rule) => {
    const found = [...texts].flatMap(([path, text]) => breaches(rule, path, text));

    expect(found, `Write instead: ${rule.instead}.`).toEqual([]);
  });

  test('has no file of two things', () => {
    const long = [...texts].filter(
      ([path, text]) => /\.(ts|tsx|mjs|js)$/.test(path) && text.split('\n').length - 1 > fileLinesMax,
    );

    expect(long.map(([path, text]) => `${path}: ${text.split('\n').length - 1} lines`)).toEqual([]);
  });

  test('names a file after the thing it does', () => {
    expect(files.filter((path) => vagueFileName.test(path))).toEqual([]);
  });

  test('has an index at the public face alone', () => {
    const faces = ['packages/sdk/src/index.ts', 'packages/crossfade/src/index.ts'];

    expect(files.filter((path) => path.endsWith('/index.ts') && !faces.includes(path))).toEqual([]);
  });

  test('has no code that nothing shipped imports', () => {
    expect(deadFiles(shipped, (path) => texts.get(path) ?? '')).toEqual([]);
  });
});

/**
 * Where a program or a user comes in from outside: everything else must be reached from these files. What only
 * tests use is dead, however well tested.
 */
const entries = [
  /^packages\/\w+\/src\/index\.ts$/,
  // What `@crossfade/server/acceptance` offers.
  /^packages\/crossfade\/src\/acceptance\/public\.ts$/,
  /^packages\/crossfade\/src\/cli\/main\.ts$/,
  // What `npm run mutants` runs.
  /^packages\/crossfade\/src\/cli\/mutants\/main\.ts$/,
  // What `@crossfade/sdk` offers its users by path.
  /^packages\/sdk\/src\/(core|flags|client)\/[^/]+\.ts$/,
];

/** Shipped files that no shipped file reaches from an entry. */
function deadFiles(paths: readonly string[], read: (path: string) => string): readonly string[] {
  const known = new Set(paths);
  const reached = new Set(paths.filter((path) => entries.some((entry) => entry.test(path))));
  for (const path of reached) {
    for (const specifier of importsOf(read(path))) {
      const target = specifier.startsWith('.')
        ? posix.join(posix.dirname(path), specifier.replace(/\.js$/, '.ts'))
        : `${specifier.replace('@crossfade/sdk/', 'packages/sdk/src/')}.ts`;
      // A Set grows while it is walked: each reached file is walked once.
      if (known.has(target)) reached.add(target);
    }
  }
  return paths.filter((path) => !reached.has(path));
}

describe('the rules bite', () => {
  const places = ['packages/crossfade/src/gateway/session.ts', 'test/session.test.ts', 'docs/page.md'];

  test.each(tidyRules)('$name', (rule) => {
    const found = (line: string): number => places.flatMap((path) => breaches(rule, path, line)).length;

    expect(found(rule.breach)).toBeGreaterThan(0);
    expect(found(rule.fine)).toBe(0);
  });

  test('a file that only a dead file imports is dead too', () => {
    const code: Readonly<Record<string, string>> = {
      'packages/crossfade/src/cli/main.ts': "import { a } from '../gateway/a.ts';",
      'packages/crossfade/src/gateway/a.ts': 'export const a = 1;',
      'packages/crossfade/src/gateway/b.ts': "export { c } from './c.ts';",
      'packages/crossfade/src/gateway/c.ts': 'export const c = 1;',
    };

    const dead = deadFiles(Object.keys(code), (path) => code[path] ?? '');

    expect(dead).toEqual(['packages/crossfade/src/gateway/b.ts', 'packages/crossfade/src/gateway/c.ts']);
  });

  test('a vague name is refused', () => {
    expect(vagueFileName.test('packages/sdk/src/core/utils.ts')).toBe(true);
    expect(vagueFileName.test('packages/sdk/src/core/units.ts')).toBe(false);
  });
});

describe('docs/errors.md', () => {
  const documented = new Map(
    [
      ...(texts.get('docs/errors.md') ?? '').matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (yes|no) \| (.*) \|$/gm),
    ].map(([, code, status, retryable, meaning]) => [
      code,
      { status: Number(status), retryable: retryable === 'yes', meaning },
    ]),
  );

  test('has a row for each code, with its status and meaning', () => {
    const wrong = Object.entries(errorTable).filter(
      ([code, entry]) => JSON.stringify(documented.get(code)) !== JSON.stringify(entry),
    );

    expect(
      wrong.map(
        ([code, { status, retryable, meaning }]) =>
          `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
      ),
    ).toEqual([]);
  });

  test('has no row for a code that is gone', () => {
    expect([...documented.keys()].filter((code) => !(code !== undefined && code in errorTable))).toEqual([]);
  });
});

describe('dependencies', () => {
  const manifests = [
    'package.json',
    'packages/sdk/package.json',
    'packages/crossfade/package.json',
    'bench/flags/package.json',
  ].map((path) => ({
    path,
    ...(JSON.parse(textOf(path)) as Readonly<
      Record<
        'dependencies' | 'devDependencies' | 'optionalDependencies',
        Readonly<Record<string, string>> | undefined
      >
    >),
  }));
  const wanted = manifests.flatMap((manifest) =>
    Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    }),
  );

  test('are pinned to one version each', () => {
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  test('each have a sentence of why, and only they', () => {
    const explained = [
      ...(texts.get('docs/decisions/dependencies.md') ?? '').matchAll(/^\| `([^`]+)` \|/gm),
    ].map((match) => match[1] ?? '');
    const ours = (name: string): boolean => name.startsWith('@crossfade/');

    expect(explained.sort()).toEqual(
      [...new Set(wanted.map(([name]) => name))].filter((name) => !ours(name)).sort(),
    );
  });

  test('of the SDK are none', () => {
    const sdk = manifests.find(({ path }) => path === 'packages/sdk/package.json');

    expect([sdk?.dependencies, sdk?.optionalDependencies]).toEqual([undefined, undefined]);
  });
});
