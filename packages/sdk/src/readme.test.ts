import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

test('the program on the first screen of the README prints what its comments say', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'crossfade-readme-'));
  try {
    const file = join(folder, 'program.ts');
    await writeFile(file, program.replaceAll('@crossfade/sdk', new URL('index.ts', import.meta.url).href));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const { stdout } = await run(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
      timeout: 30_000,
    });
    const lines = stdout.split('\n');
    expect(lines.slice(0, 2)).toEqual(['ws://old:8081', 'streaming']);
    expect(lines.at(-2)).toBe('Decision: "legacy" (SPLIT).');
  } finally {
    await rm(folder, { recursive: true });
  }
});
