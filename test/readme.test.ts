import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('the program in the README is the example that a test runs', () => {
  expect(read('README.md')).toContain(read('examples/rollout-manager.ts').trim());
});

test('the program in docs/library.md is the example that a test runs', async () => {
  const example = read('examples/decide.ts').trim();
  expect(read('docs/library.md')).toContain(example);
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=source',
    '--import',
    'tsx',
    'examples/decide.ts',
  ]);
  expect(stdout).toMatch(
    /^2\nSPLIT\n.*Rule "few" matches: everybody\.\nIt serves a share of 0\.5 % by "org\.id"/s,
  );
});

test('every page the README names is there', () => {
  const pages = [...read('README.md').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
  expect(pages.length).toBeGreaterThan(5);
  for (const page of pages.filter((path) => path.endsWith('.md')))
    expect(read(page).length).toBeGreaterThan(100);
});
