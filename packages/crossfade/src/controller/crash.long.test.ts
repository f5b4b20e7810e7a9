import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteRolloutStore } from '../store/sqlite/events.ts';
import { planDocument } from './rollout.fixture.ts';
import { RolloutManager } from './rollout-manager.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const name = planDocument.name;

/** Pauses and resumes for ever, and says each revision once it is stored. */
const program = `
  import { openSqliteRolloutStore, RolloutManager } from '@crossfade/server';
  const manager = await RolloutManager.open({ store: await openSqliteRolloutStore({ file: process.env.FILE }) });
  const by = { actor: 'ana', reason: 'crash test' };
  await manager.apply(JSON.parse(process.env.PLAN), by);
  await manager.start('${name}', by);
  await manager.waiveAcceptance('${name}', by).catch(() => {});
  for (let i = 0; ; i++) {
    const { state } = manager.status('${name}');
    const { revision } = await manager[state === 'paused' ? 'resume' : 'pause']('${name}', by);
    console.log(revision);
  }
`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-crash-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the program until it has said `lines` revisions, kills it with SIGKILL, and answers the last one said. */
async function killAfter(file: string, lines: number): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', program],
    {
      cwd: root,
      env: { ...process.env, FILE: file, PLAN: JSON.stringify(planDocument) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let said = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    said = Number(line);
    if (++count === lines) child.kill('SIGKILL');
  }
  await ended;
  return said;
}

describe('a manager that is killed with SIGKILL', () => {
  it('comes back with every command it had answered, the next one whole or not at all, and its notices', async () => {
    const file = join(folder, 'rollouts.sqlite');
    for (const lines of [1, 7, 20, 53]) {
      const said = await killAfter(file, lines);
      const store = await openSqliteRolloutStore({ file });
      const manager = await RolloutManager.open({ store });
      const { revision } = manager.status(name);
      const audit = await manager.history(name);
      const paused = audit.filter(({ type }) => type === 'paused');
      const notices = (await store.pendingOutbox({ limit: 10_000 })).filter(({ kind }) => kind === 'paused');

      expect(revision).toBeGreaterThanOrEqual(said);
      expect(revision).toBeLessThanOrEqual(said + 1);
      expect(await store.verify()).toBeNull();
      expect(new Set(notices.map(({ id }) => id)).size).toBe(paused.length);
      expect(audit.map(({ sequence }) => sequence)).toEqual(audit.map((_, index) => index + 1));
      await store.close();
    }
  });
});
