import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { planDocument } from '../controller/rollout.fixture.ts';
import { RolloutManager } from '../controller/rollout-manager.ts';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import { run } from './command-io.fixture.ts';
import { referenceBuild } from './version.ts';

const root = mkdtempSync(join(tmpdir(), 'crossfade-plan-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const example = new URL('../../../../examples/plan.yaml', import.meta.url).pathname;

function fileOf(name: string, text: string): string {
  const file = join(root, name);
  writeFileSync(file, text);
  return file;
}

describe('crossfade plan', () => {
  it('init writes a plan that validates, tells editors its schema, and never writes over a file', async () => {
    const file = join(root, 'first.yaml');
    const argv = ['plan', 'init', file, '--name', 'turbo', '--candidate', 'turbo: "2"', '--build', 'b1'];
    expect((await run(argv)).code).toBe(0);
    const text = readFileSync(file, 'utf8');
    const [, schema] = /\$schema=(\S+)/.exec(text)!;
    expect(JSON.parse(readFileSync(join(root, schema!), 'utf8'))).toMatchObject({
      title: 'Crossfade rollout plan',
    });
    const { out } = await run(['plan', 'validate', file, '--json']);
    expect(JSON.parse(out)).toMatchObject({
      valid: true,
      plan: { name: 'turbo', candidate: { upstream: 'turbo: "2"' } },
    });
    const other = join(root, 'build.yaml');
    await run(['plan', 'init', other]);
    // The build of which `crossfade accept --pipeline streaming` makes its report.
    const { out: shown } = await run(['plan', 'validate', other, '--json']);
    expect(JSON.parse(shown)).toMatchObject({ plan: { candidate: { build: referenceBuild('streaming') } } });
    const again = await run(argv);
    expect(again.err).toMatch(
      /Expected to write a new file .*, got one that is there already\. Name another file/,
    );
    expect(again.code).toBe(2);
  });

  it('init refuses a name that no plan may have before it writes', async () => {
    const file = join(root, 'never.yaml');
    const { err, code } = await run(['plan', 'init', file, '--name', 'Not A Name']);
    expect([code, err]).toEqual([2, expect.stringMatching(/name: expected small letters/)]);
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  it('show says everything, defaults too', async () => {
    const { out } = await run(['plan', 'show', example]);
    expect(out).toMatch(/gates .*capture-completeness certified/);
    expect(out).toMatch(/no data +pauses after 12h/);
    expect(out).toMatch(/everybody +100 % of the rest; bake 2d.*a person approves/);
    const { out: json } = await run(['plan', 'show', example, '--json']);
    expect(JSON.parse(json)).toMatchObject({ plan: { noDataLimitMs: 43_200_000 } });
  });

  const text = readFileSync(example, 'utf8');
  it.each([
    ['the same plan with another comment', text.replace('# The defaults', '# Defaults'), 'nothing', [], ''],
    [
      'another drain',
      text.replace('drain: migrate', 'drain: cut'),
      'applied',
      ['drain'],
      '  drain: "migrate" → "cut"',
    ],
    [
      'a larger share',
      text.replace('share: 10,', 'share: 20,'),
      'new-bake',
      ['stages.1.shareBuckets'],
      '  stages.1.share: 10 % → 20 %',
    ],
    [
      'another limit',
      text.replace('1200', '1100'),
      'new-bake',
      ['guardrails.limits.finalization-latency'],
      'latency: 1200 → 1100',
    ],
    [
      'another build',
      text.replace('sha256:9f2c', 'sha256:0000'),
      'refused',
      ['candidate.build'],
      '  candidate.build: "sha256:9f2c',
    ],
    [
      'another bake',
      text.replace('bake: 48h', 'bake: 36h'),
      'applied',
      ['stages.0.bakeMs', 'stages.0.longestBakeMs'],
      '  stages.0.longestBake: 6d → 4d12h',
    ],
  ])('diff foretells what revising to %s would mean', async (_, changed, is, paths, line) => {
    const argv = ['plan', 'diff', example, fileOf('changed.yaml', changed)];
    const { out, code } = await run([...argv, '--json']);
    expect(code).toBe(0);
    const { effect, changes } = JSON.parse(out) as { effect: { is: string }; changes: { path: string }[] };
    expect([effect.is, changes.map(({ path }) => path)]).toEqual([is, paths]);
    const { out: words } = await run(argv);
    expect(words).toContain(line);
  });

  it('diff names the stages in which a new bake would begin', async () => {
    const { out } = await run([
      'plan',
      'diff',
      example,
      fileOf('share.yaml', text.replace('share: 10,', 'share: 20,')),
    ]);
    expect(out).toMatch(/a rollout in tenth begins a new bake/);
  });
});

describe('crossfade audit verify', () => {
  let data: string;
  const file = (): string => join(data, 'rollouts.sqlite');
  beforeEach(async () => {
    data = mkdtempSync(join(root, 'data-'));
    const store = await openSqliteRolloutStore({ file: file() });
    const manager = await RolloutManager.open({ store });
    const by = { actor: 'ana', reason: 'audited' };
    await manager.apply(planDocument, by);
    await manager.start(planDocument.name, by);
    await manager.waiveAcceptance(planDocument.name, by);
    await manager.pause(planDocument.name, by);
    await store.close();
  });
  const verify = (...more: string[]) => run(['audit', 'verify', '--data', data, '--json', ...more]);
  const tamper = (sql: string): void => {
    const database = new DatabaseSync(file());
    database.exec(sql);
    database.close();
  };

  it('says that every record is as it was written, and what to note of the last', async () => {
    const { out, code } = await verify();
    expect(code).toBe(0);
    const { head, ...report } = JSON.parse(out) as { head: { sequence: number; hash: string } };
    expect(report).toEqual({ ok: true, records: 5, rollouts: 1, damage: null });
    expect((await verify('--expect', `${head.sequence}:${head.hash}`)).code).toBe(0);
    expect((await run(['audit', 'verify', '--data', data])).out).toMatch(
      new RegExp(`All 5 records of 1 rollout are .*--expect 5:${head.hash}`),
    );
  });

  it.each([
    [
      'changed',
      `UPDATE events SET payload = replace(payload, 'ana', 'bob') WHERE sequence = 2`,
      2,
      /changed/,
    ],
    ['removed', 'DELETE FROM events WHERE sequence = 3', 3, /missing/],
    ['removed at the end', 'DELETE FROM events WHERE sequence = 5', 5, /missing/],
    [
      'reordered',
      'UPDATE events SET sequence = -1 WHERE sequence = 3; UPDATE events SET sequence = 3 WHERE sequence = 4; UPDATE events SET sequence = 4 WHERE sequence = -1',
      3,
      /order/,
    ],
  ])('finds a record that was %s, and ends with 1', async (_, sql, sequence, problem) => {
    tamper(sql);
    const { out, code } = await verify();
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      damage: { sequence, problem: expect.stringMatching(problem) as string },
    });
    expect((await run(['audit', 'verify', '--data', data])).out).toMatch(/not what was written/);
  });

  it('finds a log that was written anew, hashes and all, by a record that was noted', async () => {
    const { out, code } = await verify('--expect', `3:${'0'.repeat(64)}`);
    expect([code, out]).toEqual([1, expect.stringContaining('the log was written anew')]);
    expect((await verify('--expect', `9:${'0'.repeat(64)}`)).out).toContain('was noted and is missing');
  });

  it('refuses a folder without a log, and a note that is none', async () => {
    expect((await run(['audit', 'verify', '--data', root])).err).toMatch(/got no such file/);
    expect((await verify('--expect', 'x')).code).toBe(2);
  });
});
