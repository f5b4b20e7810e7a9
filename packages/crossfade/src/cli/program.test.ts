import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from './command-io.fixture.ts';

const example = new URL('../../../../examples/plan.yaml', import.meta.url).pathname;
const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'crossfade-cli-'));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const each of folders.splice(0)) rmSync(each, { recursive: true, force: true });
});

describe('crossfade', () => {
  it('shows help with examples and exit codes, and ends with 0', async () => {
    const { out, code } = await run(['--help']);
    expect(code).toBe(0);
    for (const word of ['demo', 'up', 'engines', 'plan', 'rollout', 'session', 'Examples:', 'Exit codes:']) {
      expect(out).toContain(word);
    }
    expect(out).not.toMatch(/^ {2}process\b/m);
  });

  it('says that a data folder cannot be made, at once', async () => {
    const { err, code } = await run(['up', '--engine', 'tone', '--data', '/proc/no-such-folder']);
    expect(code).toBe(3);
    expect(err).toContain('Expected to write to /proc/no-such-folder');
  });

  it.each([
    ['up', ['--engine', 'tone', '--data', '/proc/no-such-folder']],
    ['accept', ['--target', 'ws://127.0.0.1:1/v1/listen']],
  ])('listens to no signal once a command is over, however it ended: %s', async (command, words) => {
    const listeners = () => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
    const before = listeners();
    expect((await run([command, ...words])).code).not.toBe(0);
    expect(listeners()).toBe(before);
  });

  it('names the file or folder that is not what an option wants, in words', async () => {
    const data = folder();
    const file = join(data, 'file');
    writeFileSync(file, '');
    const onFile = await run(['up', '--engine', 'tone', '--data', file]);
    expect(onFile).toMatchObject({ code: 3, err: expect.stringMatching(/is not a folder\. Name a folder/) });
    expect(onFile.err).not.toContain('ENOTDIR');
    const { err, code } = await run(['up', '--config', data, '--data', folder()]);
    expect(err).toContain(`got ${data}: that is a folder.`);
    expect(code).toBe(2);
  });

  it.each([
    ['demo'],
    ['up'],
    ['engines'],
    ['plan', 'validate'],
    ['plan', 'init'],
    ['audience', 'test'],
    ['audience', 'import'],
    ['audit', 'verify'],
    ['rollout', 'rollback'],
    ['session', 'show'],
    ['simulate'],
    ['journal', 'export'],
  ])('shows examples in the help of %s %s', async (...words) => {
    const { out, code } = await run([...words.filter((word) => typeof word === 'string'), '--help']);
    expect(code).toBe(0);
    expect(out).toContain('Examples:');
    expect(out).toContain('--json');
  });

  it.each([
    ['an unknown command', ['rollup'], /Unknown command 'rollup'.* See: crossfade --help/],
    ['no command', [], /Expected a command, got none/],
    ['an unknown option', ['up', '--fast'], /Unknown option '--fast'\. See: crossfade up --help/],
    ['a port that is none', ['up', '--port', '99999'], /Expected a port from 0 to 65535/],
    ['an unknown engine', ['demo', '--engine', 'parrot'], /Allowed choices are auto, tone, pocketsphinx/],
    ['a number that is none', ['demo', '--sessions', 'many'], /Expected a whole number from 1 to 400/],
    ['a duration that is none', ['demo', '--engine', 'tone', '--bake', 'soon'], /Expected a duration/],
    ['a missing argument', ['rollout', 'start'], /Missing required argument 'name'/i],
    [
      'a waiver without a reason',
      ['rollout', 'waive', 'x'],
      /Required option '--reason <text>'.* See: crossfade rollout waive --help/i,
    ],
    ['an empty reason', ['rollout', 'waive', 'x', '--reason', ''], /Expected words that say why, got none/],
    [
      'an engine that cannot be fetched',
      ['engines', 'fetch', 'tone'],
      /Expected an engine that can be fetched/,
    ],
  ])('refuses %s with one sentence and exit code 2', async (_, argv, sentence) => {
    const { err, code } = await run(argv);
    expect(err).toMatch(sentence);
    expect(err.split('\n').at(-1)).toMatch(/crossfade:/);
    expect(err).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });

  it('says what to do when no system runs on the data folder, and ends with 3', async () => {
    const { err, code } = await run(['rollout', 'status', '--data', folder()]);
    expect(err).toMatch(/got none\. Start one with: crossfade up, or name its folder with --data/);
    expect(err).not.toContain('ENOENT');
    expect(code).toBe(3);
  });

  it('finds the data folder in CROSSFADE_DATA', async () => {
    const data = folder();
    expect((await run(['session', 'show', 'x'], { CROSSFADE_DATA: data })).err).toContain(data);
  });

  it('answers an error as an object with --json', async () => {
    const { out, code } = await run(['rollout', 'status', '--json', '--data', folder()]);
    expect(JSON.parse(out.split('\n').at(-1)!)).toMatchObject({
      error: { code: 'CONTROL_PLANE_UNREACHABLE' },
    });
    expect(code).toBe(3);
  });

  it('says which file is not there', async () => {
    const { err, code } = await run(['plan', 'validate', 'no-such-plan.yaml']);
    expect(err).toMatch(/no-such-plan.yaml: there is no such file/);
    expect(code).toBe(2);
  });

  it('refuses a malformed plan with the place of the mistake and exit code 2', async () => {
    const file = join(folder(), 'plan.yaml');
    writeFileSync(file, 'name: 7\nstages: []\n');
    const { err, code } = await run(['plan', 'validate', file]);
    expect(err).toMatch(/plan\.yaml: name: expected .*\n/);
    for (const place of ['control', 'candidate', 'stages']) expect(err).toContain(`\n  ${place}: expected `);
    expect(code).toBe(2);
    const { out } = await run(['plan', 'validate', file, '--json']);
    const { error } = JSON.parse(out) as { error: { mistakes: { path: string }[] } };
    expect(error.mistakes.map(({ path }) => path)).toEqual(['name', 'control', 'candidate', 'stages']);
    writeFileSync(file, 'stages: [');
    expect((await run(['plan', 'validate', file])).err).toMatch(/plan\.yaml: expected YAML or JSON/);
  });

  it('refuses a regression that is none before it says that it simulates', async () => {
    const { err, code } = await run(['simulate', example, '--regression', 'garbage']);
    expect(err).toMatch(/^crossfade: Expected a regression such as/);
    expect(code).toBe(2);
  });

  it('refuses a malformed system configuration before anything is started', async () => {
    const file = join(folder(), 'crossfade.yaml');
    writeFileSync(file, 'pipelines: [{ name: a, kind: batch, build: b }]\n');
    const { err, code } = await run(['up', '--config', file, '--data', folder()]);
    expect(err).toMatch(/pipelines\[0\]\.kind/);
    expect(code).toBe(2);
  });

  it('lists every engine with what it is and whether it runs here', async () => {
    const { out, code } = await run(['engines', '--json']);
    expect(code).toBe(0);
    const { engines } = JSON.parse(out) as { engines: { name: string; ok: boolean }[] };
    expect(engines.map(({ name }) => name)).toEqual(['tone', 'pocketsphinx', 'pocketsphinx-grammar']);
    expect(engines[0]).toMatchObject({ ok: true });
  });
});
