import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('../../../examples/rollout-manager.ts', import.meta.url));
const tsx = new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-example-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the public face', () => {
  it('lets the example of the README apply, decide, revise, roll back and read the audit, and leaves nothing', async () => {
    const args = ['--conditions=source', '--import', tsx, example];
    const env = { ...process.env, TMPDIR: folder };
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      ...{ cwd: folder, env, timeout: 60_000 },
    });
    const [value, ...audit] = stdout.trimEnd().split('\n');

    expect(['legacy', 'streaming']).toContain(value);
    expect(audit).toEqual([
      'Plan applied: candidate (build sha256:9f2c1d7e) against control, 1 stage. (finals in half the time)',
      'Started; acceptance evidence or a waiver opens the first stage. (the build is deployed)',
      expect.stringMatching(/^Acceptance waived for .*\(tested by hand\)$/),
      'Stage canary entered: share 10 %. (tested by hand)',
      expect.stringMatching(/^Plan changed.*stages.*50.*\(all is well\)$/),
      'Rolling back from canary: admission stops, open sessions migrate. (an echo in calls)',
    ]);
    expect((await readdir(folder)).filter((name) => name.startsWith('rollouts'))).toEqual([]);
  });
});
