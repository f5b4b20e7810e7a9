import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '@crossfade/sdk/core/log';
import { ManualClock } from '@crossfade/sdk/core/manual-clock';
import { planDocument } from '../../controller/rollout.fixture.ts';
import { type ControlPlane, startControlPlane } from '../../server/control-plane.ts';
import { createMemoryRolloutStore } from '../../store/memory/events.ts';
import { createMemorySessionStore } from '../../store/memory/sessions.ts';
import { run } from '../command-io.fixture.ts';

let folder: string;
let plane: ControlPlane;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-rollout-'));
  const [store, sessions, clock] = [
    createMemoryRolloutStore(),
    createMemorySessionStore(),
    new ManualClock(),
  ];
  plane = await startControlPlane({ store, sessions, dataFolder: folder, port: 0, clock, log: silentLog });
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

async function planFile(plan: object | string): Promise<string> {
  const file = join(folder, 'plan.yaml');
  await writeFile(file, typeof plan === 'string' ? plan : JSON.stringify(plan));
  return file;
}

it('apply and revise name every mistake of a plan, a line each', async () => {
  const good = await planFile(planDocument);
  const applied = await run(['rollout', 'apply', good, '--data', folder]);
  expect(applied).toMatchObject({ code: 0 });
  const bad = await planFile('name: 7\nstages: []\n');
  for (const words of [
    ['apply', bad],
    ['revise', planDocument.name, bad],
  ]) {
    const { err, code } = await run(['rollout', ...words, '--data', folder]);
    expect(err).toMatch(/name: expected .* \(and 3 more\)/);
    for (const place of ['control', 'candidate', 'stages']) expect(err).toContain(`\n  ${place}: expected `);
    expect(code).toBe(2);
  }
});

it('revise refuses another upstream at once, whether a gateway knows it or not', async () => {
  expect(await run(['rollout', 'apply', await planFile(planDocument), '--data', folder])).toMatchObject({
    code: 0,
  });
  const nowhere = { ...planDocument, candidate: { ...planDocument.candidate, upstream: 'nowhere' } };
  const words = ['rollout', 'revise', planDocument.name, await planFile(nowhere), '--data', folder];
  const { err, code } = await run(words);
  expect(err).toContain('got another candidate. Apply it as a rollout of its own.');
  expect(code).toBe(1);
});
