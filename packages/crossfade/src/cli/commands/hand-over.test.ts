import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@crossfade/sdk/core/clock';
import { silentLog } from '@crossfade/sdk/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hearTones } from '../../acceptance/acceptance.fixture.ts';
import { startListenServer } from '../../acceptance/listen-server.fixture.ts';
import { exampleReport } from '../../acceptance/report.fixture.ts';
import type { AcceptanceReport } from '../../acceptance/report.ts';
import { planDocument } from '../../controller/rollout.fixture.ts';
import { type ControlPlane, startControlPlane } from '../../server/control-plane.ts';
import { createMemoryRolloutStore } from '../../store/memory/events.ts';
import { createMemorySessionStore } from '../../store/memory/sessions.ts';
import { run } from '../command-io.fixture.ts';

const by = { actor: 'ana', reason: 'a new build' };
let folder: string;
let plane: ControlPlane;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossfade-hand-over-'));
  plane = await startControlPlane({
    store: createMemoryRolloutStore(),
    sessions: createMemorySessionStore(),
    dataFolder: folder,
    port: 0,
    clock: systemClock,
    log: silentLog,
  });
  await plane.manager.apply({ ...planDocument, gates: [{ metric: 'missed-tail' }] }, by);
  await plane.manager.start('streaming-2', by);
});
afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true, force: true });
});

function report(build: string): AcceptanceReport {
  const { target, run: ran, metrics } = exampleReport();
  return exampleReport({
    result: 'passed',
    target: { ...target, build },
    run: { ...ran, startedAt: new Date(systemClock.nowMs()).toISOString() },
    metrics: metrics.slice(0, 1).map((row) => ({ ...row, id: 'missed-tail', result: 'certified' })),
  });
}

async function rolloutAccept(content: string): ReturnType<typeof run> {
  const file = join(folder, 'report.json');
  await writeFile(file, content);
  return run(['rollout', 'accept', 'streaming-2', file, '--data', folder, '--actor', 'ana']);
}

describe('crossfade rollout accept', () => {
  it('opens the first stage and shows what it was opened by', async () => {
    const { code, out } = await rolloutAccept(JSON.stringify(report('build-2'), null, 2));
    expect(code).toBe(0);
    expect(out).toContain('streaming-2: running');
    expect(out).toContain('Accepted by report');
    const history = await run(['rollout', 'history', 'streaming-2', '--data', folder]);
    expect(history.out).toMatch(/accepted\s+ana: Accepted by report/);
  });

  it.each([
    ['of another build', JSON.stringify(report('build-1')), 1, 'got that of build-1'],
    [
      'that was changed',
      JSON.stringify({ ...report('build-2'), partial: true }),
      2,
      'changed since it was made',
    ],
    ['that is none', '{"name":"plan"}', 2, 'got another document'],
  ])('refuses a report %s with a sentence', async (_, content, code, sentence) => {
    const ran = await rolloutAccept(content);
    expect(ran.err).toContain(sentence);
    expect(ran.code).toBe(code);
    expect(plane.manager.status('streaming-2').state).toBe('awaiting-acceptance');
  });
});

describe('crossfade accept --for', () => {
  it('hands the report over when the run is done, and says why it is not taken', async () => {
    const server = await startListenServer({
      wordsOf: (_session, audio) => hearTones(audio),
      build: 'build-2',
    });
    const notMeasured = ['recovery-success', 'durability-loss', 'orphan-rate', 'finalization-latency'];
    const waivers = notMeasured.flatMap((id) => [id, 'not of this server']);
    try {
      const words = ['--target', server.url, '--case', 'short-turns-1', '--waive', ...waivers];
      const { code, err } = await run(['accept', ...words, '--for', 'streaming-2', '--data', folder]);
      expect(err).toContain('Expected evidence of a whole run, got the case short-turns-1 alone');
      expect(code).toBe(1);
    } finally {
      await server.close();
    }
  });
});
