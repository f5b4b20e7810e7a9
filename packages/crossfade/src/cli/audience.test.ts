import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parsePlan } from '../rollout/parse-plan.ts';
import { rulesetOf } from '../rollout/ruleset-of.ts';
import { subjectIn } from '../rollout/rollout.fixture.ts';
import { run } from './command-io.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'crossfade-audience-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const careful = new URL('../../../../examples/plan-careful.yaml', import.meta.url).pathname;

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const ruleset = fileOf('ruleset.json', JSON.stringify(rulesetOf([subjectIn('running').current], 7)));

describe('crossfade audience', () => {
  it('lists the audiences of a plan and who uses each', async () => {
    const { out, code } = await run(['audience', 'list', '--from', careful, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      audiences: [
        { name: 'volunteers', usedBy: ['audience first-regions', 'stage volunteers'] },
        { name: 'first-regions', lists: [{ attribute: 'country', keys: 2 }], usedBy: ['stage regions'] },
      ],
    });
  });

  it('lists those of a ruleset, with the rules of flags that use them', async () => {
    const { out } = await run(['audience', 'list', '--from', ruleset]);
    expect(out).toMatch(/^streaming-2\/internal; used by rule audience:internal of flag transcription$/);
  });

  it('shows what an audience asks', async () => {
    const { out } = await run(['audience', 'show', 'first-regions', '--from', careful]);
    expect(out).toMatch(/Iberia.*2 values of country.*stage regions/);
    expect(out).toContain('"op":"semverAtLeast"');
  });

  it.each([
    [['--set', 'country=PT', '--set', 'appVersion=4.10.0'], true, /In "first-regions": .*country is "PT"/],
    [
      ['--set', 'country=DE', '--set', 'appVersion=4.10.0'],
      false,
      /Not in .*country is "DE", which does not satisfy in/,
    ],
    [
      ['--set', 'country=PT', '--set', 'appVersion=4.1.9'],
      false,
      /appVersion is "4.1.9", which does not satisfy semverAtLeast/,
    ],
    [
      ['--set', 'country=PT', '--set', 'appVersion=4.10.0', '--set', 'beta=true'],
      false,
      /in audience "volunteers"/,
    ],
  ])('says of a user with %j whether it is in, and why', async (set, member, why) => {
    const argv = ['audience', 'test', 'first-regions', '--from', careful, ...set];
    expect((await run(argv)).out).toMatch(why);
    expect(JSON.parse((await run([...argv, '--json'])).out)).toMatchObject({ member });
  });

  it('reads the attributes of a user from a file', async () => {
    const context = fileOf('user.json', '{"country":"ES","appVersion":"5.0.0"}');
    const { out } = await run(['audience', 'test', 'first-regions', '--from', careful, '--context', context]);
    expect(out).toMatch(/^In/);
  });

  it('finds an audience of a ruleset by its short name', async () => {
    const argv = ['audience', 'test', 'internal', '--from', ruleset, '--set', 'email=ana@example.com'];
    expect((await run(argv)).out).toMatch(/^In "streaming-2\/internal"/);
  });

  it('explains a whole decision for a user', async () => {
    const argv = ['audience', 'explain', 'transcription', '--from', ruleset, '--key', 'u1'];
    const { out } = await run([...argv, '--set', 'email=ana@example.com', '--json']);
    expect(JSON.parse(out)).toMatchObject({ decision: { variant: 'candidate', rule: 'audience:internal' } });
    expect((await run(argv)).out).toMatch(
      /Rule "audience:internal" does not match.*\n.*Decision: "control"/s,
    );
  });

  it.each([
    [
      'an audience that is not there',
      ['test', 'nobody', '--from', careful],
      /\(volunteers, first-regions\), got "nobody"/,
    ],
    [
      'a flag that is not there',
      ['explain', 'nope', '--from', ruleset, '--key', 'u1'],
      /Expected a flag of .* \(transcription\), got "nope"/,
    ],
    [
      'an attribute without a value',
      ['test', 'volunteers', '--from', careful, '--set', 'x'],
      /such as plan=internal/,
    ],
    [
      'a context that is none',
      ['test', 'volunteers', '--from', careful, '--context', fileOf('l.json', '[1]')],
      /JSON object/,
    ],
    [
      'a ruleset that is invalid',
      ['list', '--from', fileOf('bad.json', '{"schema":"crossfade.ruleset/1"}')],
      /revision: expected a value/,
    ],
  ])('refuses %s with exit code 2', async (_, argv, sentence) => {
    const { err, code } = await run(['audience', ...argv]);
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });
});

describe('crossfade audience import', () => {
  const plan = (name: string): string => fileOf(name, readFileSync(careful, 'utf8'));

  it('puts keys into a plan, keeps its comments, and says what is new', async () => {
    const file = plan('import.yaml');
    const keys = fileOf('keys.txt', '\uFEFFuser-1\r\n  user-2 \n\nuser-1\nyes\n42\n');
    const argv = ['audience', 'import', 'volunteers', keys, '--into', file, '--description', 'signed up'];
    expect(JSON.parse((await run([...argv, '--json'])).out)).toMatchObject({ keys: 4, added: 4, removed: 0 });
    expect(readFileSync(file, 'utf8')).toMatch(/^# yaml-language-server/);
    expect(parsePlan(readFileSync(file, 'utf8')).audiences['volunteers']).toEqual({
      description: 'signed up',
      when: { attribute: 'targetingKey', op: 'in', value: ['user-1', 'user-2', 'yes', '42'] },
    });
    writeFileSync(keys, 'user-2\nuser-3\n');
    // Without another description the one that is there stays.
    expect((await run(argv.slice(0, -2))).out).toMatch(/2 keys, 1 new, 3 gone/);
    expect(parsePlan(readFileSync(file, 'utf8')).audiences['volunteers']?.description).toBe('signed up');
    expect((await run(['audience', 'test', 'volunteers', '--from', file, '--key', 'user-3'])).out).toMatch(
      /^In/,
    );
    expect((await run(['audience', 'test', 'volunteers', '--from', file, '--key', 'user-1'])).out).toMatch(
      /^Not in .*targetingKey is "user-1", which does not satisfy in \["user-2", "user-3"\]/,
    );
  });

  it('puts them into a ruleset, whose revision grows by one', async () => {
    const file = fileOf('into.json', readFileSync(ruleset, 'utf8'));
    const keys = fileOf('orgs.txt', 'org-1\norg-2\n');
    await run(['audience', 'import', 'pilots', keys, '--into', file, '--attribute', 'org.id']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      revision: 8,
      audiences: { pilots: { when: { attribute: 'org.id', op: 'in', value: ['org-1', 'org-2'] } } },
    });
  });

  it.each([
    ['no keys', '\n \n', /Expected keys in .*got none/],
    ['a key that is too long', `a\n${'x'.repeat(257)}\n`, /in line 2 of .*got 257/],
  ])('refuses %s and leaves the plan as it was', async (_, text, sentence) => {
    const file = plan('kept.yaml');
    const { err, code } = await run([
      'audience',
      'import',
      'volunteers',
      fileOf('refused.txt', text),
      '--into',
      file,
    ]);
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(careful, 'utf8'));
  });

  it('refuses a name that the plan cannot have, and leaves it as it was', async () => {
    const file = plan('named.yaml');
    const { err, code } = await run([
      'audience',
      'import',
      'Not A Name',
      fileOf('one.txt', 'a'),
      '--into',
      file,
    ]);
    expect(err).toMatch(/audiences/);
    expect(code).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(careful, 'utf8'));
  });
});
