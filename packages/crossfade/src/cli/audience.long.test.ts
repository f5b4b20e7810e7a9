import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from './command-io.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'crossfade-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const careful = new URL('../../../../examples/plan-careful.yaml', import.meta.url).pathname;

it('an import takes a hundred thousand keys, and a plan with them is still a plan', async () => {
  const [file, keys] = [join(folder, 'many.yaml'), join(folder, 'many.txt')];
  copyFileSync(careful, file);
  const keyOf = (at: number): string => `0b6f7f8e-5c1d-4b8e-9a3f-${String(at).padStart(12, '0')}`;
  writeFileSync(keys, Array.from({ length: 100_000 }, (_, at) => keyOf(at)).join('\n'));
  const { out, code, err } = await run(['audience', 'import', 'volunteers', keys, '--into', file]);
  expect(err).toBe('');
  expect([code, out]).toEqual([0, expect.stringContaining('100000 keys, 100000 new')]);
  const test = ['audience', 'test', 'volunteers', '--from', file, '--key'];
  expect((await run([...test, keyOf(99_999)])).out).toMatch(/^In .*and 99995 more/);
  expect((await run([...test, keyOf(100_000)])).out).toMatch(/^Not in /);
});
