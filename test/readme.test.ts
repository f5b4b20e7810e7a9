import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('the program in the README is the example that a test runs', () => {
  expect(read('README.md')).toContain(read('examples/rollout-manager.ts').trim());
});

test('every page the README names is there', () => {
  const pages = [...read('README.md').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
  expect(pages.length).toBeGreaterThan(5);
  for (const page of pages.filter((path) => path.endsWith('.md')))
    expect(read(page).length).toBeGreaterThan(100);
});
